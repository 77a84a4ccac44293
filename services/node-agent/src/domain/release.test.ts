import { describe, expect, test } from "vitest";
import { Drive } from "../../test/drive.ts";
import { assigned, releaseAssigned, stopAssigned } from "../../test/orders.ts";

const workload = "shop-web-abc123-1";
const name = `eru-${workload}-g1`;
const running = ["g1 created", "g1 started #1", "g1 healthy #1"];
const released = [...running, "g2 released"];

async function letGo(parts: Parameters<typeof assigned>[0] = {}): Promise<Drive> {
  const drive = await new Drive().order(assigned(parts)).begin();
  await drive.settle();
  return await drive.order(releaseAssigned(workload, 2)).settle();
}

describe("a container that was let go of", () => {
  test("runs on, untouched, and is said to be so once", async () => {
    const drive = await letGo();
    const before = drive.engine.container(name);
    await drive.look();
    await drive.pass(3_600_000);
    expect(drive.facts()).toEqual(released);
    expect(drive.engine.container(name)).toEqual(before);
    expect(drive.engine.steps).toEqual([`create ${name}`, `start ${name}`]);
  });

  test("is still left alone by an agent that comes back, however much it looks", async () => {
    const drive = await letGo();
    const before = drive.engine.container(name);
    for (let times = 0; times < 3; times++) {
      await drive.restartAgent();
      await drive.hint(workload);
      await drive.look();
      await drive.pass(60_000);
    }
    expect(drive.facts()).toEqual(released);
    expect(drive.engine.container(name)).toEqual(before);
  });

  test("is said to be let go of again when that never reached the log", async () => {
    const drive = await letGo();
    await drive.restartAgent(1);
    expect((await drive.settle()).facts()).toEqual(released);
  });

  test("has no health and no restarts any more", async () => {
    const drive = await letGo({ healthcheck: { tcpPorts: [8080], intervalMs: 1_000 } });
    drive.probe = () => ({ ok: false, reason: "refused" });
    await drive.pass(60_000);
    drive.engine.exit(name, 1);
    await drive.hint(workload);
    await drive.pass(60_000);
    expect(drive.facts()).toEqual(released);
    expect(drive.engine.container(name)?.state).toBe("exited");
  });

  test("is reported once when somebody removes it, and not made again", async () => {
    const drive = await letGo();
    drive.engine.removeByHand(name);
    await drive.hint(workload);
    await drive.restartAgent();
    await drive.pass(60_000);
    expect(drive.facts()).toEqual([...released, "g2 removed - by hand"]);
    expect(drive.engine.containers()).toEqual([]);
  });

  test("is left alone when the engine shows it again after it was missing", async () => {
    const drive = await letGo();
    drive.agent.listed(drive.agent.beginLook(), []);
    await drive.settle();
    await drive.look();
    await drive.settle();
    expect(drive.engine.steps).toEqual([`create ${name}`, `start ${name}`]);
  });

  test("is not stopped by an older order that comes late", async () => {
    const drive = await letGo();
    await drive.order(stopAssigned(workload, 1)).settle();
    await drive.look();
    await drive.settle();
    expect(drive.engine.container(name)?.state).toBe("running");
  });
});

test("letting go of what has no container says so", async () => {
  const drive = new Drive({ images: [], registry: [] });
  await drive.order(assigned({ restart: { policy: "no", retriesMax: 0 } })).begin();
  await drive.settle();
  await drive.order(releaseAssigned(workload, 2)).settle();
  expect(drive.facts().at(-1)).toBe("g2 released, nothing there");
});

const adoption = { generation: 3, keep: "adopted" } as const;

describe("taking it back", () => {
  test("watches the same container again, without touching it", async () => {
    const drive = await letGo();
    const before = drive.engine.container(name);
    await drive.order(assigned(adoption)).settle();
    await drive.restartAgent();
    await drive.pass(60_000);
    expect(drive.facts()).toEqual([...released, "g3 adopted", "g3 started #2", "g3 healthy #2"]);
    expect(drive.engine.container(name)).toEqual(before);
    expect(drive.engine.steps).toHaveLength(2);
  });

  test.each([1, 2, 3])("makes up for the last %i facts that never reached the log", async (lost) => {
    const drive = await letGo();
    await drive.order(assigned(adoption)).settle();
    await drive.restartAgent(lost);
    await drive.settle();
    expect(drive.facts()).toEqual([...released, "g3 adopted", "g3 started #2", "g3 healthy #2"]);
  });

  test("does not run the after-start hook of what went on running", async () => {
    const parts = { hooks: { afterStart: [["/warm"]] } };
    const drive = await letGo(parts);
    await drive.order(assigned({ ...parts, ...adoption })).settle();
    expect(drive.facts().filter((fact) => fact.includes("after_start"))).toEqual(["g1 after_start #1 ok"]);
    expect(drive.facts().at(-1)).toBe("g3 healthy #2");
  });

  test("begins its health checks again", async () => {
    const healthcheck = { tcpPorts: [8080], intervalMs: 1_000, unhealthyAfter: 1, startPeriodMs: 0 };
    const drive = await letGo({ healthcheck });
    drive.probe = () => ({ ok: false, reason: "refused" });
    await drive.order(assigned({ healthcheck, ...adoption })).settle();
    await drive.pass(5_000);
    expect(drive.facts().at(-1)).toBe("g3 unhealthy #2: refused");
  });

  test("starts one that ended meanwhile", async () => {
    const drive = await letGo();
    drive.engine.exit(name, 1);
    await drive.hint(workload);
    await drive.order(assigned(adoption)).settle();
    expect(drive.facts().slice(4)).toEqual(["g3 adopted, not running", "g3 started #2", "g3 healthy #2"]);
    expect(drive.engine.containers()).toHaveLength(1);
  });

  test("fails when it is gone, makes no other, and the stop that follows is answered", async () => {
    const drive = await letGo();
    drive.engine.removeByHand(name);
    await drive.order(assigned(adoption)).settle();
    await drive.restartAgent();
    await drive.pass(60_000);
    expect(drive.facts().at(-1)).toBe("g3 not adopted: its container is gone");
    expect(drive.engine.containers()).toEqual([]);
    await drive.order(stopAssigned(workload, 4)).settle();
    expect(drive.facts().at(-1)).toMatch(/^g4 removed/);
  });

  test("brings it back to a life like any other's: one that is removed by hand is made again", async () => {
    const drive = await letGo();
    await drive.order(assigned(adoption)).settle();
    drive.engine.removeByHand(name);
    await drive.hint(workload);
    await drive.pass(60_000);
    expect(drive.facts().slice(-3)).toEqual(["g3 created", "g3 started #3", "g3 healthy #3"]);
    await drive.order(stopAssigned(workload, 4)).settle();
    expect(drive.engine.containers()).toEqual([]);
  });
});
