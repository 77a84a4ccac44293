import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { type FactEvent, liveSubjects, NodeHeartbeat, subjects } from "@eru/events";
import { MemoryBroker } from "@eru/log/memory";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { summary } from "../test/drive.ts";
import { eventually, giveOrders, type RunningAgent, reported, runAgent } from "../test/loop.ts";
import { assigned, stopAssigned } from "../test/orders.ts";
import { SimEngine } from "../test/sim-engine.ts";
import { SecondAgentError } from "./outbox.ts";

const workload = "shop-web-abc123-1";
const name = `eru-${workload}-g1`;
const running = ["g1 created", "g1 started #1", "g1 healthy #1"];
let broker: MemoryBroker;
let engine: SimEngine;
const agents: RunningAgent[] = [];

beforeEach(() => {
  broker = new MemoryBroker();
  engine = new SimEngine({ node: "n1", now: () => Date.now(), images: ["hello:1"] });
});
afterEach(async () => {
  await Promise.all(agents.splice(0).map((one) => one.stop()));
});

const start = () => {
  const agent = runAgent({ broker, engine });
  agents.push(agent);
  return agent;
};
const kill = async (agent: RunningAgent) => {
  agents.splice(agents.indexOf(agent), 1);
  await agent.stop();
};
/** What was reported besides the machine. */
const facts = async () => (await reported(broker)).map(summary).filter((fact) => fact !== "NodeObserved");
const factsAre = (expected: unknown[]) => eventually(async () => expect(await facts()).toEqual(expected));

test("an order in the log becomes a container and facts; a stop takes both away", async () => {
  start();
  await giveOrders(broker, assigned());
  await factsAre(running);
  await giveOrders(broker, stopAssigned(workload, 2));
  await factsAre([...running, "g2 removed 0"]);
  expect(engine.containers()).toEqual([]);
});

test("facts name the order as their cause and the command as the start of the chain", async () => {
  start();
  await giveOrders(broker, assigned());
  await factsAre(running);
  const orderId = (await broker.log.last(subjects.assignment("n1")))?.messageId;
  const stored = await broker.log.read(subjects.fact("n1"), 1);
  const events = stored.flatMap((one) => JSON.parse(one.body).events);
  const started = events.find((event: { type: string }) => event.type === "ContainerStarted");
  expect(started).toMatchObject({ correlationId: "command-1", causationId: `${orderId}/0` });
  expect(JSON.parse(stored[0]!.body)).toMatchObject({ actor: "agent:n1" });
});

test("the machine is reported at the first start: all cores and four fifths of the memory", async () => {
  await kill(await started());
  await kill(await started());
  const observed = (await reported(broker)).filter((fact) => fact.type === "NodeObserved");
  expect(observed).toEqual([
    {
      type: "NodeObserved",
      node: "n1",
      resources: { cpu: 2, memoryMib: 3_276, cores: { "0": 100, "1": 100 } },
      engine: "docker 20.10.24",
      agentVersion: "0.0.1",
    },
  ]);
});

async function started(): Promise<RunningAgent> {
  const agent = start();
  await eventually(() => expect(agent.agent.notReady()).toBeUndefined());
  return agent;
}

test("a burst of facts costs few messages, and each order is followed in turn", async () => {
  await started();
  const before = await broker.log.lastSeq();
  const all = Array.from({ length: 30 }, (_, n) => assigned({ workload: `shop-web-abc123-${n + 1}` }));
  await giveOrders(broker, ...all);
  await eventually(async () =>
    expect((await facts()).filter((fact) => fact === "g1 healthy #1")).toHaveLength(30),
  );
  expect((await broker.log.lastSeq()) - before).toBeLessThan(60);
});

