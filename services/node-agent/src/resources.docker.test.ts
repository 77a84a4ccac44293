import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type InventoryReply, liveSubjects } from "@eru/events";
import { MemoryBroker } from "@eru/log/memory";
import { type Engines, importHelloImage, type Engine as Node, startEngines } from "@eru/testing/engines";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { eventually, giveOrders, type RunningAgent, reported, runAgent } from "../test/loop.ts";
import { assigned, stopAssigned } from "../test/orders.ts";
import { DockerEngine } from "./docker.ts";

// What was granted of a node is what the kernel gives, on a real engine: cores, volumes and ports.
const [bound, free] = ["shop-web-abc123-1", "shop-web-abc123-2"];

let rig: Engines;
let node: Node;
let engine: DockerEngine;
let broker: MemoryBroker;
let agent: RunningAgent;
let folder: string;

beforeAll(async () => {
  rig = await startEngines(1, { flags: [] });
  node = rig.engines[0]!;
  await importHelloImage(node, "hello:1");
  engine = new DockerEngine({ socketPath: node.socket, node: "n1" });
});
afterAll(() => rig.stop());
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "eru-resources-"));
  broker = new MemoryBroker();
  agent = runAgent({
    broker,
    engine,
    addressing: { advertise: "container", address: node.address, mountable: [folder] },
  });
});
afterEach(async () => {
  await agent.stop();
  for (const { id } of await engine.list()) await engine.stop(id, 0).then(() => engine.remove(id));
  await rm(folder, { recursive: true, force: true });
});

const docker = async (...args: string[]) =>
  (await node.run(["docker", "-H", `unix://${node.socket}`, ...args])).stdout.trim();

/** The cores the kernel lets the workload's process run on. */
async function coresOf(workload: string): Promise<string | undefined> {
  const pid = await docker("inspect", "-f", "{{.State.Pid}}", `eru-${workload}-g1`);
  const { stdout } = await node.run(["cat", `/proc/${pid}/status`]);
  return /Cpus_allowed_list:\s+(\S+)/.exec(stdout)?.[1];
}
const healthy = (workload: string) =>
  eventually(async () =>
    expect(await reported(broker)).toContainEqual(
      expect.objectContaining({ type: "ContainerHealthy", workload }),
    ),
  );

test("a bound workload runs on its core alone, and what is not bound keeps off it while it is there", async () => {
  const machine = Object.keys((await engine.facts()).cores);
  expect(machine.length).toBeGreaterThan(1);
  await giveOrders(broker, assigned({ workload: free }));
  await healthy(free);
  const all = await coresOf(free);
  await giveOrders(
    broker,
    assigned({ workload: bound, resources: { cpu: 1, bind: true }, granted: { cores: { "1": 100 } } }),
    { type: "SharedCoresAssigned", node: "n1", generation: 1, cores: ["0"] },
  );
  await healthy(bound);
  expect(await coresOf(bound)).toBe("1");
  await eventually(async () => expect(await coresOf(free)).toBe("0"));
  await giveOrders(broker, stopAssigned(bound, 2, 0), {
    type: "SharedCoresAssigned",
    node: "n1",
    generation: 2,
    cores: [],
  });
  await eventually(async () => expect(await coresOf(free)).toBe(all));
});

test("a running container is bound to a core and let go, and runs on", async () => {
  await giveOrders(broker, assigned({ workload: free }));
  await healthy(free);
  const all = await coresOf(free);
  const realloc = { type: "WorkloadReallocAssigned", node: "n1", workload: free } as const;
  const resources = { cpu: 1, memoryMib: 32 };
  const done = async (revision: number) =>
    expect(await reported(broker)).toContainEqual({
      type: "ReallocDone",
      node: "n1",
      workload: free,
      revision,
    });
  const granted = { cores: { "1": 100 } };
  await giveOrders(broker, { ...realloc, revision: 1, resources: { ...resources, bind: true }, granted });
  await eventually(() => done(1));
  expect(await coresOf(free)).toBe("1");
  expect(await docker("inspect", "-f", "{{.HostConfig.NanoCpus}}", `eru-${free}-g1`)).toBe("1000000000");
  await giveOrders(broker, { ...realloc, revision: 2, resources: { ...resources, cpu: 0.5 }, granted: {} });
  await eventually(() => done(2));
  await eventually(async () => expect(await coresOf(free)).toBe(all));
  expect(await docker("inspect", "-f", "{{.HostConfig.NanoCpus}} {{.RestartCount}}", `eru-${free}-g1`)).toBe(
    "500000000 0",
  );
  expect((await reported(broker)).filter(({ type }) => type === "ContainerStarted")).toHaveLength(1);
});

