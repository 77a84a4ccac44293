import { describe, expect, test } from "vitest";
import { Drive } from "../../test/drive.ts";
import { assigned, stopAssigned } from "../../test/orders.ts";

const workload = "shop-web-abc123-1";
const afterStart = [["/warm", "up"]];
const beforeStop = [["/save"]];

/** A drive whose commands end as told. */
function drive(exitCodes: Record<string, number | "hangs">): Drive {
  const made = new Drive();
  made.engine.command = (_container, [program = ""]) => {
    const end = exitCodes[program] ?? 0;
    return end === "hangs"
      ? { output: "", ended: true }
      : { output: end === 0 ? "" : "no disk", exitCode: end };
  };
  return made;
}

describe("after a start", () => {
  test("nothing is healthy before the hook is over", async () => {
    const run = await drive({})
      .order(assigned({ hooks: { afterStart } }))
      .begin();
    await run.settle();
    expect(run.facts()).toEqual(["g1 created", "g1 started #1", "g1 after_start #1 ok", "g1 healthy #1"]);
  });

  test("no probe is sent before the hook is over", async () => {
    const run = drive({});
    const healthcheck = { tcpPorts: [8080] };
    const order: string[] = [];
    run.engine.command = () => {
      order.push("hook");
      return { output: "", exitCode: 0 };
    };
    run.probe = () => {
      order.push("probe");
      return { ok: true };
    };
    await (await run.order(assigned({ healthcheck, hooks: { afterStart } })).begin()).settle();
    expect(order).toEqual(["hook", "probe"]);
  });

  test("a failing command is said and does not matter", async () => {
    const commands = [["/bad"], ["/good"]];
    const run = await drive({ "/bad": 3 })
      .order(assigned({ hooks: { afterStart: commands } }))
      .begin();
    await run.settle();
    expect(run.facts().slice(2)).toEqual([
      'g1 after_start #1 ["/bad"]: exit code 3: no disk',
      "g1 healthy #1",
    ]);
  });

  test("one that must succeed fails the start, which is tried again", async () => {
    const commands = [["/bad"], ["/good"]];
    const run = drive({ "/bad": "hangs" });
    const order = assigned({
      hooks: { afterStart: commands, force: true, timeoutMs: 50 },
      restart: { retriesMax: 1 },
    });
    await (await run.order(order).begin()).pass(10_000);
    const fault = '["/bad"]: not over after 50 ms: it was ended';
    expect(run.facts().slice(1)).toEqual([
      "g1 started #1",
      `g1 after_start #1 ${fault}`,
      `g1 failed #1 start: after-start hook ${fault}, again in 1000`,
      "g1 started #2",
      `g1 after_start #2 ${fault}`,
      `g1 failed #2 start: after-start hook ${fault}, for good`,
    ]);
    expect(run.engine.steps.filter((step) => step.startsWith("exec"))).toHaveLength(2);
  });

  test("an agent that starts anew does not run it again", async () => {
    const run = await drive({})
      .order(assigned({ hooks: { afterStart } }))
      .begin();
    await run.settle();
    await run.restartAgent();
    await run.settle();
    expect(run.engine.steps.filter((step) => step.startsWith("exec"))).toHaveLength(1);
  });

  test("a process that ends during its hook is said to have ended", async () => {
    const run = drive({});
    run.engine.command = ({ name }) => {
      run.engine.exit(name, 7);
      return { output: "", exitCode: 137 };
    };
    await (
      await run.order(assigned({ hooks: { afterStart, force: true }, restart: { policy: "no" } })).begin()
    ).settle();
    expect(run.facts().slice(2)).toEqual(["g1 exited #1 7, for good"]);
  });
});

describe("before a stop", () => {
  test("the hook is run once, then the process is stopped", async () => {
    const run = await drive({ "/save": 1 })
      .order(assigned({ hooks: { beforeStop } }))
      .begin();
    await run.settle();
    run.order(stopAssigned(workload, 2));
    await run.settle();
    expect(run.engine.steps.slice(-3)).toEqual([
      "exec eru-shop-web-abc123-1-g1",
      "stop eru-shop-web-abc123-1-g1",
      "remove eru-shop-web-abc123-1-g1",
    ]);
    expect(run.facts().slice(-2)).toEqual([
      'g1 before_stop #1 ["/save"]: exit code 1: no disk',
      "g2 removed 0",
    ]);
  });

  test("one that must succeed holds the stop for a while, not for ever", async () => {
    const run = await drive({ "/save": 1 })
      .order(assigned({ hooks: { beforeStop, force: true } }))
      .begin();
    await run.settle();
    run.order(stopAssigned(workload, 2));
    await run.pass(14_000);
    expect(run.facts().slice(-1)).toEqual(['g1 before_stop #1 ["/save"]: exit code 1: no disk']);
    expect(run.engine.containers()).toHaveLength(1);
    await run.pass(20_000);
    expect(run.facts().filter((fact) => fact.includes("before_stop"))).toHaveLength(5);
    expect(run.facts().at(-1)).toBe("g2 removed 0");
  });

  test("an agent that starts anew finds the hook on the container", async () => {
    const run = await drive({})
      .order(assigned({ hooks: { beforeStop } }))
      .begin();
    await run.settle();
    run.order(stopAssigned(workload, 2));
    await run.restartAgent();
    await run.settle();
    expect(run.facts().slice(-2)).toEqual(["g1 before_stop #1 ok", "g2 removed 0"]);
  });
});