describe("health", () => {
  test("comes from probes of the workload, with the failing answer as the reason", async () => {
    let status = 503;
    const server = createServer((_request, response) => response.writeHead(status).end("warming up"));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    try {
      start();
      await giveOrders(
        broker,
        assigned({
          network: "host",
          healthcheck: {
            tcpPorts: [],
            http: { port, path: "/" },
            intervalMs: 20,
            startPeriodMs: 0,
            unhealthyAfter: 2,
          },
        }),
      );
      await factsAre([
        "g1 created",
        "g1 started #1",
        `g1 unhealthy #1: GET http://127.0.0.1:${port}/: status 503: warming up`,
      ]);
      status = 200;
      await eventually(async () => expect((await facts()).at(-1)).toBe("g1 healthy #1"));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  });
});

describe("a restart of the agent", () => {
  test("leaves containers alone and reports nothing again", async () => {
    const first = start();
    await giveOrders(broker, assigned());
    await factsAre(running);
    const before = engine.container(name);
    await kill(first);
    await started();
    await giveOrders(broker, stopAssigned("shop-web-abc123-9", 2)); // Its answer shows that the agent is at work.
    await factsAre([...running, "g2 removed -"]);
    expect(engine.container(name)).toEqual(before);
    expect(engine.steps).toEqual([`create ${name}`, `start ${name}`]);
  });

  test("after a container was created and before that was reported: it is adopted", async () => {
    const held = Promise.withResolvers<void>();
    engine.before = (step) => (step === "start" ? held.promise : Promise.resolve());
    const first = start();
    await giveOrders(broker, assigned());
    await eventually(() => expect(engine.steps).toContain(`start ${name}`));
    broker.setReachable(false); // Nothing more reaches the log: as good as dead.
    held.resolve();
    engine.before = async () => {};
    await kill(first);
    broker.setReachable(true);
    start();
    await factsAre(running);
    expect(engine.steps.filter((step) => step.startsWith("create"))).toEqual([`create ${name}`]);
    expect(engine.containers()).toHaveLength(1);
  });

  test("finds what was ordered meanwhile", async () => {
    const first = start();
    await giveOrders(broker, assigned());
    await factsAre(running);
    await kill(first);
    await giveOrders(broker, assigned({ generation: 3 }), assigned({ generation: 2 }));
    start();
    await factsAre([...running, "g1 removed 0", "g3 created", "g3 started #1", "g3 healthy #1"]);
    expect(engine.containers().map((one) => one.name)).toEqual([`eru-${workload}-g3`]);
  });
});

describe("orders", () => {
  test("are all read before the first is followed: a stop far behind its start still counts", async () => {
    await giveOrders(broker, assigned());
    for (let n = 2; n <= 600; n++) await giveOrders(broker, stopAssigned(`shop-web-abc123-${n}`, 1));
    await giveOrders(broker, stopAssigned(workload, 2));
    start();
    await eventually(async () => expect(await facts()).toHaveLength(600));
    expect(engine.steps).toEqual([]);
  });

  test("that come twice or late change nothing", async () => {
    start();
    await giveOrders(broker, assigned({ generation: 2 }));
    await giveOrders(
      broker,
      assigned({ generation: 2 }),
      assigned({ generation: 1 }),
      stopAssigned(workload, 1),
    );
    await giveOrders(broker, stopAssigned("shop-web-abc123-9", 2));
    await eventually(async () =>
      expect((await facts()).toSorted()).toEqual([
        "g2 created",
        "g2 healthy #1",
        "g2 removed -",
        "g2 started #1",
      ]),
    );
    expect(engine.steps).toEqual([`create eru-${workload}-g2`, `start eru-${workload}-g2`]);
  });
});

describe("the engine", () => {
  test("goes away and comes back: said once each, and nothing about containers between", async () => {
    const { agent } = await started();
    await giveOrders(broker, assigned());
    await factsAre(running);
    engine.setReachable(false);
    await factsAre([...running, "EngineUnreachable"]);
    expect(agent.notReady()).toBe("the engine does not answer");
    engine.exit(name, 137);
    await giveOrders(broker, stopAssigned("shop-web-abc123-9", 2));
    engine.setReachable(true);
    await eventually(async () => expect(await facts()).toContain("g1 healthy #2"));
    const after = (await facts()).slice(4);
    expect(after[0]).toBe("EngineBack");
    expect(after.toSorted()).toEqual([
      "EngineBack",
      "g1 exited #1 137, again in 1000",
      "g1 healthy #2",
      "g1 started #2",
      "g2 removed -",
    ]);
  });

  test("that is away at the start is a fact; orders wait for it", async () => {
    engine.setReachable(false);
    start();
    await giveOrders(broker, assigned());
    await factsAre(["EngineUnreachable"]);
    engine.setReachable(true);
    await factsAre(["EngineUnreachable", "EngineBack", ...running]);
  });

  test("tells by events what happens to containers", async () => {
    start();
    await giveOrders(broker, assigned());
    await factsAre(running);
    engine.removeByHand(name);
    await factsAre([...running, "g1 removed - by hand", "g1 created", "g1 started #2", "g1 healthy #2"]);
  });
});

describe("the log", () => {
  test("is away: containers go on, facts wait in order and none is lost or doubled", async () => {
    await started();
    await giveOrders(broker, assigned());
    await factsAre(running);
    broker.setReachable(false);
    engine.exit(name, 1);
    await eventually(() => expect(engine.container(name)?.state).toBe("running"));
    broker.setReachable(true);
    await factsAre([...running, "g1 exited #1 1, again in 1000", "g1 started #2", "g1 healthy #2"]);
  });

  test("is full: facts wait until there is room", async () => {
    await started();
    await giveOrders(broker, assigned());
    await factsAre(running);
    broker.log.setCapacity(await broker.log.lastSeq());
    engine.removeByHand(name);
    await eventually(() => expect(engine.container(name)?.state).toBe("running"));
    expect(await facts()).toEqual(running);
    broker.log.setCapacity(1_000);
    await factsAre([...running, "g1 removed - by hand", "g1 created", "g1 started #2", "g1 healthy #2"]);
  });

  test("holds facts of another agent of the same name: this one ends and says so", async () => {
    const agent = start();
    agents.splice(0);
    await eventually(() => expect(agent.agent.notReady()).toBeUndefined());
    const event: FactEvent = { type: "EngineBack", node: "n1" };
    const cause = { correlationId: "x", causationId: "x" };
    const meta = { id: "foreign", time: new Date().toISOString(), actor: "agent:n1" };
    await broker.log.append({ subject: subjects.fact("n1"), message: { meta, events: [{ event, cause }] } });
    await giveOrders(broker, assigned());
    expect(await agent.ended).toBeInstanceOf(SecondAgentError);
  });
});

test("heartbeats say whether the engine answers, from the first look on", async () => {
  const stop = new AbortController();
  const beats: NodeHeartbeat[] = [];
  const heard = (async () => {
    for await (const { body } of broker.live.subscribe(liveSubjects.nodeHeartbeats, stop.signal))
      beats.push(NodeHeartbeat.parse(JSON.parse(body)));
  })();
  start();
  await eventually(() => expect(beats).toHaveLength(1));
  engine.setReachable(false);
  await eventually(() => expect(beats.at(-1)?.engineReachable).toBe(false));
  stop.abort();
  await heard;
  expect(beats[0]).toMatchObject({ node: "n1", engineReachable: true });
  expect(new Set(beats.map((beat) => beat.bootId)).size).toBe(1);
});

test("a stop ends the agent with its last facts in the log; containers run on", async () => {
  const held = Promise.withResolvers<void>();
  engine.before = (step) => (step === "start" ? held.promise : Promise.resolve());
  const agent = start();
  await giveOrders(broker, assigned());
  await eventually(() => expect(engine.steps).toContain(`start ${name}`));
  const ended = kill(agent);
  held.resolve();
  await ended;
  expect(await facts()).toEqual(running);
  expect(engine.container(name)?.state).toBe("running");
});

test("what the agent does can be scraped", async () => {
  const { metrics } = await started();
  await giveOrders(broker, assigned());
  await factsAre(running);
  const text = await metrics.registry.metrics();
  expect(text).toMatch(/eru_agent_action_seconds_count\{.*action="start",outcome="done"\} 1/);
  expect(text).toMatch(/eru_agent_facts_total\{type="ContainerHealthy",.*\} 1/);
  expect(text).toMatch(/eru_agent_containers\{state="running",.*\} 1/);
  expect(text).toMatch(/eru_agent_engine_up\{.*\} 1/);
  expect(text).toMatch(/eru_agent_facts_waiting\{.*\} 0/);
});
