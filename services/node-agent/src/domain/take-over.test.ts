import { describe, expect, test } from "vitest";
import { Drive } from "../../test/drive.ts";
import { assigned, stopAssigned } from "../../test/orders.ts";

const workload = "shop-web-abc123-1";
const [old, fresh] = [`eru-${workload}-g1`, `eru-${workload}-g2`];
const healthcheck = { tcpPorts: [8080], startPeriodMs: 0, unhealthyAfter: 1 };
const copy = [{ from: "/var/state", to: "/var/old" }];

async function begun(parts: Parameters<typeof assigned>[0] = {}): Promise<Drive> {
  const drive = await new Drive().order(assigned(parts)).begin();
  await drive.settle();
  drive.engine.steps.length = 0;
  drive.engine.files.set(`${old}:/var/state`, 7);
  return drive;
}

const states = ({ engine }: Drive) =>
  Object.fromEntries(engine.containers().map(({ name, state }) => [name, state]));

describe("a container that takes another one's place", () => {
  test("is made first; the old one is stopped, its files are brought, and it goes when the new one is healthy", async () => {
    const drive = await begun({ hooks: { beforeStop: [["/save"]] } });
    await drive
      .order(assigned({ generation: 2, hooks: { beforeStop: [["/save"]] }, takesOver: { copy } }))
      .settle();
    expect(drive.engine.steps).toEqual([
      `create ${fresh}`,
      `exec ${old}`,
      `stop ${old}`,
      `copy ${old}:/var/state ${fresh}:/var/old`,
      `start ${fresh}`,
      `remove ${old}`,
    ]);
    expect(drive.facts().slice(3)).toEqual([
      "g2 created",
      "g2 before_stop #1 ok",
      "g2 started #1",
      "g2 healthy #1",
    ]);
  });

  test.each([
    [
      "cannot be made",
      (drive: Drive) => drive.engine.failNext("create", "no space left"),
      "create: no space left",
    ],
    [
      "cannot be started",
      (drive: Drive) => drive.engine.failNext("start", "bad command"),
      "start: bad command",
    ],
    [
      "cannot have the files",
      (drive: Drive) => drive.engine.files.clear(),
      `start: there is no /var/state in ${old}`,
    ],
    [
      "ends at once",
      (drive: Drive) => {
        drive.engine.process = ({ name }) => (name === fresh ? { exitCode: 3 } : undefined);
      },
      "exited with 3",
    ],
    [
      "does not get healthy",
      (drive: Drive) => {
        drive.probe = ({ containerId }) =>
          drive.engine.container(fresh)?.id === containerId
            ? { ok: false, reason: "GET / 500" }
            : { ok: true };
      },
      "GET / 500",
    ],
  ])("and %s gives it back: the old one runs again, and a fact says why", async (_, breaks, error) => {
    const drive = await begun({ healthcheck });
    breaks(drive);
    await drive.order(assigned({ healthcheck, generation: 2, takesOver: { copy } })).settle();
    expect(drive.facts()).toContain(`g2 undone: ${error}`);
    expect(drive.facts().at(-1)).toMatch(/^g2 healthy/);
    expect(states(drive)).toEqual({ [old]: "running" });
    // And stays so, whoever asks again.
    const steps = drive.engine.steps.length;
    await drive.restartAgent();
    await drive.settle();
    expect(drive.engine.steps.slice(steps)).toEqual([]);
    await drive.order(stopAssigned(workload, 3)).settle();
    expect(drive.facts().at(-1)).toBe("g3 removed 0");
    expect(states(drive)).toEqual({});
  });

  test.each(["create", "stop", "copy", "start", "remove"] as const)(
    "is in its place once when the agent dies at the %s",
    async (step) => {
      const drive = await begun();
      drive.order(assigned({ generation: 2, takesOver: { copy } }));
      drive.engine.loseAnswer(step);
      await drive.settle();
      await drive.restartAgent();
      await drive.settle();
      await drive.look();
      await drive.settle();
      expect(states(drive)).toEqual({ [fresh]: "running" });
      expect(drive.engine.files.get(`${fresh}:/var/old`)).toBe(7);
      expect(drive.facts().filter((one) => one.includes("undone"))).toEqual([]);
      expect(drive.facts().at(-1)).toBe("g2 healthy #1");
    },
  );

  test("is stopped with the old one when an order says so in the middle", async () => {
    const drive = await begun({ healthcheck });
    drive.probe = () => ({ ok: false, reason: "not yet" });
    const patient = { ...healthcheck, startPeriodMs: 60_000 };
    await drive.order(assigned({ healthcheck: patient, generation: 2, takesOver: {} })).settle();
    expect(states(drive)).toEqual({ [old]: "exited", [fresh]: "running" });
    await drive.order(stopAssigned(workload, 3)).settle();
    expect(states(drive)).toEqual({});
  });

  test("that lost its old one before is not made without the files", async () => {
    const drive = await begun();
    drive.engine.exit(old, 0);
    drive.engine.removeByHand(old);
    drive.order(assigned({ generation: 2, takesOver: { copy } }));
    await drive.hint(workload);
    expect(drive.facts().at(-1)).toMatch(
      /start: the container it takes \/var\/state from is gone, for good$/,
    );
  });
});

describe("a container beside the one whose place it will have", () => {
  const other = "shop-web-abc123-2";

  test("gets its files while that one runs on", async () => {
    const drive = await begun();
    await drive.order(assigned({ workload: other, takesOver: { from: workload, copy } })).settle();
    expect(drive.engine.steps).toEqual([
      `create eru-${other}-g1`,
      `copy ${old}:/var/state eru-${other}-g1:/var/old`,
      `start eru-${other}-g1`,
    ]);
    expect(states(drive)).toEqual({ [old]: "running", [`eru-${other}-g1`]: "running" });
  });

  test("is tried again when that fails, with the files", async () => {
    const drive = await begun();
    drive.engine.failNext("start", "busy");
    await drive.order(assigned({ workload: other, takesOver: { from: workload, copy } })).pass(5_000);
    expect(drive.engine.steps.filter((one) => one.startsWith("copy"))).toHaveLength(2);
    expect(states(drive)).toEqual({ [old]: "running", [`eru-${other}-g1`]: "running" });
  });

  test("is given up at once when there is no such file", async () => {
    const drive = await begun();
    drive.engine.files.clear();
    await drive.order(assigned({ workload: other, takesOver: { from: workload, copy } })).settle();
    expect(drive.facts().at(-1)).toBe(`g1 failed #1 start: there is no /var/state in ${old}, for good`);
  });
});
