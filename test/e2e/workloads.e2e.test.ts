// Verbs on single workloads, hooks and checks by command, on real engines and through a real load balancer.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { startLoad } from "@eru/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { Api } from "../../infra/local/src/demo/api.ts";
import { type DemoResult, demo } from "../../infra/local/src/demo/demo.ts";
import { down } from "../../infra/local/src/down.ts";
import { Home } from "../../infra/local/src/home.ts";
import { status } from "../../infra/local/src/status.ts";

const world = process.env["RIG"];
if (!process.env["ERU_RIG_WORLD"] || !world) throw new Error("run it in a world: npm run test:e2e");
const home = mkdtempSync(join(world, "home-"));
const host = "hello.localhost";
const run = promisify(execFile);

let first: DemoResult;
let api: Api;

beforeAll(async () => {
  first = await demo({ home, nodes: 2, elbs: 2, say: () => {}, tell: () => {} });
  const context = z.object({ token: z.string() }).parse(JSON.parse(readFileSync(first.contextFile, "utf8")));
  api = new Api(first, context.token);
}, 240_000);

afterAll(() => down({ home, purge: true }), 120_000);

async function eru(...parameters: string[]): Promise<string> {
  const bin = join(import.meta.dirname, "../../clients/cli/bin/eru");
  const env = { ...process.env, ERU_CONTEXT: first.contextFile };
  const { stdout, stderr } = await run(bin, parameters, { env }).catch(
    (error: { stdout?: string; stderr?: string }) => ({
      stdout: error.stdout ?? "",
      stderr: error.stderr ?? "",
    }),
  );
  return stdout + stderr;
}

const Workload = z.looseObject({
  workload: z.string(),
  node: z.string(),
  state: z.string(),
  attempt: z.number(),
  generation: z.number(),
  containerId: z.string().nullable(),
  lastError: z.string().nullable(),
});
const workloadsOf = (deployment: string) => api.list("/v1/workloads", { deployment }, Workload);
const one = async (id: string) =>
  (await api.list("/v1/workloads", { deployment: id.replace(/-\d+$/, ""), state: "all" }, Workload)).find(
    ({ workload }) => workload === id,
  );

async function until<T>(
  ask: () => Promise<T>,
  wanted: (answer: T) => boolean,
  withinMs = 60_000,
): Promise<T> {
  for (const end = performance.now() + withinMs; ; ) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (performance.now() > end)
      throw new Error(`not within ${withinMs} ms; last: ${JSON.stringify(answer)}`);
    await sleep(50);
  }
}

const traffic = () => {
  const url = new URL(first.elbUrl);
  const targets = [{ address: url.hostname, port: Number(url.port) }];
  return startLoad({ targets, host, clients: 4, uploads: 2, uploadMs: 300, webSockets: 0 });
};

test("restarting every workload at once loses no request, and keeps each in its container", async () => {
  const before = await workloadsOf(first.deployment);
  const load = traffic();
  const said = await Promise.all(
    before.map(({ workload }) => eru("workload", "restart", workload, "--wait", "--timeout", "90s")),
  );
  const verdict = await load.stop();
  for (const text of said) expect(text).toMatch(/restart done in .* it is healthy on n[12]/);
  expect(verdict.failures).toEqual([]);
  expect(verdict.requests).toBeGreaterThan(50);
  for (const { workload, containerId, attempt } of before)
    expect(await one(workload)).toMatchObject({ state: "healthy", containerId, attempt: attempt + 1 });
});

test("replacing a workload puts another with its files in its place, and loses no request", async () => {
  const [before] = await workloadsOf(first.deployment);
  const id = before?.workload ?? "";
  const load = traffic();
  const said = await eru("workload", "replace", id, "--copy", "/hello:/var/old", "--wait");
  const [, successor = ""] = /replace done in .*, (\S+) serves in its place on n[12]/.exec(said) ?? [said];
  await until(
    () => workloadsOf(first.deployment),
    (all) => all.every(({ workload }) => workload !== id),
  );
  expect((await load.stop()).failures).toEqual([]);
  expect(await one(successor)).toMatchObject({ state: "healthy", node: before?.node });
});

