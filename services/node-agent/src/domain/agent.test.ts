import { describe, expect, test } from "vitest";
import { Drive } from "../../test/drive.ts";
import { assigned, stopAssigned } from "../../test/orders.ts";

const workload = "shop-web-abc123-1";
const name = `eru-${workload}-g1`;
const running = ["g1 created", "g1 started #1", "g1 healthy #1"];

async function started(parts: Parameters<typeof assigned>[0] = {}): Promise<Drive> {
  const drive = await new Drive().order(assigned(parts)).begin();
  return await drive.settle();
}

describe("an order to run", () => {
  test("becomes a created and started container; without a health check running is healthy", async () => {
    const drive = await started();
    expect(drive.facts()).toEqual(running);
    expect(drive.engine.steps).toEqual([`create ${name}`, `start ${name}`]);
    expect(drive.engine.container(name)?.state).toBe("running");
  });

  test("names where the published ports are reached", async () => {
    const drive = await started({ publish: [8080, 9090] });
    const { fact } = drive.history[1]!;
    expect(fact).toMatchObject({
      endpoints: [
        { port: 8080, ip: "10.0.0.2", hostPort: 8080 },
        { port: 9090, ip: "10.0.0.2", hostPort: 9090 },
      ],
    });
  });

  test("waits until all orders are known", async () => {
    const drive = new Drive().order(assigned());
    await drive.look();
    await drive.settle();
    expect(drive.engine.steps).toEqual([]);
    drive.agent.caughtUp();
    await drive.look();
    expect((await drive.settle()).facts()).toEqual(running);
  });

  test("of a newer generation replaces the container of the older one, which goes first", async () => {
    const drive = await started();
    await drive.order(assigned({ generation: 3 })).settle();
    expect(drive.engine.steps.slice(2)).toEqual([
      `stop ${name}`,
      `remove ${name}`,
      `create eru-${workload}-g3`,
      `start eru-${workload}-g3`,
    ]);
    expect(drive.facts().slice(3)).toEqual(["g1 removed 0", "g3 created", "g3 started #1", "g3 healthy #1"]);
  });

  test("of an older generation that comes late is ignored", async () => {
    const drive = await new Drive()
      .order(assigned({ generation: 3 }))
      .order(assigned())
      .begin();
    await drive.settle();
    await drive.order(assigned({ generation: 2 })).settle();
    expect(drive.facts()).toEqual(["g3 created", "g3 started #1", "g3 healthy #1"]);
  });

  test("with less memory than a container can have fails for good, in words", async () => {
    const drive = await started({ memoryMib: 1 });
    expect(drive.facts()).toEqual([
      "g1 failed #1 create: memory is 1 MiB: a container needs 4 MiB or more, or 0 for no limit, for good",
    ]);
    expect(drive.engine.steps).toEqual([]);
  });
});

describe("an order to stop", () => {
  test("stops, removes and reports the exit status; then nothing of the workload is done any more", async () => {
    const drive = await started();
    await drive.order(stopAssigned(workload, 2, 7)).settle();
    expect(drive.facts().slice(3)).toEqual(["g2 removed 0"]);
    expect(drive.engine.containers()).toEqual([]);
    await drive
      .order(assigned({ generation: 1 }))
      .order(assigned({ generation: 2 }))
      .settle();
    expect(drive.facts()).toHaveLength(4);
  });

  test("of a workload that never started is answered at once: its resources are free", async () => {
    const drive = await new Drive().order(assigned()).order(stopAssigned(workload, 2)).begin();
    expect((await drive.settle()).facts()).toEqual(["g2 removed -"]);
    expect(drive.engine.steps).toEqual([]);
  });

  test("that comes before its order to run still wins", async () => {
    const drive = await new Drive().order(stopAssigned(workload, 2)).begin();
    await drive.settle();
    await drive.order(assigned()).settle();
    expect(drive.facts()).toEqual(["g2 removed -"]);
  });

  test("ends the wait for a restart", async () => {
    const drive = await started();
    drive.engine.exit(name, 1);
    await drive.hint(workload);
    await drive.order(stopAssigned(workload, 2)).settle();
    expect(drive.facts().slice(3)).toEqual(["g1 exited #1 1, again in 1000", "g2 removed 1"]);
  });

  test("that the engine refuses is tried for ever, and reported once per text", async () => {
    const drive = await started();
    for (const text of ["busy", "busy", "broken"]) drive.engine.failNext("stop", text);
    await drive.order(stopAssigned(workload, 2)).settle();
    await drive.pass(10_000);
    expect(drive.facts().slice(3)).toEqual([
      "g1 failed #1 stop: busy, again in 1000",
      "g1 failed #1 stop: broken, again in 4000",
      "g2 removed 0",
    ]);
  });
});

