import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { type DemoResult, demo } from "./demo/demo.ts";
import { Home } from "./home.ts";
import { readIdentity } from "./identity.ts";
import { down, status, up } from "./index.ts";

const nodes = 2;
let home: Home;
let first: DemoResult;
beforeAll(() => {
  home = new Home(mkdtempSync(join(tmpdir(), "eru-up-")));
});
afterAll(async () => {
  await down({ home: home.path, purge: true });
  rmSync(home.path, { recursive: true, force: true });
});

const options = (tell: (step: string) => void = () => {}) => ({
  home: home.path,
  nodes,
  say: () => {},
  tell,
});
const idsOf = ({ answers }: DemoResult) => answers.map(({ id }) => id).toSorted();
const pidOf = (name: string): number => readIdentity(home.pidFile(name))!.pid;
const kill = (...names: string[]) => {
  for (const name of names) process.kill(pidOf(name), "SIGKILL");
};
const links = () => readFileSync("/proc/net/dev", "utf8");
const mounts = () => readFileSync("/proc/self/mountinfo", "utf8");
const processes = () => execFileSync("ps", ["-e", "-o", "args="], { encoding: "utf8" });

test("the demo runs from nothing to an answer of every workload, and again in the same way", async () => {
  const steps: string[] = [];
  first = await demo(options((step) => steps.push(step)));
  expect(first.answers).toHaveLength(3);
  expect(new Set(first.answers.map(({ node }) => node))).toEqual(new Set(["n1", "n2"]));
  expect(steps.at(-1)).toBe("requests through the ELB");

  const again = await demo(options());
  expect(again.deployment).toBe(first.deployment);
  expect(idsOf(again)).toEqual(idsOf(first));
  expect((await status({ home: home.path })).phase).toBe("up");
});

test("secrets can be read by their owner alone", () => {
  for (const file of [home.secrets, home.context, home.natsConf, home.plan, home.state])
    expect(statSync(file).mode & 0o077, file).toBe(0);
});

test("after the supervisor, an engine, the log and the ELB's service were killed, up mends what is broken and leaves the rest", async () => {
  const untouched = pidOf("command-api");
  kill("supervisor", "engine-n2", "nats", "router-sync");
  await up({ home: home.path, nodes });
  expect(await status({ home: home.path })).toMatchObject({ phase: "up" });
  expect(pidOf("command-api")).toBe(untouched);
  expect(idsOf(await demo(options()))).toEqual(idsOf(first)); // No container was lost on the way.
});

test("a killed agent comes back by itself", async () => {
  const before = pidOf("agent-n1");
  kill("agent-n1");
  await vi.waitFor(
    async () => {
      expect(pidOf("agent-n1")).not.toBe(before);
      expect((await status({ home: home.path })).phase).toBe("up");
    },
    { timeout: 30_000, interval: 100 },
  );
  expect((await demo(options())).answers).toHaveLength(3);
});

test("down leaves no process, link, mount or cgroup, keeps the data, and may be repeated; up brings all back", async () => {
  const { engine } = JSON.parse(readFileSync(home.plan, "utf8")) as { engine: { name: string } };
  kill("supervisor"); // Down does not need it.
  await down({ home: home.path });
  await down({ home: home.path });
  expect(await status({ home: home.path })).toMatchObject({ phase: "down" });
  expect(processes()).not.toContain(home.path);
  expect(links()).not.toContain(engine.name);
  expect(mounts()).not.toContain(home.path);
  for (const hierarchy of readdirSync("/sys/fs/cgroup"))
    expect(existsSync(join("/sys/fs/cgroup", hierarchy, "eru-rig", engine.name)), hierarchy).toBe(false);

  const begun = await demo(options());
  expect(begun.deployment).toBe(first.deployment);
  expect(begun.answers).toHaveLength(3);
});

test("purge works with a damaged plan, and removes what is Eru's and nothing else", async () => {
  writeFileSync(home.plan, "{");
  writeFileSync(join(home.path, "mine"), "");
  await expect(status({ home: home.path })).rejects.toThrow(/plan\.json is damaged/);
  await down({ home: home.path, purge: true });
  expect(processes()).not.toContain(home.path);
  expect(readdirSync(home.path)).toEqual(["mine"]);
  rmSync(join(home.path, "mine"));
  await down({ home: home.path, purge: true });
  expect(existsSync(home.path)).toBe(false);
  expect(await status({ home: home.path })).toMatchObject({ phase: "absent" });
  await down({ home: home.path });
});