test("a replacement in place that cannot be gives the old container back, and loses no request", async () => {
  const [before] = await workloadsOf(first.deployment);
  const id = before?.workload ?? "";
  const load = traffic();
  const copy = ["--copy", "/none:/none"];
  const said = await eru("workload", "replace", id, "--inherit-network", ...copy, "--wait");
  expect(said).toContain("copying /none of the old container");
  await until(
    () => one(id),
    (now) => now?.state === "healthy",
  );
  expect((await load.stop()).failures).toEqual([]);
  expect(await one(id)).toMatchObject({ containerId: before?.containerId });
});

test("a stopped workload is kept and not replaced, and loses no request; a start brings it back", async () => {
  const before = await workloadsOf(first.deployment);
  const id = before[0]?.workload ?? "";
  const load = traffic();
  expect(await eru("workload", "stop", id, "--wait")).toMatch(/stop done/);
  expect(await eru("workload", "stop", id)).toContain("it was so already");
  expect(await one(id)).toMatchObject({ state: "stopped", containerId: before[0]?.containerId });
  expect(await workloadsOf(first.deployment)).toHaveLength(before.length);
  expect(await eru("why", id)).toMatch(/is stopped on n[12] and kept/);
  expect(await eru("workload", "start", id, "--wait")).toMatch(/start done/);
  expect((await load.stop()).failures).toEqual([]);
  expect(await eru("workload", "show", id)).toMatch(/last change +start done/);
});

const Inspected = z.looseObject({
  HostConfig: z.looseObject({ NanoCpus: z.number(), Memory: z.number(), CpusetCpus: z.string() }),
  State: z.looseObject({ Running: z.boolean(), StartedAt: z.string() }),
});

/** A workload's container, as its engine has it. */
async function inspect(id: string): Promise<z.infer<typeof Inspected>> {
  const { node, containerId } = (await one(id)) ?? {};
  const socketPath = join(new Home(home).rig, node ?? "", "docker.sock");
  const body = await new Promise<string>((resolve, reject) => {
    get({ socketPath, path: `/containers/${containerId}/json` }, (answer) =>
      text(answer).then(resolve, reject),
    ).on("error", reject);
  });
  return Inspected.parse(JSON.parse(body));
}

/** What the engine bounds a workload's container to. */
async function bounds(id: string): Promise<{ cpu: number; mib: number }> {
  const { NanoCpus, Memory } = (await inspect(id)).HostConfig;
  return { cpu: NanoCpus / 1e9, mib: Memory / 1024 ** 2 };
}

test("other resources reach the running container, and no request is lost", async () => {
  const [before] = await workloadsOf(first.deployment);
  const id = before?.workload ?? "";
  const load = traffic();
  const said = await eru("workload", "realloc", id, "--cpu", "0.2", "--memory", "48M", "--wait");
  expect((await load.stop()).failures).toEqual([]);
  expect(said).toContain(`${id} has 0.2 cpu, 48M`);
  expect(await bounds(id)).toEqual({ cpu: 0.2, mib: 48 });
  expect(await one(id)).toMatchObject({
    ...{ containerId: before?.containerId, attempt: before?.attempt, generation: before?.generation },
    state: "healthy",
  });
  expect(await eru("workload", "realloc", id, "--cpu", "50", "--wait")).toMatch(
    /no room for what is more than it has: cpu: 49.8 wanted, .* ask for at most cpu/,
  );
  expect(await eru("workload", "realloc", id, "--memory", "4M", "--wait")).toMatch(
    /it uses \d+ MiB of memory now|Minimum memory limit/,
  );
  await until(
    () => bounds(id),
    ({ mib }) => mib === 48,
  );
});

