import { decodeMessage, type FactEvent, subjects, type WorkloadOrder } from "@eru/events";
import { MemoryBroker } from "@eru/log/memory";
import { createLog } from "@eru/service";
import { expect, onTestFinished, test } from "vitest";
import { assigned } from "../../../services/node-agent/test/orders.ts";
import { sharedMetrics } from "./shared-metrics.ts";
import { SimNodes } from "./sim-nodes.ts";

const traits = { cpus: 8, memoryMib: 10_000, startMs: 1 };
const names = (count: number) => Array.from({ length: count }, (_, at) => `sim-${at + 1}`);

function startSim(count: number, failures = 0) {
  const broker = new MemoryBroker();
  const metrics = sharedMetrics("sim-nodes");
  const log = createLog("sim-nodes", "silent");
  const nodes = names(count).map((name) => ({ name, traits }));
  const sim = new SimNodes({ nodes, broker, metrics, log, seed: 1, failures });
  const stop = new AbortController();
  const ended = sim.run(stop.signal);
  onTestFinished(async () => {
    stop.abort();
    await ended;
  });
  return { broker, sim, metrics };
}

async function order(broker: MemoryBroker, event: WorkloadOrder): Promise<void> {
  await broker.log.append({
    subject: subjects.assignment(event.node),
    message: {
      meta: {
        id: `${event.workload}-${event.generation}`,
        time: new Date(0).toISOString(),
        actor: "scheduler",
      },
      events: [{ event, cause: { correlationId: "c", causationId: "c/0" } }],
    },
  });
}

async function facts(broker: MemoryBroker, node: string): Promise<FactEvent[]> {
  const messages = await broker.log.read(subjects.fact(node), 1);
  return messages.flatMap((stored) => decodeMessage(stored).map(({ event }) => event as FactEvent));
}

test("each node says what its machine has, and obeys its own orders", async () => {
  const { broker, sim } = startSim(60);
  await expect.poll(() => sim.ready(), { timeout: 30_000 }).toBe(60);
  await order(broker, assigned({ node: "sim-33", workload: "shop-web-abc123-1" }));
  await expect
    .poll(async () => (await facts(broker, "sim-33")).map(({ type }) => type))
    .toContain("ContainerHealthy");
  expect(await facts(broker, "sim-1")).toEqual([
    expect.objectContaining({
      type: "NodeObserved",
      resources: expect.objectContaining({ cpu: 8, memoryMib: 8_000 }),
    }),
  ]);
});

test("a workload with a health check is healthy, although there is nothing to connect to", async () => {
  const { broker } = startSim(1);
  await order(broker, assigned({ node: "sim-1", healthcheck: { tcpPorts: [8080], intervalMs: 10 } }));
  await expect
    .poll(async () => (await facts(broker, "sim-1")).map(({ type }) => type))
    .toContain("ContainerHealthy");
});

test("the wanted part of starts fails", async () => {
  const { broker } = startSim(1, 1);
  await order(broker, assigned({ node: "sim-1", restart: { policy: "no" } }));
  await expect
    .poll(async () => (await facts(broker, "sim-1")).find(({ type }) => type === "ContainerExited"))
    .toMatchObject({ exitCode: 1 });
});

test("counters are those of all agents together, gauges that are asked the sum", async () => {
  const { broker, sim, metrics } = startSim(3);
  await expect.poll(() => sim.ready(), { timeout: 30_000 }).toBe(3);
  for (const node of names(3))
    await order(broker, assigned({ node, workload: `shop-web-abc123-${node.at(-1)}` }));
  const text = () => metrics.registry.metrics();
  await expect.poll(text).toMatch(/eru_agent_facts_total\{type="ContainerStarted",[^}]*\} 3/);
  expect(await text()).toMatch(/eru_agent_engine_up\{[^}]*\} 3/);
});