test("a volume is a directory of the node's volume that is the workload's own, and a mount is what it says", async () => {
  const volumes = [
    { to: "/data", sizeMib: 10 },
    { from: join(folder, "www"), to: "/www", sizeMib: 0, readOnly: true },
  ];
  await node.run(["mkdir", "-p", join(folder, "www")]);
  await giveOrders(
    broker,
    assigned({
      workload: bound,
      resources: { volumes },
      granted: { volumes: [{ to: "/data", path: join(folder, "disk"), sizeMib: 10 }] },
    }),
  );
  await healthy(bound);
  const pid = await docker("inspect", "-f", "{{.State.Pid}}", `eru-${bound}-g1`);
  await node.run(["touch", `/proc/${pid}/root/data/kept`]);
  const { stdout } = await node.run(["ls", join(folder, "disk", bound, "data")]);
  expect(stdout.trim()).toBe("kept");
  const mounts = (await node.run(["cat", `/proc/${pid}/mounts`])).stdout;
  expect(mounts).toMatch(/ \/data \S+ rw/);
  expect(mounts).toMatch(/ \/www \S+ ro/);
  // What takes its place finds what is there.
  await giveOrders(
    broker,
    assigned({
      workload: bound,
      ...{ generation: 2, takesOver: {}, resources: { volumes } },
      granted: { volumes: [{ to: "/data", path: join(folder, "disk"), sizeMib: 10 }] },
    }),
  );
  await eventually(async () =>
    expect(await reported(broker)).toContainEqual(
      expect.objectContaining({ type: "ContainerHealthy", workload: bound, generation: 2 }),
    ),
  );
  const next = await docker("inspect", "-f", "{{.State.Pid}}", `eru-${bound}-g2`);
  expect((await node.run(["ls", `/proc/${next}/root/data`])).stdout.trim()).toBe("kept");
});

test("a port of the node leads into the container", async () => {
  const ports = [{ hostPort: 18_080, port: 8_080 }];
  await giveOrders(broker, assigned({ workload: bound, resources: { ports }, granted: { ports: [18_080] } }));
  await healthy(bound);
  // Started is all that healthy means here: the program may not listen yet.
  await eventually(async () => {
    const answer = await fetch(`http://${node.address}:18080/`, { signal: AbortSignal.timeout(5_000) });
    expect(await answer.json()).toMatchObject({ id: bound });
  });
});

test("what is asked of the agent: other bounds by hand are told until ordered once more, and what is removed is made again", async () => {
  await giveOrders(broker, assigned({ workload: free, cpu: 0.5, memoryMib: 64 }));
  await healthy(free);
  const ask = async (): Promise<InventoryReply> =>
    JSON.parse(await broker.live.request(liveSubjects.inventory("n1"), '{"look":false}', 30_000));
  await eventually(async () => expect(await ask()).toMatchObject({ asOrdered: [free], faultsTotal: 0 }));
  await docker("update", "--memory", "32m", "--memory-swap", "32m", "--cpus", "1.5", `eru-${free}-g1`);
  await docker("create", "--name", "mine", "hello:1");
  const detail =
    "cpu limit 1.5, ordered 0.5; memory limit 32 MiB, ordered 64 MiB; memory with swap 32 MiB, ordered 64 MiB";
  expect(await ask()).toMatchObject({
    others: 1,
    faults: [{ what: "limits", workload: free, detail, cpuMilli: 1_000, memoryMib: -32 }],
  });
  const resources = { cpu: 0.5, memoryMib: 64 };
  await giveOrders(broker, {
    ...{ type: "WorkloadReallocAssigned", node: "n1", workload: free, revision: 1, resources },
  });
  await eventually(async () => expect(await ask()).toMatchObject({ asOrdered: [free], faultsTotal: 0 }));
  const before = await engine.inspect(`eru-${free}-g1`);
  await docker("rm", "-f", "mine", `eru-${free}-g1`);
  await eventually(async () => {
    expect(await ask()).toMatchObject({ others: 0, asOrdered: [free], faultsTotal: 0 });
    expect((await engine.inspect(`eru-${free}-g1`))?.id).not.toBe(before?.id);
  });
});
