import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { type FactEvent, liveSubjects } from "@eru/events";
import { type Broker, connectBroker } from "@eru/log";
import { MemoryBroker } from "@eru/log/memory";
import { type NatsServer, startNatsServer } from "@eru/testing";
import { type Engines, importHelloImage, type Engine as Node, startEngines } from "@eru/testing/engines";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { summary } from "../test/drive.ts";
import { eventually, giveOrders, type RunningAgent, reported, runAgent } from "../test/loop.ts";
import { assigned, type OrderParts, stopAssigned } from "../test/orders.ts";
import { DockerEngine } from "./docker.ts";
import type { Addressing } from "./domain/endpoints.ts";

// The agent on a real engine without live-restore: the engine ends its containers when it comes back after a crash.
const workload = "shop-web-abc123-1";
const name = `eru-${workload}-g1`;
const http = { port: 8080, path: "/healthz" };
const healthcheck = { tcpPorts: [], http, intervalMs: 200, unhealthyAfter: 2, startPeriodMs: 5_000 };
const running = ["g1 created", "g1 started #1", "g1 healthy #1"];

let rig: Engines;
let node: Node;
let engine: DockerEngine;
let broker: MemoryBroker;
let agent: RunningAgent | undefined;

beforeAll(async () => {
  rig = await startEngines(1, { flags: [] });
  node = rig.engines[0]!;
  await importHelloImage(node, "hello:1");
  engine = new DockerEngine({ socketPath: node.socket, node: "n1" });
});
afterAll(() => rig.stop());
beforeEach(() => {
  broker = new MemoryBroker();
});
afterEach(async () => {
  await agent?.stop();
  agent = undefined;
  for (const { id } of await engine.list()) await engine.stop(id, 0).then(() => engine.remove(id));
});

const docker = async (...args: string[]) =>
  (await node.run(["docker", "-H", `unix://${node.socket}`, ...args])).stdout.trim();
const begin = (reach: Partial<Addressing> = {}) => {
  agent = runAgent({
    broker,
    engine,
    addressing: { advertise: "container", address: node.address, ...reach },
  });
};
const facts = async (of: Broker = broker) =>
  (await reported(of)).map(summary).filter((fact) => fact !== "NodeObserved");
const factsAre = (expected: unknown[], limitMs = 40_000) =>
  eventually(async () => expect(await facts()).toEqual(expected), limitMs);
const order = (parts: OrderParts = {}) => giveOrders(broker, assigned({ healthcheck, ...parts }));

/** Where the workload's last start is reached. */
async function url(path = "/"): Promise<string> {
  const start = (await reported(broker)).findLast((fact) => fact.type === "ContainerStarted");
  const [endpoint] = start?.type === "ContainerStarted" ? start.endpoints : [];
  return `http://${endpoint?.ip}:${endpoint?.hostPort}${path}`;
}
const ask = async (path = "/") => await fetch(await url(path), { signal: AbortSignal.timeout(10_000) });

test("a workload becomes healthy, answers where its facts say, and stops with its grace and exit status", async () => {
  begin();
  await order();
  await factsAre(running);
  expect(await (await ask()).json()).toMatchObject({ id: workload, node: "n1" });
  await giveOrders(broker, stopAssigned(workload, 2, 5));
  await factsAre([...running, "g2 removed 0"]);
  expect(await docker("ps", "-aq")).toBe("");
});

