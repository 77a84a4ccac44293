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

describe("a lost answer", () => {
  test.each(["create", "start", "stop", "remove"] as const)(
    "of %s is looked up: the step is not repeated and no fact is missing",
    async (step) => {
      const drive = new Drive();
      drive.engine.loseAnswer(step);
      await drive.order(assigned()).begin();
      await drive.settle();
      await drive.order(stopAssigned(workload, 2)).settle();
      expect(drive.facts()).toEqual([...running, expect.stringMatching(/^g2 removed [0-]$/)]);
      expect(drive.engine.steps).toEqual([
        `create ${name}`,
        `start ${name}`,
        `stop ${name}`,
        `remove ${name}`,
      ]);
    },
  );
});

describe("an agent that comes back", () => {
  test("adopts what runs without touching it or repeating a fact", async () => {
    const drive = await started({ healthcheck: { tcpPorts: [8080] } });
    const before = drive.engine.container(name);
    await drive.restartAgent();
    await drive.pass(60_000);
    expect(drive.facts()).toEqual(running);
    expect(drive.engine.container(name)).toEqual(before);
    expect(drive.engine.steps).toHaveLength(2);
  });

  test.each([1, 2, 3])("makes up for the last %i facts that never reached the log", async (lost) => {
    const drive = await started();
    await drive.restartAgent(lost);
    await drive.settle();
    expect(drive.facts()).toEqual(running);
    expect(drive.engine.steps).toHaveLength(2);
  });

  test("finds a container that was created and never started, and starts it", async () => {
    const drive = new Drive();
    drive.engine.failNext("start", "killed here");
    await drive.order(assigned()).begin();
    await drive.settle();
    await drive.restartAgent(2);
    await drive.settle();
    expect(drive.facts()).toEqual(running);
    expect(drive.engine.steps.filter((step) => step.startsWith("create"))).toHaveLength(1);
  });

  test("finds out what ended while it was away", async () => {
    const drive = await started();
    drive.engine.exit(name, 9);
    await drive.restartAgent();
    await drive.settle();
    expect(drive.facts().slice(3)).toEqual(["g1 exited #1 9, again in 1000"]);
  });

  test("keeps counting the retries of a crash loop and its wait", async () => {
    const drive = await started();
    drive.engine.exit(name, 1);
    await drive.hint(workload);
    await drive.pass(1_000);
    drive.engine.exit(name, 1);
    await drive.hint(workload);
    await drive.pass(500);
    await drive.restartAgent();
    await drive.settle();
    expect(drive.work.wakeAtMs).toBe(drive.nowMs + 1_500);
    await drive.pass(1_500);
    expect(drive.facts().slice(-3)).toEqual([
      "g1 exited #2 1, again in 2000",
      "g1 started #3",
      "g1 healthy #3",
    ]);
  });

  test("does not start again what was given up", async () => {
    const drive = await started({ restart: { policy: "no" } });
    drive.engine.exit(name, 1);
    await drive.hint(workload);
    await drive.restartAgent();
    await drive.pass(600_000);
    expect(drive.facts().slice(3)).toEqual(["g1 exited #1 1, for good"]);
  });
});

describe("while the engine does not answer", () => {
  test("nothing is said about containers; afterwards they are as they are", async () => {
    const drive = await started({ healthcheck: { tcpPorts: [8080], intervalMs: 100 } });
    drive.engine.setReachable(false);
    drive.agent.engineLost("connect ENOENT docker.sock");
    drive.engine.exit(name, 2);
    drive.probe = () => ({ ok: false, reason: "refused" });
    await drive.order(stopAssigned("shop-web-abc123-2", 2)).pass(60_000);
    expect(drive.facts()).toEqual([...running, "EngineUnreachable"]);
    drive.engine.setReachable(true);
    await drive.look();
    await drive.settle();
    expect(drive.facts()[4]).toBe("EngineBack");
    expect(drive.facts().slice(5).toSorted()).toEqual(["g1 exited #1 2, again in 1000", "g2 removed -"]);
  });

  test("an answer to a probe that was on its way is not counted", async () => {
    const drive = await started({ healthcheck: { tcpPorts: [8080], intervalMs: 100, unhealthyAfter: 1 } });
    drive.nowMs += 100;
    const [probe] = drive.agent.next(drive.nowMs).probes;
    drive.agent.engineLost("gone");
    drive.agent.probed(probe!, { ok: false, reason: "refused" }, drive.nowMs);
    await drive.settle();
    expect(drive.facts()).toEqual([...running, "EngineUnreachable"]);
  });

  test("is said once, also across a restart of the agent", async () => {
    const drive = await started();
    drive.agent.engineLost("gone");
    drive.agent.engineLost("gone");
    await drive.settle();
    drive.replaceAgent();
    drive.agent.engineLost("gone");
    await drive.settle();
    await drive.begin();
    await drive.settle();
    expect(drive.facts().slice(3)).toEqual(["EngineUnreachable", "EngineBack"]);
  });

  test("an engine that ends its containers with itself gets them back", async () => {
    const drive = await started();
    drive.agent.engineLost("connection reset");
    drive.engine.restart();
    await drive.look();
    await drive.pass(1_000);
    expect(drive.facts().slice(3)).toEqual([
      "EngineUnreachable",
      "EngineBack",
      "g1 exited #1 137, again in 1000",
      "g1 started #2",
      "g1 healthy #2",
    ]);
  });
});

describe("a full look", () => {
  test("that was asked for before a step does not undo what the step showed", async () => {
    const drive = await new Drive().begin();
    const look = drive.agent.beginLook();
    const old = await drive.engine.list();
    await drive.order(assigned()).settle();
    drive.agent.listed(look, old);
    await drive.settle();
    expect(drive.facts()).toEqual(running);
  });

  test("that does not say how a container is leads to no conclusion; a closer look does", async () => {
    const drive = await started();
    drive.replaceAgent();
    drive.agent.caughtUp();
    const [container] = await drive.engine.list();
    drive.agent.listed(drive.agent.beginLook(), [{ ...container!, state: "unknown" }]);
    drive.engine.failNext("inspect", "the engine did not inspect within 15 s");
    await drive.settle();
    expect(drive.facts().slice(3)).toEqual([
      "g1 failed #1 inspect: the engine did not inspect within 15 s, again in 1000",
    ]);
    expect(drive.work.wakeAtMs).toBe(drive.nowMs + 1_000);
    await drive.pass(1_000);
    await drive.order(stopAssigned(workload, 2)).settle();
    expect(drive.facts().slice(4)).toEqual(["g2 removed 0"]);
    expect(drive.engine.steps.slice(2)).toEqual([`stop ${name}`, `remove ${name}`]);
  });

  test("finds what events did not tell", async () => {
    const drive = await started();
    drive.engine.removeByHand(name);
    await drive.look();
    await drive.settle();
    expect(drive.facts().slice(3, 5)).toEqual(["g1 removed - by hand", "g1 created"]);
  });
});