describe("a container that nobody ordered", () => {
  test("is never touched when Eru did not make it, whatever labels it bears", async () => {
    const drive = await started();
    const { labels } = drive.engine.container(name)!;
    const foreign = [drive.engine.addForeign("postgres"), drive.engine.addForeign("copy", { ...labels })];
    await drive.look();
    await drive.hint(workload);
    await drive.order(stopAssigned(workload, 2)).settle();
    expect(drive.engine.containers()).toEqual(foreign);
    expect(drive.facts()).toEqual([...running, "g2 removed 0"]);
  });

  test("is stopped when Eru made it", async () => {
    const drive = await started();
    drive.orders.length = 0;
    drive.history.length = 0;
    await drive.restartAgent();
    await drive.settle();
    expect(drive.engine.containers()).toEqual([]);
    expect(drive.facts()).toEqual([]); // The log never heard of it, so it need not hear of its end.
  });
});

describe("a process that ends by itself", () => {
  test("is started again after growing waits, until its retries are used up", async () => {
    const drive = await started({ restart: { retriesMax: 2 } });
    for (let round = 0; round < 3; round++) {
      drive.engine.exit(name, 3, round === 1);
      await drive.hint(workload);
      await drive.pass(4_000);
    }
    expect(drive.facts().slice(3)).toEqual([
      "g1 exited #1 3, again in 1000",
      "g1 started #2",
      "g1 healthy #2",
      "g1 exited #2 3, again in 2000",
      "g1 started #3",
      "g1 healthy #3",
      "g1 exited #3 3, for good",
    ]);
    expect(drive.history.map(({ fact }) => fact)).toContainEqual(
      expect.objectContaining({ type: "ContainerExited", attempt: 2, outOfMemory: true }),
    );
    await drive.pass(600_000);
    expect(drive.engine.container(name)?.state).toBe("exited");
  });

  test("starts at one second again after a healthy minute", async () => {
    const drive = await started();
    drive.engine.exit(name, 1);
    await drive.hint(workload);
    await drive.pass(1_000 + 59_999);
    drive.engine.exit(name, 1);
    await drive.hint(workload);
    await drive.pass(2_000 + 60_000);
    drive.engine.exit(name, 1);
    await drive.hint(workload);
    expect(drive.facts().filter((fact) => fact.includes("exited"))).toEqual([
      "g1 exited #1 1, again in 1000",
      "g1 exited #2 1, again in 2000",
      "g1 exited #3 1, again in 1000",
    ]);
  });

  test("at its very start is reported as started and ended", async () => {
    const drive = new Drive();
    drive.engine.process = () => ({ exitCode: 4 });
    await drive.order(assigned({ restart: { policy: "no" } })).begin();
    expect((await drive.settle()).facts()).toEqual([
      "g1 created",
      "g1 started #1",
      "g1 exited #1 4, for good",
    ]);
  });

  test("moves to a new address when it comes back", async () => {
    const drive = await started();
    drive.engine.restartByHand(name);
    await drive.hint(workload);
    expect(drive.facts().slice(3)).toEqual(["g1 started #2", "g1 healthy #2"]);
    expect(drive.history.at(-2)?.fact).toMatchObject({ endpoints: [{ ip: "10.0.0.3" }] });
  });
});

test("a container that gets another address while it runs is reported as a new start: others must dial anew", async () => {
  const drive = await started();
  drive.engine.moveByHand(name, "10.0.9.9");
  await drive.hint(workload);
  expect(drive.facts().slice(3)).toEqual(["g1 started #2", "g1 healthy #2"]);
  expect(drive.history.at(-2)?.fact).toMatchObject({ endpoints: [{ ip: "10.0.9.9" }] });
});

describe("a container removed by hand", () => {
  test("is a fact and comes back at once, then slower and slower", async () => {
    const drive = await started();
    for (let round = 0; round < 3; round++) {
      drive.engine.removeByHand(name);
      await drive.hint(workload);
      await drive.pass(2_000);
    }
    const atMs = drive.history.filter(({ fact }) => fact.type === "ContainerStarted").map((one) => one.atMs);
    expect(atMs.map((at) => at - atMs[0]!)).toEqual([0, 0, 3_000, 6_000]);
    expect(drive.facts().slice(3, 7)).toEqual([
      "g1 removed - by hand",
      "g1 created",
      "g1 started #2",
      "g1 healthy #2",
    ]);
  });
});