test("another container takes over address and files, one that cannot gives them back, and then the address rests", async () => {
  const network = { network: "eru", subnet: "10.77.101.128/25", quarantineMs: 300_000 };
  begin(network);
  await order();
  await factsAre(running);
  expect(await url()).toBe("http://10.77.101.130:8080/");
  await order({ generation: 2, takesOver: { network: true, copy: [{ from: "/hello", to: "/old/hello" }] } });
  const second = [...running, "g2 created", "g2 started #1", "g2 healthy #1"];
  await factsAre(second);
  expect(await docker("cp", `eru-${workload}-g2:/old/hello`, "-")).toContain("hello");
  await order({ generation: 3, takesOver: { network: true, copy: [{ from: "/none", to: "/none" }] } });
  await factsAre([
    ...second,
    "g3 created",
    expect.stringMatching(/^g3 failed #1 start: copying \/none .*, again in 0$/),
    expect.stringMatching(/^g3 undone: start: copying \/none of the old container/),
    "g3 started #2",
    "g3 healthy #2",
  ]);
  expect(await url()).toBe("http://10.77.101.130:8080/");
  await eventually(async () => expect(await docker("ps", "-aq")).not.toContain("\n"));
  await giveOrders(broker, stopAssigned(workload, 4, 5));
  await eventually(async () => expect((await facts()).at(-1)).toBe("g4 removed 0"));
  await agent?.stop();
  begin(network);
  await order({ workload: "shop-web-abc123-2" });
  await eventually(async () => expect(await url()).toBe("http://10.77.101.131:8080/"));
});

test("ports of the node are passed over when taken, inherited at once, and rest after their container", async () => {
  const ports = { first: 20_100, last: 20_102, quarantineMs: 300_000 };
  await docker("run", "-d", "--name", "foreign", "-p", "20100:8080", "hello:1");
  begin({ advertise: "node", ports });
  await order();
  await factsAre(["g1 created", ...running]);
  expect((await ask("/healthz")).status).toBe(200);
  await order({ generation: 2, takesOver: { network: true, copy: [] } });
  await factsAre(["g1 created", ...running, "g2 created", "g2 started #1", "g2 healthy #1"]);
  expect(await url()).toBe(`http://${node.address}:20101/`);
  await giveOrders(broker, stopAssigned(workload, 3, 5));
  await eventually(async () => expect((await facts()).at(-1)).toBe("g3 removed 0"));
  await agent?.stop();
  begin({ advertise: "node", ports });
  await order({ workload: "shop-web-abc123-2" });
  await eventually(async () => expect((await facts()).at(-1)).toBe("g1 healthy #1"));
  expect(await url()).toBe(`http://${node.address}:20102/`);
  await order({ workload: "shop-web-abc123-3" });
  await eventually(async () => expect((await facts()).at(-1)).toContain("create: 1 free of the ports"));
  await docker("rm", "-f", "foreign");
});

test("a command in the container says whether it is healthy, and what it said when it is not", async () => {
  begin();
  const command = ["/hello", "check"];
  await order({ publish: [], healthcheck: { tcpPorts: [], command, intervalMs: 200, unhealthyAfter: 2 } });
  await factsAre(running);
  const ip = await docker("inspect", "-f", "{{.NetworkSettings.IPAddress}}", name);
  await fetch(`http://${ip}:8080/ctl/unhealthy`);
  const reason = 'g1 unhealthy #1: command ["/hello","check"]: exit code 1: HTTP/1.1 503';
  await factsAre([...running, reason]);
});

test("hooks run in the container; one that never ends is ended and named, and the stop goes on", async () => {
  begin();
  const hooks = {
    afterStart: [["/hello", "exit", "0"]],
    beforeStop: [["/hello", "sleep", "600"]],
    timeoutMs: 500,
  };
  await order({ hooks });
  const begun = ["g1 created", "g1 started #1", "g1 after_start #1 ok", "g1 healthy #1"];
  await factsAre(begun);
  await giveOrders(broker, stopAssigned(workload, 2, 5));
  const fault = '["/hello","sleep","600"]: not over after 500 ms: it was ended: sleeping';
  await factsAre([...begun, `g1 before_stop #1 ${fault}`, "g2 removed 0"]);
});

test("a hook that must succeed and does not fails the start", async () => {
  begin();
  const hooks = { afterStart: [["/hello", "exit", "9"]], force: true };
  await order({ hooks, restart: { retriesMax: 0 } });
  const fault = '["/hello","exit","9"]: exit code 9: exiting on demand';
  await factsAre([
    "g1 created",
    "g1 started #1",
    `g1 after_start #1 ${fault}`,
    `g1 failed #1 start: after-start hook ${fault}, for good`,
  ]);
});

test("health turns with the answers of the workload", async () => {
  begin();
  await order();
  await factsAre(running);
  await ask("/ctl/unhealthy");
  const reason = `GET ${await url("/healthz")}: status 503: {"healthy":false`;
  await factsAre([...running, expect.stringContaining(reason)]);
  await ask("/ctl/healthy");
  await factsAre([...running, expect.any(String), "g1 healthy #1"]);
});

test("a crash, an end for want of memory and another crash are facts with growing waits, then it is given up", async () => {
  begin();
  await order({ memoryMib: 16, restart: { retriesMax: 2 } });
  await factsAre(running);
  await ask("/ctl/crash?code=3").catch(() => {});
  const once = [...running, "g1 exited #1 3, again in 1000", "g1 started #2", "g1 healthy #2"];
  await factsAre(once);
  await ask("/ctl/leak?mb=64").catch(() => {});
  const twice = [...once, "g1 exited #2 137, again in 2000", "g1 started #3", "g1 healthy #3"];
  await factsAre(twice);
  const killed = (await reported(broker)).find(
    (fact) => fact.type === "ContainerExited" && fact.attempt === 2,
  );
  expect(killed).toMatchObject({ outOfMemory: true });
  await ask("/ctl/crash?code=3").catch(() => {});
  await factsAre([...twice, "g1 exited #3 3, for good"]);
});

test("who ignores the stop signal is killed after the grace of the order", async () => {
  begin();
  await order({ env: { IGNORE_TERM: "1" } });
  await factsAre(running);
  await giveOrders(broker, stopAssigned(workload, 2, 1));
  await factsAre([...running, "g2 removed 137"]);
});

test("an image that does not exist fails with the registry's text, and is tried again", async () => {
  begin();
  await order({ image: "127.0.0.1:1/nowhere:1", restart: { retriesMax: 1 } });
  const text = /^g1 failed #\d pull: .*127\.0\.0\.1:1.*(again in 1000|for good)$/;
  await factsAre([expect.stringMatching(text), expect.stringMatching(/for good$/)]);
});

test("a port that is taken on the host's network ends the second workload with its own exit status", async () => {
  begin();
  const parts = { network: "host", env: { PORT: "8099" }, restart: { retriesMax: 0 } } as const;
  await giveOrders(broker, assigned(parts));
  await factsAre(running);
  const answer = await eventually(() => fetch(`http://${node.address}:8099/`)); // Without a check, running is healthy.
  expect(await answer.json()).toMatchObject({ id: workload });
  await giveOrders(broker, assigned({ ...parts, workload: "shop-web-abc123-2" }));
  await eventually(async () => expect((await facts()).at(-1)).toMatch(/^g1 exited #1 [1-9]\d*, for good$/));
});

test("a command that is not in the image fails at the start, with the engine's text", async () => {
  begin();
  await order({ command: ["/nothing"], restart: { retriesMax: 0 } });
  await factsAre(["g1 created", expect.stringMatching(/^g1 failed #1 start: .*\/nothing.*for good$/s)]);
});

test("a container removed by hand is a fact and comes back, at another address if need be", async () => {
  begin();
  await order();
  await factsAre(running);
  await docker("rm", "-f", name);
  await eventually(async () => expect((await facts()).at(-1)).toBe("g1 healthy #2"), 40_000);
  const said = (await facts()).slice(3);
  expect(said.filter((fact) => !fact.includes("exited"))).toEqual([
    "g1 removed - by hand",
    "g1 created",
    "g1 started #2",
    "g1 healthy #2",
  ]);
  expect((await ask()).status).toBe(200);
});

test("containers of others are left alone, also one that bears our labels", async () => {
  const labels = ["eru.node=n1", `eru.workload=${workload}`, "eru.generation=1"].flatMap((one) => [
    "--label",
    one,
  ]);
  const plain = await docker("run", "-d", "hello:1");
  const copy = await docker("run", "-d", "--name", "copy", ...labels, "hello:1");
  begin();
  await order();
  await factsAre(running);
  await giveOrders(broker, stopAssigned(workload, 2, 1));
  await factsAre([...running, "g2 removed 0"]);
  expect((await docker("ps", "-q", "--no-trunc")).split("\n").toSorted()).toEqual([plain, copy].toSorted());
  await docker("rm", "-f", plain, copy);
});

test("an agent that comes back adopts what runs, without touching it", async () => {
  begin();
  await order();
  await factsAre(running);
  const before = await docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", name);
  await agent?.stop();
  begin();
  await giveOrders(broker, stopAssigned("shop-web-abc123-9", 2));
  await factsAre([...running, "g2 removed -"]);
  expect(await docker("inspect", "-f", "{{.Id}} {{.State.StartedAt}}", name)).toBe(before);
});

test("an engine that is killed and comes back gets its containers started again, with the facts to it", async () => {
  begin();
  await order();
  await factsAre(running);
  await node.killEngine();
  await factsAre([...running, "EngineUnreachable"]);
  expect((await ask()).status).toBe(200); // The container goes on without its engine.
  await node.start();
  await eventually(async () => expect((await facts()).at(-1)).toBe("g1 healthy #2"), 40_000);
  const said = (await facts()).slice(3);
  expect(said).toEqual([
    "EngineUnreachable",
    "EngineBack",
    expect.stringMatching(/^g1 exited #1 \d+, again in 1000$/),
    "g1 started #2",
    "g1 healthy #2",
  ]);
});

test("an engine that hangs is noticed, and what runs is as before when it goes on", async () => {
  begin();
  await order();
  await factsAre(running);
  const signal = async (name: string) => await node.run(["sh", "-c", `kill -${name} $(pidof dockerd)`]);
  await signal("STOP");
  try {
    await factsAre([...running, "EngineUnreachable"], 10_000);
    expect(agent?.agent.notReady()).toBe("the engine does not answer");
  } finally {
    await signal("CONT");
  }
  await factsAre([...running, "EngineUnreachable", "EngineBack"]);
  expect((await ask()).status).toBe(200);
});

test("twelve workloads at once all become healthy", async () => {
  begin();
  await eventually(() => expect(agent?.agent.notReady()).toBeUndefined());
  const ids = Array.from({ length: 12 }, (_, n) => `shop-web-abc123-${n + 1}`);
  await giveOrders(broker, ...ids.map((one) => assigned({ workload: one, healthcheck })));
  await eventually(
    async () => expect((await facts()).filter((fact) => fact === "g1 healthy #1")).toHaveLength(ids.length),
    60_000,
  );
  expect(new Set((await engine.list()).map((one) => one.state))).toEqual(new Set(["running"]));
});

describe("as a process", () => {
  let server: NatsServer;
  let nats: Broker;
  const children: ChildProcess[] = [];

  beforeAll(async () => {
    server = await startNatsServer();
    nats = await connectBroker({ servers: [server.url], name: "test", ensureStreams: true });
  });
  afterAll(async () => {
    for (const child of children) child.kill("SIGKILL");
    await nats.close();
    await server.stop();
  });

  function main(environment: Record<string, string> = {}): ChildProcess {
    const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts")], {
      env: {
        PATH: process.env["PATH"],
        ERU_NATS_URL: server.url,
        ERU_NATS_USER: "agent",
        ERU_NATS_PASSWORD: "unused",
        ERU_NODE: "n1",
        ERU_NODE_ADDRESS: node.address,
        ERU_DOCKER_SOCKET: node.socket,
        ERU_AGENT_SUBNET: "10.77.101.128/25",
        ...environment,
      },
      stdio: ["ignore", "pipe", "pipe"],
    });
    children.push(child);
    return child;
  }

  const said = (child: ChildProcess): (() => string) => {
    let text = "";
    child.stdout?.on("data", (part: Buffer) => {
      text += part.toString();
    });
    child.stderr?.on("data", (part: Buffer) => {
      text += part.toString();
    });
    return () => text;
  };

  test("works, is killed in the middle, works on, and ends cleanly at SIGTERM while containers run on", async () => {
    const beats: string[] = [];
    const over = new AbortController();
    const hearing = (async () => {
      for await (const { body } of nats.live.subscribe(liveSubjects.nodeHeartbeat("n1"), over.signal))
        beats.push(body);
    })();
    const first = main();
    const [one, two] = [workload, "shop-web-abc123-2"];
    await giveOrders(nats, assigned({ workload: one, healthcheck }));
    await eventually(async () => expect(await docker("ps", "-aq")).not.toBe(""), 40_000);
    first.kill("SIGKILL"); // Somewhere between create and the last report.
    await giveOrders(nats, assigned({ workload: two, healthcheck }));
    const second = main();
    const text = said(second);
    const healthy = (all: FactEvent[]) => all.filter((fact) => fact.type === "ContainerHealthy");
    await eventually(async () => expect(healthy(await reported(nats))).toHaveLength(2), 40_000);
    const created = (await reported(nats)).filter((fact) => fact.type === "ContainerCreated");
    expect(created.map((fact) => "workload" in fact && fact.workload).toSorted()).toEqual([one, two]);
    await eventually(() => expect(beats.length).toBeGreaterThan(0));
    second.kill("SIGTERM");
    expect(await once(second, "exit")).toEqual([0, null]);
    expect(text()).toContain('"correlationId":"command-1"');
    expect((await docker("ps", "-q")).split("\n")).toHaveLength(2);
    over.abort();
    await hearing;
  });

  test("says what is wrong with its environment and ends with status 2", async () => {
    const child = main({ ERU_NODE: "N 1", ERU_AGENT_ADVERTISE: "moon" });
    const text = said(child);
    expect(await once(child, "exit")).toEqual([2, null]);
    expect(text()).toContain('ERU_NODE is "N 1"');
    expect(text()).toContain('ERU_AGENT_ADVERTISE is "moon"');
  });
});
