// So many workloads on every node, through the command line against the real command-api, scheduler, projector and agents.
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

/** Workloads per node and release, those on their way out not counted. */
async function layout(): Promise<Record<string, number>> {
  const workloads = await json<{ node: string; release: string; state: string }[]>(
    `workload list --deployment ${id}`,
  );
  const counts: Record<string, number> = {};
  for (const { node, release, state } of workloads)
    if (state === "healthy") counts[`${node} ${release}`] = (counts[`${node} ${release}`] ?? 0) + 1;
  return counts;
}
const becomes = (wanted: Record<string, number>) =>
  until(`the workloads are as ${JSON.stringify(wanted)}`, async () => {
    const now = await layout();
    return JSON.stringify(Object.entries(now).sort()) === JSON.stringify(Object.entries(wanted).sort());
  });

const deploy = "deploy hello --pod demo --cpu 0.1 --memory 32M --release v1 --strategy";

beforeAll(async () => {
  zone = await startMemoryZone(["n1", "n2", "n3"], ["hello:1", "hello:2"]);
  const spec = "appname: hello\nentrypoints:\n  web:\n    publish: [8080]\n";
  writeFileSync(join(zone.directory, "app.yaml"), spec);
  for (const line of [
    "pod add demo",
    ...["n1", "n2", "n3"].map((node) => `node add ${node} --pod demo --label disk=ssd`),
    "app register hello",
    "release register hello --file app.yaml --image hello:1 --release v1",
    "release register hello --file app.yaml --image hello:2 --release v2",
  ])
    expect(await eru(line), line).toMatchObject({ code: 0, err: "" });
  await until("all nodes are alive", async () =>
    (await json<{ liveness: string }[]>("node list")).every((node) => node.liveness === "alive"),
  );
}, 60_000);

afterAll(() => zone[Symbol.asyncDispose]());

test("a dry run says on how many nodes, and --wait waits for all of them", async () => {
  const planned = await eru(`${deploy} each --label disk=ssd --count 2 --dry-run`);
  expect(planned.out).toContain("6 workloads would be placed: 2 per node on 3 nodes");
  const { code, out, err } = await eru(`${deploy} each --label disk=ssd --count 2 --wait`);
  expect({ code, err: err.split("\n")[0] }).toMatchObject({ code: 0 });
  expect(out + err).toContain("2 workloads per node of hello/web wanted in pod demo");
  id = /hello-web-[a-z0-9]{6}/.exec(out + err)?.[0] ?? "";
  expect(await layout()).toEqual({ "n1 v1": 2, "n2 v1": 2, "n3 v1": 2 });
  const shown = (await eru(`deployment show ${id}`)).out;
  expect(shown).toMatch(/sets +2 per node on 3 nodes/);
  expect((await eru(`why ${id}`)).out).toContain("2 workloads per node of hello v1 wanted in pod demo");
  expect(shown).toMatch(/workloads +6 wanted, 6 placed, 6 healthy/);
});

test("scaling is per node", async () => {
  expect(await eru(`deployment scale ${id} 1 --wait`)).toMatchObject({
    ...{ code: 0, err: expect.stringContaining(`${id}: 1 workload per node wanted`) },
  });
  expect(await layout()).toEqual({ "n1 v1": 1, "n2 v1": 1, "n3 v1": 1 });
  const { code, err } = await eru(`deployment scale ${id} 1001`);
  expect({ code, err }).toMatchObject({ code: 3, err: expect.stringContaining("at most 1000") });
});

test("a node that no longer fits loses its set, one that fits again gets it; why not says so", async () => {
  await eru("node label n3");
  await becomes({ "n1 v1": 1, "n2 v1": 1 });
  expect((await eru(`why not n3 ${id}`)).out).toContain('label disk: "ssd" wanted');
  expect((await eru(`why not n1 ${id}`)).out).toContain("it has what it shall have, 1 per node");
  await eru("node label n3 disk=ssd");
  await becomes({ "n1 v1": 1, "n2 v1": 1, "n3 v1": 1 });
});

test("a dry run of a replacement says how it would go, and nothing is recorded", async () => {
  const [one] = await json<{ workload: string }[]>(`workload list --deployment ${id}`);
  const workload = one?.workload ?? "";
  const { code, out } = await eru(`workload replace ${workload} --copy /etc/app --dry-run`);
  expect({ code, out }).toMatchObject({ code: 0, out: expect.stringContaining("dry run, nothing recorded") });
  expect(out).toMatch(/in place on n[123]: .* because its deployment has a number of them on each node/);
  expect(out).toContain("copied: /etc/app");
  expect(await json(`workload replace ${workload} --inherit-network --dry-run`)).toMatchObject({
    ...{ workload, how: "in_place", inherits: { network: true } },
  });
  expect((await eru(`events --object workload:${workload}`)).out).not.toContain("replace");
  expect(await eru(`workload replace ${id}-99 --dry-run`)).toMatchObject({
    ...{ code: 3, err: expect.stringContaining("there is no workload") },
  });
  expect((await eru(`workload replace ${workload} --dry-run --wait`)).err).toContain("nothing to --wait for");
});

test("an upgrade replaces each on its own node", async () => {
  expect(await eru(`upgrade ${id} --release v2 --wait`)).toMatchObject({ code: 0 });
  expect(await layout()).toEqual({ "n1 v2": 1, "n2 v2": 1, "n3 v2": 1 });
});

test("a drain takes a set away and puts it nowhere else; cancelled, it comes back", async () => {
  const forecast = await eru("node drain n2 --dry-run");
  expect(forecast.out).toContain("0 of 1 workload on n2 would be moved, 1 would go: they belong to the node");
  expect(await eru("node drain n2 --wait")).toMatchObject({ code: 0 });
  await becomes({ "n1 v2": 1, "n3 v2": 1 });
  await eru("node drain n2 --cancel");
  await becomes({ "n1 v2": 1, "n2 v2": 1, "n3 v2": 1 });
});

test("a fill with nothing to do is accepted and says so", async () => {
  const planned = await eru(`${deploy} fill --count 1 --dry-run`);
  expect(planned.out).toContain("0 workloads would be placed: 1 per node on 3 nodes; nothing to do");
  const { code, out, err } = await eru(`${deploy} fill --count 1 --no-wait-for-room --wait`);
  expect({ code, err }).toMatchObject({ code: 0 });
  const other = /hello-web-[a-z0-9]{6}/.exec(out + err)?.[0] ?? "";
  expect((await eru(`why ${other}`)).out).toContain("nothing to place");
});