describe("a step that the engine refuses", () => {
  test("is reported with its whole text and tried again with growing waits, then given up", async () => {
    const drive = new Drive();
    for (let round = 0; round < 3; round++) drive.engine.failNext("start", "no such network");
    await drive.order(assigned({ restart: { retriesMax: 2 } })).begin();
    await drive.pass(60_000);
    expect(drive.facts()).toEqual([
      "g1 created",
      "g1 failed #1 start: no such network, again in 1000",
      "g1 failed #2 start: no such network, again in 2000",
      "g1 failed #3 start: no such network, for good",
    ]);
  });

  test("one pull serves all workloads of a missing image, and a create follows", async () => {
    const drive = new Drive({ images: [], registry: ["far:1"] });
    for (const n of [1, 2, 3]) drive.order(assigned({ workload: `shop-web-abc123-${n}`, image: "far:1" }));
    await drive.begin();
    await drive.settle();
    expect(drive.engine.steps.filter((step) => step.startsWith("pull"))).toEqual(["pull far:1"]);
    expect(drive.facts().filter((fact) => fact === "g1 healthy #1")).toHaveLength(3);
  });

  test("an image that is nowhere fails every workload that waits for it", async () => {
    const drive = new Drive({ images: [] });
    for (const n of [1, 2])
      drive.order(
        assigned({ workload: `shop-web-abc123-${n}`, image: "nowhere:1", restart: { retriesMax: 1 } }),
      );
    await drive.begin();
    await drive.pass(60_000);
    expect(drive.facts().toSorted()).toEqual([
      "g1 failed #1 pull: manifest for nowhere:1 not found, again in 1000",
      "g1 failed #1 pull: manifest for nowhere:1 not found, again in 1000",
      "g1 failed #2 pull: manifest for nowhere:1 not found, for good",
      "g1 failed #2 pull: manifest for nowhere:1 not found, for good",
    ]);
  });

  test("a name taken by a foreign container is a failure, and the container stays", async () => {
    const drive = new Drive();
    drive.engine.addForeign(name);
    await drive.order(assigned({ restart: { retriesMax: 0 } })).begin();
    await drive.settle();
    expect(drive.facts()).toEqual([
      `g1 failed #1 create: the container name "/${name}" is already in use by c1, for good`,
    ]);
    expect(drive.engine.container(name)?.state).toBe("running");
  });
});

describe("probes", () => {
  const healthcheck = { tcpPorts: [8080], intervalMs: 1_000, unhealthyAfter: 2, startPeriodMs: 2_000 };

  test("begin with the start, and decide about health", async () => {
    const drive = new Drive();
    let good = false;
    drive.probe = () => (good ? { ok: true } : { ok: false, reason: "connection refused" });
    await drive.order(assigned({ healthcheck })).begin();
    await drive.pass(120);
    good = true;
    await drive.pass(1_000);
    good = false;
    await drive.pass(10_000);
    expect(drive.facts()).toEqual([...running, "g1 unhealthy #1: connection refused"]);
    expect(drive.history.map(({ atMs }) => atMs - 1_000_000)).toEqual([0, 0, 150, 2_150]);
  });

  test("of an earlier start say nothing about the present one", async () => {
    const drive = await new Drive().order(assigned({ healthcheck })).begin();
    drive.probe = () => ({ ok: false, reason: "slow" });
    await drive.settle();
    const late = {
      workload,
      attempt: 1,
      containerId: "c1",
      address: "10.0.0.2",
      check: assigned({ healthcheck }).template.entrypoint.healthcheck!,
    };
    drive.engine.restartByHand(name);
    await drive.hint(workload);
    drive.agent.probed(late, { ok: true }, drive.nowMs);
    await drive.settle();
    expect(drive.facts()).toEqual(["g1 created", "g1 started #1", "g1 started #2"]);
  });
});

test("what the machine offers is reported when it changed, not at every start", async () => {
  const machine = { resources: { cpu: 2, memoryMib: 1_000 }, engine: "20.10", agentVersion: "1" };
  const drive = await new Drive().begin();
  drive.agent.machine(machine);
  drive.agent.machine(machine);
  await drive.settle();
  await drive.restartAgent();
  drive.agent.machine(machine);
  await drive.settle();
  expect(drive.facts()).toEqual(["NodeObserved"]);
  drive.agent.machine({ ...machine, resources: { cpu: 4, memoryMib: 1_000 } });
  await drive.settle();
  expect(drive.facts()).toEqual(["NodeObserved", "NodeObserved"]);
});

test("at most sixteen containers start at once, and each goes on before the next begins", async () => {
  const drive = await new Drive().begin();
  for (let n = 1; n <= 20; n++) drive.order(assigned({ workload: `shop-web-abc123-${n}` }));
  const first = drive.agent.next(drive.nowMs).actions;
  expect(first.map((action) => action.do)).toEqual(Array(16).fill("create"));
  const created = first[0]!;
  if (created.do !== "create") throw new Error("not a create");
  const container = await drive.engine.create(created.spec);
  drive.agent.finished(created, { is: "done", containers: [container] }, drive.nowMs);
  expect(drive.agent.next(drive.nowMs).actions).toEqual([
    { do: "start", workload: created.workload, containerId: container.id },
  ]);
});
