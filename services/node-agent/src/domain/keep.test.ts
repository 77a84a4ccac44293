import { describe, expect, test } from "vitest";
import { Drive } from "../../test/drive.ts";
import { assigned, stopAssigned } from "../../test/orders.ts";

const workload = "shop-web-abc123-1";
const name = `eru-${workload}-g1`;
const running = ["g1 created", "g1 started #1", "g1 healthy #1"];
const healthcheck = { tcpPorts: [8080] };

async function begun(parts: Parameters<typeof assigned>[0] = {}): Promise<Drive> {
  const drive = await new Drive().order(assigned(parts)).begin();
  await drive.settle();
  drive.engine.steps.length = 0;
  return drive;
}

describe("an order to begin anew", () => {
  test("stops the same container with its hook and starts it again", async () => {
    const hooks = { beforeStop: [["/save"]] };
    const drive = await begun({ hooks });
    await drive.order(assigned({ hooks, generation: 2, keep: "restarted" })).settle();
    expect(drive.engine.steps).toEqual([`exec ${name}`, `stop ${name}`, `start ${name}`]);
    expect(drive.facts()).toEqual([...running, "g1 before_stop #1 ok", "g2 started #2", "g2 healthy #2"]);
  });

  test("says healthy only of the new start", async () => {
    const drive = await begun({ healthcheck });
    drive.probe = () => ({ ok: false, reason: "warming up" });
    await drive.order(assigned({ healthcheck, generation: 2, keep: "restarted" })).settle();
    expect(drive.facts()).toEqual([...running, "g2 started #2"]);
  });

  test.each(["stop", "start"] as const)("is carried out once when the agent dies at the %s", async (step) => {
    const drive = await begun();
    drive.engine.loseAnswer(step);
    drive.order(assigned({ generation: 2, keep: "restarted" }));
    const work = drive.agent.next(drive.nowMs);
    expect(work.actions.map((action) => action.do)).toEqual(["stop"]);
    await drive.settle();
    await drive.restartAgent();
    await drive.settle();
    await drive.restartAgent();
    await drive.settle();
    expect(drive.engine.steps.filter((one) => one.startsWith("start"))).toHaveLength(1);
    expect(drive.facts()).toEqual([...running, "g2 started #2", "g2 healthy #2"]);
  });

  test("makes a container where there is none", async () => {
    const drive = await begun();
    drive.engine.exit(name, 0);
    drive.engine.removeByHand(name);
    await drive.order(assigned({ generation: 2, keep: "restarted" })).hint(workload);
    expect(drive.facts().slice(-3)).toEqual(["g2 created", "g2 started #1", "g2 healthy #1"]);
    await drive.order(assigned({ generation: 3, keep: "restarted" })).settle();
    expect(drive.facts().slice(-2)).toEqual(["g3 started #2", "g3 healthy #2"]);
    expect(drive.engine.containers()).toHaveLength(1);
  });
});

describe("an order to stop and keep", () => {
  test("stops the container and leaves it there, through restarts of the agent and starts by hand", async () => {
    const drive = await begun();
    await drive.order(assigned({ generation: 2, keep: "stopped" })).settle();
    await drive.restartAgent();
    await drive.settle();
    expect(drive.facts()).toEqual([...running, "g2 stopped #1 0"]);
    expect(drive.engine.container(name)?.state).toBe("exited");
    drive.engine.restartByHand(name);
    await drive.hint(workload);
    expect(drive.facts().slice(-2)).toEqual(["g2 started #2", "g2 stopped #2 0"]);
  });

  test("an order to run starts the same container again", async () => {
    const drive = await begun();
    await drive.order(assigned({ generation: 2, keep: "stopped" })).settle();
    await drive.order(assigned({ generation: 3, keep: "running" })).settle();
    expect(drive.facts().slice(-2)).toEqual(["g3 started #2", "g3 healthy #2"]);
    expect(drive.engine.containers()).toHaveLength(1);
  });

  test("also ends a workload that has given up, and an order to run tries again", async () => {
    const drive = new Drive();
    drive.engine.process = () => ({ exitCode: 1 });
    await (await drive.order(assigned({ restart: { retriesMax: 0 } })).begin()).settle();
    await drive.order(assigned({ generation: 2, keep: "stopped" })).settle();
    drive.engine.process = () => undefined;
    await drive.order(assigned({ generation: 3, keep: "running" })).settle();
    expect(drive.facts()).toEqual([
      "g1 created",
      "g1 started #1",
      "g1 exited #1 1, for good",
      "g2 stopped #1 1",
      "g3 started #2",
      "g3 healthy #2",
    ]);
  });

  test("a removal takes the stopped container away", async () => {
    const drive = await begun();
    await drive.order(assigned({ generation: 2, keep: "stopped" })).settle();
    await drive.order(stopAssigned(workload, 3)).settle();
    expect(drive.facts().at(-1)).toBe("g3 removed 0");
    expect(drive.engine.containers()).toEqual([]);
  });
});

test("an order without a container to keep puts a new one in its place", async () => {
  const drive = await begun();
  await drive.order(assigned({ generation: 2 })).settle();
  expect(drive.facts().slice(3)).toEqual(["g1 removed 0", "g2 created", "g2 started #1", "g2 healthy #1"]);
});

test("ignored hooks run, but their failures do not count", async () => {
  const hooks = { afterStart: [["/warm"]], beforeStop: [["/save"]], force: true };
  const drive = await begun({ hooks });
  drive.engine.command = () => ({ exitCode: 1, output: "" });
  await drive.order(assigned({ hooks, generation: 2, keep: "restarted", ignoreHooks: true })).settle();
  expect(drive.facts().slice(-4)).toEqual([
    'g1 before_stop #1 ["/save"]: exit code 1',
    "g2 started #2",
    'g2 after_start #2 ["/warm"]: exit code 1',
    "g2 healthy #2",
  ]);
});
