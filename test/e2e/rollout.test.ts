// Rollouts through the command line against the real command-api, scheduler, projector and agents, over the log in memory.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eru as run } from "../../clients/cli/src/testkit/eru.ts";
import { type MemoryZone, startMemoryZone, until } from "./memory-zone.ts";

let zone: MemoryZone;
let id = "";

const eru = (line: string) => run({ cwd: zone.directory }, line.split(" "), { now: () => Date.now() });

/** What a command that must end well wrote, as JSON. */
async function json<T>(line: string): Promise<T> {
  const { code, out, err } = await eru(`${line} --json`);
  expect({ line, code, err }).toEqual({ line, code: 0, err: "" });
  return JSON.parse(out) as T;
}

type Rollout = { number: number; state: string; reason: string | null; steps: { type: string }[] };
const rollout = () => json<Rollout>(`rollout show ${id}`);
const releases = async () =>
  (await json<{ release: string }[]>(`workload list --deployment ${id}`))
    .map(({ release }) => release)
    .sort();

beforeAll(async () => {
  zone = await startMemoryZone(["n1", "n2", "n3"], ["hello:1", "hello:2"]);
  const spec =
    "appname: hello\nentrypoints:\n  web:\n    publish: [8080]\n    restart: {policy: always, retriesMax: 0}\n";
  writeFileSync(join(zone.directory, "app.yaml"), spec);
  for (const line of [
    "pod add demo",
    ...["n1", "n2", "n3"].map((node) => `node add ${node} --pod demo`),
    "app register hello",
    "release register hello --file app.yaml --image hello:1 --release v1",
    "release register hello --file app.yaml --image hello:2 --release v2",
    "release register hello --file app.yaml --image nowhere:1 --release broken",
  ])
    expect(await eru(line), line).toMatchObject({ code: 0, err: "" });
  await until("all nodes are alive", async () =>
    (await json<{ liveness: string }[]>("node list")).every((node) => node.liveness === "alive"),
  );
  const { out } = await eru("deploy hello --pod demo --cpu 0.1 --memory 32M --count 4 --release v1 --wait");
  id = /hello-web-[a-z0-9]{6}/.exec(out)?.[0] ?? "";
}, 60_000);

afterAll(() => zone[Symbol.asyncDispose]());

test("words about a rollout that is not there say what to do", async () => {
  for (const word of ["pause", "resume", "abort", "promote", "rollback"]) {
    const { code, err } = await eru(`rollout ${word} ${id}`);
    expect({ word, code }).toEqual({ word, code: 3 });
    expect(err).toMatch(/→ run `eru rollout list --all`/);
  }
  expect(await eru(`rollout show ${id}`)).toMatchObject({
    code: 3,
    err: expect.stringContaining("was never upgraded"),
  });
  expect(await eru("rollout abort nothing-web-000000")).toMatchObject({ code: 3 });
});

test("an upgrade to what runs already says so and begins nothing", async () => {
  expect((await eru(`upgrade ${id} --release v1`)).out).toContain("nothing differs, --force replaces all");
  expect(await json("rollout list --all")).toEqual([]);
});

test("a dry run says where the first ones would go, and why it may cost requests", async () => {
  const { code, out } = await eru(`upgrade ${id} --release v2 --batch 2 --dry-run`);
  expect(code).toBe(0);
  expect(out).toContain("4 workloads would be replaced, at most 2 more than wished");
  expect(out).toContain("no health check");
  expect(await json("rollout list --all")).toEqual([]);
});

test("a release that cannot be pulled goes back by itself, and show says why", async () => {
  const { code, err } = await eru(`upgrade ${id} --release broken --wait`);
  expect(code).toBe(1);
  expect(err).toMatch(/rollout 1 was rolled back: .*pull/);
  expect(await releases()).toEqual(["v1", "v1", "v1", "v1"]);
  expect(await rollout()).toMatchObject({
    number: 1,
    state: "rolled_back",
    reason: expect.stringMatching(/pull/),
  });
  expect((await eru(`rollout show ${id}`)).out).toMatch(/because +hello-web-\w+-5 on n\d: pull/);
});

test("a canary waits, a second upgrade is refused meanwhile, and promote replaces the rest", async () => {
  const waited = await eru(`upgrade ${id} --release v2 --canary 25% --wait`);
  expect(waited).toMatchObject({
    code: 0,
    out: expect.stringContaining("1 new, waits for promote or abort"),
  });
  expect(await releases()).toEqual(["v1", "v1", "v1", "v2"]);
  const second = await eru(`upgrade ${id} --release v1 --force`);
  expect(second).toMatchObject({ code: 3, err: expect.stringContaining("rollout 2") });
  expect(second.err).toContain("--replace");
  expect(await eru(`rollout promote ${id} --wait`)).toMatchObject({ code: 0 });
  expect(await releases()).toEqual(["v2", "v2", "v2", "v2"]);
  expect(await eru(`rollout abort ${id}`)).toMatchObject({
    code: 3,
    err: expect.stringContaining("is completed; undo it"),
  });
});

test("a completed rollout is undone by another one", async () => {
  expect(await eru(`rollout rollback ${id} --batch 2 --wait`)).toMatchObject({ code: 0 });
  expect(await releases()).toEqual(["v1", "v1", "v1", "v1"]);
  expect((await eru(`rollout show ${id}`)).out).toContain("undoes rollout 2");
});

test("paused, nothing goes on; aborted, it goes back", async () => {
  await json(`upgrade ${id} --release v2 --canary 2`);
  await json(`rollout pause ${id}`);
  expect(await rollout()).toMatchObject({ number: 4, state: "paused" });
  expect((await eru("rollout list")).out).toMatch(new RegExp(`${id} +4 +v1 → v2 +paused`));
  expect(await eru(`rollout abort ${id} --wait`)).toMatchObject({ code: 0 });
  expect(await releases()).toEqual(["v1", "v1", "v1", "v1"]);
});

test("environment, size and settings are rolled out and back like releases", async () => {
  const settings = JSON.stringify({ graceSeconds: 1 });
  const line = [
    "upgrade",
    id,
    "--env",
    "A=1",
    "--memory",
    "64M",
    "--settings",
    settings,
    "--stop-first",
    "--wait",
  ];
  expect((await run({ cwd: zone.directory }, line, { now: () => Date.now() })).code).toBe(0);
  const changed = await json<{ changes: string[] }>(`rollout show ${id}`);
  expect(changed.changes).toEqual(["env", "resources", "settings"]);
  type Shown = {
    deployment: { resources: object; template: { env: object; entrypoint: { graceSeconds: number } } };
  };
  expect((await json<Shown>(`deployment show ${id}`)).deployment).toMatchObject({
    resources: { cpu: 0.1, memoryMib: 64 },
    template: { env: { A: "1" }, entrypoint: { graceSeconds: 1 } },
  });
  expect((await eru(`rollout rollback ${id} --wait`)).code).toBe(0);
  expect((await json<Shown>(`deployment show ${id}`)).deployment).toMatchObject({
    resources: { cpu: 0.1, memoryMib: 32 },
    template: { env: {}, entrypoint: { graceSeconds: 10 } },
  });
});
