import { setTimeout as sleep } from "node:timers/promises";
import type Docker from "dockerode";
import { z } from "zod";
import { timed } from "../figures.ts";
import { batch, count, memoryMib } from "./setting.ts";

const pollMs = 50;
const service = "bench";

const Task = z.looseObject({
  NodeID: z.string().optional(),
  DesiredState: z.string(),
  Spec: z.looseObject({ ForceUpdate: z.number().optional() }),
  Status: z.looseObject({ State: z.string() }),
});

/** A swarm of one manager; it has no ingress network, which this kernel may not carry. */
export async function beginSwarm(engine: Docker, address: string): Promise<void> {
  await engine.swarmInit({ AdvertiseAddr: address, ListenAddr: `${address}:2377` });
}

/** Other engines join as workers. */
export async function joinSwarm(
  manager: Docker,
  address: string,
  others: readonly { engine: Docker; address: string }[],
) {
  const { JoinTokens } = z
    .looseObject({ JoinTokens: z.looseObject({ Worker: z.string() }) })
    .parse(await manager.swarmInspect());
  for (const { engine, address: own } of others)
    await engine.swarmJoin({
      AdvertiseAddr: own,
      ListenAddr: `${own}:2377`,
      RemoteAddrs: [`${address}:2377`],
      JoinToken: JoinTokens.Worker,
    });
}

/** Creates so many, replaces them in batches, new ones first, and removes all. */
export async function swarmRound(
  engine: Docker,
  image: string,
  network: string | undefined,
): Promise<{ create: number; update: number }> {
  const create = await timed(async () => {
    await engine.createService(spec(image, 0, count, network));
    await running(engine, 0, count);
  });
  const update = await timed(async () => {
    const before = z
      .looseObject({ Version: z.looseObject({ Index: z.number() }) })
      .parse(await engine.getService(service).inspect());
    await engine
      .getService(service)
      .update({ version: before.Version.Index, ...spec(image, 1, count, network) });
    await running(engine, 1, count);
  });
  await engine.getService(service).remove();
  while (
    (
      await engine.listContainers({
        all: true,
        filters: { label: [`com.docker.swarm.service.name=${service}`] },
      })
    ).length > 0
  )
    await sleep(pollMs);
  return { create, update };
}

/** So many spread over the swarm; resolves when they run. */
export async function swarmSpread(manager: Docker, image: string, replicas: number): Promise<void> {
  await manager.createService(spec(image, 0, replicas));
  await running(manager, 0, replicas);
}

/** Waits until so many run elsewhere than on a node. */
export async function runningElsewhere(manager: Docker, node: string, wanted: number): Promise<void> {
  for (;;) {
    const tasks = await tasksOf(manager);
    const there = tasks.filter(
      ({ DesiredState, Status, NodeID }) =>
        DesiredState === "running" && Status.State === "running" && NodeID !== node,
    );
    if (there.length >= wanted) return;
    await sleep(pollMs);
  }
}

async function running(engine: Docker, update: number, wanted: number): Promise<void> {
  for (;;) {
    const tasks = (await tasksOf(engine)).filter(
      ({ Spec, Status, DesiredState }) =>
        (Spec.ForceUpdate ?? 0) === update && Status.State === "running" && DesiredState === "running",
    );
    if (tasks.length >= wanted) return;
    await sleep(pollMs);
  }
}

const tasksOf = async (engine: Docker) =>
  z.array(Task).parse(await engine.listTasks({ filters: JSON.stringify({ service: [service] }) }));

const spec = (image: string, update: number, replicas: number, network?: string) => ({
  Name: service,
  TaskTemplate: {
    ForceUpdate: update,
    ...(network !== undefined && { Networks: [{ Target: network }] }),
    ContainerSpec: { Image: image, StopGracePeriod: 10_000_000_000 },
    Resources: { Limits: { MemoryBytes: memoryMib * 1024 ** 2, NanoCPUs: 10_000_000 } },
    RestartPolicy: { Condition: "any" as const, Delay: 0 },
  },
  Mode: { Replicated: { Replicas: replicas } },
  UpdateConfig: {
    Parallelism: batch,
    Order: "start-first" as const,
    Delay: 0,
    FailureAction: "pause" as const,
  },
  EndpointSpec: { Mode: "dnsrr" as const },
});
