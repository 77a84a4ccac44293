import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { demo } from "./demo/demo.ts";
import { askUntilAll } from "./demo/requests.ts";
import { Home } from "./home.ts";
import { readIdentity } from "./identity.ts";
import { down, status, up } from "./index.ts";

const nodes = 2;
let home: Home;
beforeAll(() => {
  home = new Home(mkdtempSync(join(tmpdir(), "eru-up-")));
});
afterAll(async () => {
  await down({ home: home.path, purge: true });
  rmSync(home.path, { recursive: true, force: true });
});

const pidOf = (name: string): number => readIdentity(home.pidFile(name))!.pid;
const kill = (...names: string[]) => {
  for (const name of names) process.kill(pidOf(name), "SIGKILL");
};
const links = () => execFileSync("ip", ["-o", "link"], { encoding: "utf8" });
const mounts = () => readFileSync("/proc/self/mountinfo", "utf8");
const processes = () => execFileSync("ps", ["-e", "-o", "args="], { encoding: "utf8" });

test("the demo runs from nothing to an answer of every workload, and again in the same way", async () => {
  const steps: string[] = [];
  const options = { home: home.path, nodes, say: () => {}, tell: (step: string) => steps.push(step) };
  const first = await demo(options);
  expect(first.answers).toHaveLength(3);
  expect(new Set(first.answers.map(({ node }) => node))).toEqual(new Set(["n1", "n2"]));
  expect(steps.at(-1)).toBe("requests through the ELB");

  const again = await demo(options);
  expect(again.deployment).toBe(first.deployment);
  expect(again.answers.map(({ id }) => id).toSorted()).toEqual(first.answers.map(({ id }) => id).toSorted());
  expect((await status({ home: home.path })).phase).toBe("up");
});

test("secrets can be read by their owner alone", () => {
  for (const file of [home.secrets, home.context, home.natsConf, home.plan, home.state])
    expect(statSync(file).mode & 0o077, file).toBe(0);
});

test("after the supervisor, an agent, an engine and the log were killed, up mends what is broken and leaves the rest", async () => {
  const untouched = pidOf("command-api");
  kill("supervisor", "agent-n1", "engine-n2", "nats", "router-sync");
  await up({ home: home.path, nodes });
  expect(await status({ home: home.path })).toMatchObject({ phase: "up" });
  expect(pidOf("command-api")).toBe(untouched);
  const { installation } = await status({ home: home.path });
  const asked = await askUntilAll(installation!.elbUrl, "hello.localhost", {
    ids: async () => [],
    count: 0,
    withinMs: 10_000,
  });
  expect(asked.answers.length).toBeGreaterThan(0);
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

  const begun = await demo({ home: home.path, nodes, say: () => {}, tell: () => {} });
  expect(begun.answers).toHaveLength(3);
});

test("purge removes the directory too", async () => {
  await down({ home: home.path, purge: true });
  expect(existsSync(home.path)).toBe(false);
  expect(await status({ home: home.path })).toMatchObject({ phase: "absent" });
  await down({ home: home.path });
});
