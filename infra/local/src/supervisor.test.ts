import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { endProcesses } from "./end.ts";
import { Home } from "./home.ts";
import { readIdentity, runs } from "./identity.ts";
import { runningProcesses } from "./running.ts";
import type { UnitState } from "./supervised.ts";
import { readState, runSupervisor } from "./supervisor.ts";
import type { UnitSpec } from "./unit.ts";

// Real processes on a machine that may be busy.
vi.setConfig({ testTimeout: 120_000 });

let home: Home;
const said: string[] = [];
const stops: (() => Promise<void>)[] = [];

beforeEach(() => {
  said.length = 0;
  home = new Home(mkdtempSync(join(tmpdir(), "eru-supervisor-")));
  home.make();
});
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
  await endProcesses(home, [...runningProcesses(home).keys()], 100, () => {});
  rmSync(home.path, { recursive: true });
});

const unit = (name: string, script: string, more: Partial<UnitSpec> = {}): UnitSpec => ({
  name,
  kind: "process",
  command: ["sh", "-c", script],
  env: { PATH: process.env["PATH"]!, HERE: home.path },
  after: [],
  stopMs: 1_000,
  ...more,
});

function supervise(...specs: UnitSpec[]): () => Promise<void> {
  const stop = new AbortController();
  const running = runSupervisor({
    home,
    specs: () => specs,
    reloads: () => 0,
    say: (text) => said.push(text),
    signal: stop.signal,
  });
  const end = async () => {
    stop.abort();
    await running;
  };
  stops.push(end);
  return end;
}

const stateOf = (name: string): UnitState | undefined =>
  readState(home)?.units.find((unit) => unit.name === name);
const until = (check: () => void) => vi.waitFor(check, { timeout: 60_000, interval: 10 });
const ready = (name: string) => until(() => expect(stateOf(name)?.phase).toBe("ready"));

test("units start in the order of what they need: a task that has ended well, a process that runs", async () => {
  supervise(
    unit("last", 'echo last >>"$HERE/order"; exec sleep 60', { after: ["task"] }),
    unit("task", 'sleep 0.1; echo task >>"$HERE/order"', { kind: "task", after: ["first"] }),
    unit("first", 'echo first >>"$HERE/order"; exec sleep 60'),
  );
  await ready("last");
  expect(readFileSync(join(home.path, "order"), "utf8")).toBe("first\ntask\nlast\n");
});

test("a killed process comes back as another one, and the state says how the one before ended", async () => {
  supervise(unit("worker", "exec sleep 60"));
  await ready("worker");
  const before = readIdentity(home.pidFile("worker"))!;
  process.kill(before.pid, "SIGKILL");
  await until(() =>
    expect(stateOf("worker")).toMatchObject({ phase: "ready", restarts: 1, lastEnd: "SIGKILL" }),
  );
  expect(stateOf("worker")?.pid).not.toBe(before.pid);
});

test("what keeps failing is tried again with growing pauses and does not hold up the others", async () => {
  supervise(unit("broken", "echo no luck; exit 3"), unit("well", "exec sleep 60"));
  await ready("well");
  await until(() => expect(stateOf("broken")?.restarts).toBeGreaterThanOrEqual(3));
  expect(stateOf("broken")).toMatchObject({ lastEnd: "exit 3" });
  expect(stateOf("well")).toMatchObject({ phase: "ready", restarts: 0 });
  expect(readFileSync(home.logFile("broken"), "utf8")).toContain("no luck");
  const pauses = said
    .filter((text) => text.startsWith("broken: ended"))
    .map((text) => /in (\S+) s/.exec(text)?.[1]);
  expect(pauses.slice(0, 3)).toEqual(["0.0", "0.1", "0.2"]);
});

test("a program that is not there is a named end, not the end of the supervisor", async () => {
  supervise(unit("nowhere", "", { command: ["/does/not/exist"] }), unit("well", "exec sleep 60"));
  await until(() => expect(stateOf("nowhere")?.lastEnd).toMatch(/exit 12[67]|cannot be started/));
  await ready("well");
});

test("what a supervisor started goes on without it, and the next one takes over the same process", async () => {
  const stop = supervise(unit("worker", "exec sleep 60"));
  await ready("worker");
  const before = readIdentity(home.pidFile("worker"))!;
  await stop();
  expect(runs(before)).toBe(true);

  supervise(unit("worker", "exec sleep 60"));
  await until(() =>
    expect(stateOf("worker")).toMatchObject({ phase: "ready", pid: before.pid, restarts: 0 }),
  );
  process.kill(before.pid, "SIGKILL");
  await until(() => expect(stateOf("worker")).toMatchObject({ phase: "ready", restarts: 1 }));
});

test("a stranger under a recorded number is neither adopted nor ended", async () => {
  const self = `${process.pid} 1 00000000-0000-0000-0000-000000000000\n`;
  writeFileSync(home.pidFile("worker"), self);
  supervise(unit("worker", "exec sleep 60"));
  await ready("worker");
  expect(stateOf("worker")?.pid).not.toBe(process.pid);
  writeFileSync(home.pidFile("other"), self);
  await endProcesses(home, ["other"], 100, () => {}); // Would have ended this test.
});

test("a process that ignores SIGTERM is killed after its time, one that obeys is not", async () => {
  const told: string[] = [];
  supervise(
    unit("deaf", "trap '' TERM; echo up; while :; do sleep 0.05; done"),
    unit("polite", "trap 'exit 0' TERM; echo up; while :; do sleep 0.05; done"),
  );
  for (const name of ["deaf", "polite"])
    await until(() => expect(readFileSync(home.logFile(name), "utf8")).toBe("up\n"));
  for (const stop of stops.splice(0)) await stop();
  await endProcesses(home, ["deaf", "polite"], 500, (text) => told.push(text));
  expect(told.toSorted()).toEqual(["deaf was killed: it did not end within 0.5 s", "polite ended"]);
  expect(runningProcesses(home).size).toBe(0);
});
