import { type Broker, connectBroker } from "@eru/log";
import { type NatsServer, startNatsServer } from "@eru/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { summary } from "../test/drive.ts";
import { eventually, giveOrders, type RunningAgent, reported, runAgent } from "../test/loop.ts";
import { assigned } from "../test/orders.ts";
import { SimEngine } from "../test/sim-engine.ts";

// The agent's loop on a real broker, which is killed as a power cut would.
let server: NatsServer;
let scheduler: Broker;
let agents: Broker;
let agent: RunningAgent | undefined;

beforeEach(async () => {
  server = await startNatsServer();
  scheduler = await connectBroker({ servers: [server.url], name: "scheduler", ensureStreams: true });
  agents = await connectBroker({ servers: [server.url], name: "agent", ownSubjectsOnly: true, retryMs: 500 });
});
afterEach(async () => {
  await agent?.stop();
  await Promise.all([scheduler.close(), agents.close()]);
  await server.stop();
});

const count = 40;
const orders = (first: number) =>
  Array.from({ length: count }, (_, n) => assigned({ workload: `shop-web-abc123-${first + n}` }));

test("a broker killed under a burst of facts has each of them once when it is back, in order", async () => {
  const engine = new SimEngine({ node: "n1", now: () => Date.now(), images: ["hello:1"] });
  agent = runAgent({ broker: agents, engine });
  await giveOrders(scheduler, ...orders(1));
  await eventually(async () => expect((await reported(scheduler)).length).toBeGreaterThan(3));
  await server.kill9();
  const up = () => engine.containers().filter((one) => one.state === "running");
  await eventually(() => expect(up()).toHaveLength(count));
  for (const { name } of engine.containers().slice(0, 10)) engine.removeByHand(name);
  await eventually(() => expect(up()).toHaveLength(count));
  await server.restart();
  await giveOrders(scheduler, ...orders(count + 1)); // Heard after the connection came back.
  const healthy = async () =>
    (await reported(scheduler)).filter((fact) => fact.type === "ContainerHealthy").length;
  await eventually(async () => expect(await healthy()).toBe(2 * count + 10), 30_000);

  const byWorkload = Map.groupBy(
    (await reported(scheduler)).filter((fact) => "workload" in fact),
    (fact) => fact.workload,
  );
  expect(byWorkload.size).toBe(2 * count);
  const first = ["g1 created", "g1 started #1", "g1 healthy #1"];
  const second = ["g1 removed - by hand", "g1 created", "g1 started #2", "g1 healthy #2"];
  for (const facts of byWorkload.values()) {
    const said = facts.map(summary);
    expect(said).toEqual(said.length === first.length ? first : [...first, ...second]);
  }
});