test("all workloads of a deployment get other resources, and those to come have them", async () => {
  const load = traffic();
  const said = await eru(
    "deployment",
    "realloc",
    first.deployment,
    "--cpu",
    "0.15",
    "--memory",
    "40M",
    "--wait",
  );
  expect(said).toMatch(/all \d+ have it/);
  expect((await load.stop()).failures).toEqual([]);
  const all = await workloadsOf(first.deployment);
  for (const { workload } of all) expect(await bounds(workload)).toEqual({ cpu: 0.15, mib: 40 });
  expect(await eru("deployment", "realloc", first.deployment, "--memory", "40M")).toContain(
    "it was so already",
  );
  await eru("scale", first.deployment, String(all.length + 1), "--wait");
  const newest = (await workloadsOf(first.deployment)).at(-1)?.workload ?? "";
  expect(await bounds(newest)).toEqual({ cpu: 0.15, mib: 40 });
  await eru("scale", first.deployment, String(all.length), "--wait");
});

const Bound = z.looseObject({
  resources: z.looseObject({ bind: z.boolean().optional() }),
  granted: z.looseObject({ cores: z.record(z.string(), z.number()).optional() }).nullable(),
});

test("a running workload is bound to a core of its own and let go, and no request is lost", async () => {
  const [before] = await workloadsOf(first.deployment);
  const id = before?.workload ?? "";
  const shown = async () => Bound.parse(await one(id));
  const coresOf = async () => (await inspect(id)).HostConfig.CpusetCpus;
  const load = traffic();
  expect(await eru("workload", "realloc", id, "--cpu", "0.2", "--bind", "--wait")).toContain(
    `${id} has 0.2 cpu bound, 40M`,
  );
  const { resources, granted } = await shown();
  expect(resources.bind).toBe(true);
  const [core = ""] = Object.keys(granted?.cores ?? {});
  expect(granted?.cores).toEqual({ [core]: 20 });
  expect(await coresOf()).toBe(core);
  expect(await eru("workload", "realloc", id, "--cpu", "0.15", "--unbind", "--wait")).toContain(
    `${id} has 0.15 cpu, 40M`,
  );
  expect((await load.stop()).failures).toEqual([]);
  expect((await shown()).granted?.cores).toBeUndefined();
  expect((await shown()).resources.bind ?? false).toBe(false);
  // What is not bound may use every core again: its agent says so a moment later when it was not so at once.
  await until(coresOf, (cores) => cores !== core);
  expect(await bounds(id)).toMatchObject({ cpu: 0.15 });
  expect(await one(id)).toMatchObject({ containerId: before?.containerId, attempt: before?.attempt });
});

/** Which workload answers a request through the load balancer. */
const whoAnswers = () =>
  new Promise<string>((resolve, reject) => {
    const { hostname, port } = new URL(first.elbUrl);
    get({ hostname, port, headers: { host } }, (answer) => {
      answer.resume();
      resolve(String(answer.headers["x-id"]));
    }).on("error", reject);
  });

/** The agent of a node is killed; returns when another one works. */
async function killAgent(node: string, witness: string): Promise<void> {
  const pidOf = async () => (await status({ home })).units.find(({ name }) => name === `agent-${node}`)?.pid;
  const before = await pidOf();
  process.kill(before ?? Number.NaN, "SIGKILL");
  await until(pidOf, (pid) => pid !== undefined && pid !== before);
  // What it does with a workload of its own it does after it has looked at everything.
  expect(await eru("workload", "restart", witness, "--wait", "--timeout", "90s")).toMatch(/restart done/);
}

