// What is used, by three accounts: the real services over the log in memory, engines on which somebody tampers.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eru as run } from "../../clients/cli/src/testkit/eru.ts";
import { type MemoryZone, startMemoryZone, until } from "./memory-zone.ts";

let zone: MemoryZone;
const eru = (line: string) => run({ cwd: zone.directory }, line.split(" "), { now: () => Date.now() });
const deployHello = "deploy hello --pod demo --cpu 0.1 --memory 32M --count";
const idOf = (out: string): string => /hello-web-[a-z0-9]{6}/.exec(out)?.[0] ?? "";

beforeAll(async () => {
  zone = await startMemoryZone(["n1", "n2", "n3"], ["hello:1"]);
  writeFileSync(
    join(zone.directory, "app.yaml"),
    "appname: hello\nentrypoints:\n  web:\n    publish: [8080]\n",
  );
  for (const line of [
    "pod add demo --description tests",
    ...["n1", "n2", "n3"].map((node) => `node add ${node} --pod demo`),
    "app register hello",
    "release register hello --file app.yaml --image hello:1 --release v1",
  ])
    expect(await eru(line), line).toMatchObject({ code: 0, err: "" });
});

afterAll(() => zone[Symbol.asyncDispose]());

test("usage agrees; other bounds and a container that nobody ordered are told, put right, and agree again", async () => {
  const { out } = await eru(`${deployHello} 3 --release v1 --wait`);
  const id = idOf(out);
  const agreed = await eru("usage --pod demo");
  expect(agreed).toMatchObject({ code: 0, out: expect.stringContaining("the accounts of 3 nodes agree") });
  const engine = zone.engines.get("n1");
  const victim = engine?.containers().find(({ labels }) => labels["eru.deployment"] === id);
  engine?.boundByHand(victim?.name ?? "", { Memory: 1 << 24 });
  engine?.addForeign("mine", { "eru.node": "n1" });
  const found = await eru("usage --node n1");
  expect(found.code).toBe(1);
  expect(found.out).toContain("memory limit 16 MiB, ordered 32 MiB (--fix orders it anew)");
  expect(found.out).toContain("mine bears the label of node n1 and is none that Eru made (left alone)");
  expect((await eru("usage --fix --node n1")).out).toContain("and being put right");
  await until("the bound is as ordered", async () => {
    const bound = engine?.container(victim?.name ?? "")?.bounds;
    return bound?.Memory === 32 * 1024 * 1024;
  });
  engine?.removeByHand("mine");
  await until("the accounts agree", async () => (await eru("usage")).code === 0);
  const unchanged = await eru("usage --fix");
  expect(unchanged).toMatchObject({ code: 0, out: "nothing differs: nothing is recorded\n" });
  await eru(`remove ${id} --wait`);
  await until("its addresses rest", async () =>
    /n1: addresses: \d at rest after removed containers, 0 in use/.test((await eru("usage --node n1")).out),
  );
});