test("a dissociated container runs on, also past its agent's end, loses no request, and serves again", async () => {
  const before = await workloadsOf(first.deployment);
  const [left] = before;
  const id = left?.workload ?? "";
  const node = left?.node ?? "";
  const { State: state } = await inspect(id);
  const load = traffic();
  expect(await eru("workload", "dissociate", id, "--wait")).toMatch(
    /dissociated; container [0-9a-f]{12} runs on on n[12], and what it uses .* is not booked there any more/,
  );
  expect((await load.stop()).failures).toEqual([]);
  expect((await workloadsOf(first.deployment)).map(({ workload }) => workload)).not.toContain(id);
  await eru("scale", first.deployment, String(before.length + 1), "--wait");
  const beside = (await workloadsOf(first.deployment)).find((other) => other.node === node);
  await killAgent(node, beside?.workload ?? "");
  expect((await inspect(id)).State).toEqual(state);
  expect(await eru("workload", "list", "--dissociated")).toMatch(
    new RegExp(`${id} .*${node} .*${left?.containerId?.slice(0, 12)} .*user:`),
  );
  expect(await eru("workload", "restart", id)).toMatch(/is dissociated: .* adopt it first/);
  await eru("scale", first.deployment, String(before.length - 1), "--wait");
  const again = traffic();
  expect(await eru("workload", "adopt", id, "--wait")).toMatch(/adopted, it is healthy on n[12]/);
  await until(whoAnswers, (by) => by === id);
  expect((await again.stop()).failures).toEqual([]);
  expect((await inspect(id)).State).toEqual(state);
  expect(await workloadsOf(first.deployment)).toHaveLength(before.length);
}, 300_000);

test("what is not there is refused with what there is", async () => {
  expect(await eru("workload", "restart", `${first.deployment}-99`)).toMatch(
    /there is no workload .*; its deployment has/,
  );
  expect(await eru("workload", "restart", "nothing-web-abc123-1")).toMatch(/there is no deployment/);
});

const hooked = (spec: string) => `appname: hooked
entrypoints:
  web:
    command: [/hello]
    healthcheck: { command: [/hello, check], intervalMs: 300, unhealthyAfter: 2 }
    restart: { policy: always, retriesMax: 0 }
${spec}`;

test("hooks and checks by command decide about a start, and say why", async () => {
  const image = `hello:${first.release}`;
  await eru("app", "register", "hooked");
  const register = async (release: string, spec: string) => {
    const file = join(home, `${release}.yaml`);
    writeFileSync(file, hooked(spec));
    return await eru("release", "register", "hooked", "--file", file, "--image", image, "--release", release);
  };
  await register(
    "good",
    "    hooks: { afterStart: [[/hello, exit, '0']], beforeStop: [[/hello, sleep, '600']], timeoutMs: 1000 }\n",
  );
  await register("bad", "    hooks: { afterStart: [[/hello, exit, '9']], force: true }\n");
  expect(await register("wrong", "    publish: [8080]\n    hooks: {}\n")).toMatch(
    /hooks need afterStart or beforeStop/,
  );
  const deploy = async (release: string) => {
    const text = await eru(
      "deploy",
      "hooked",
      "--release",
      release,
      "--pod",
      "demo",
      "--count",
      "1",
      "--cpu",
      "0.1",
      "--memory",
      "32M",
      "--json",
    );
    return /hooked-web-[a-z0-9]{6}/.exec(text)?.[0] ?? text;
  };
  const good = await deploy("good");
  await until(
    () => workloadsOf(good),
    (all) => all[0]?.state === "healthy",
  );
  expect(await eru("why", `${good}-1`)).toMatch(/the after-start hook ran, 1 command/);
  await eru("remove", good, "--wait");
  expect(await eru("events", "--object", `workload:${good}-1`)).toMatch(
    /before-stop hook failed.*"sleep","600".*not over after 1000 ms: it was ended/,
  );
  const bad = await deploy("bad");
  const failed = await until(
    () => workloadsOf(bad),
    (all) => /exit code 9/.test(all[0]?.lastError ?? ""),
  );
  expect(failed[0]?.lastError).toMatch(
    /after-start hook: \["\/hello","exit","9"\]: exit code 9: exiting on demand/,
  );
  await eru("remove", bad, "--wait");
}, 180_000);
