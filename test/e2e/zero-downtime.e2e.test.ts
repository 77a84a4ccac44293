// The promise on real parts: three engines, two load balancers, constant traffic through both, and everything an operator
// or an accident does meanwhile. Runs in a world of its own: nothing of it is left, whatever happens.
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { type LoadVerdict, startLoad } from "@eru/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { Api } from "../../infra/local/src/demo/api.ts";
import { type DemoResult, demo } from "../../infra/local/src/demo/demo.ts";
import { down } from "../../infra/local/src/down.ts";
import { Home } from "../../infra/local/src/home.ts";
import { readPlan } from "../../infra/local/src/plan.ts";
import { rig } from "../../infra/local/src/rig.ts";
import { status } from "../../infra/local/src/status.ts";

const world = process.env["RIG"];
if (!process.env["ERU_RIG_WORLD"] || !world) throw new Error("run it in a world: npm run test:e2e");
const home = mkdtempSync(join(world, "home-"));
const run = promisify(execFile);

let zone: DemoResult;
let api: Api;

beforeAll(async () => {
  zone = await demo({ home, nodes: 3, elbs: 2, say: () => {}, tell: () => {} });
  const context = z.object({ token: z.string() }).parse(JSON.parse(readFileSync(zone.contextFile, "utf8")));
  api = new Api(zone, context.token);
}, 240_000);

afterAll(() => down({ home, purge: true }), 120_000);

/** The command line as a user has it; its standard output. */
async function eru(...parameters: string[]): Promise<string> {
  const bin = join(import.meta.dirname, "../../clients/cli/bin/eru");
  const { stdout } = await run(bin, parameters, { env: { ...process.env, ERU_CONTEXT: zone.contextFile } });
  return stdout;
}

async function until<T>(ask: () => Promise<T>, wanted: (answer: T) => boolean, withinMs: number): Promise<T> {
  for (const end = performance.now() + withinMs; ; await sleep(50)) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (performance.now() > end) throw new Error(`not within ${withinMs} ms: ${JSON.stringify(answer)}`);
  }
}

const Workload = z.looseObject({ workload: z.string(), node: z.string(), state: z.string() });
const healthy = async () =>
  (await api.list("/v1/workloads", { deployment: zone.deployment }, Workload)).filter(
    ({ state }) => state === "healthy",
  );

const Decision = z.looseObject({ seq: z.number(), type: z.string(), time: z.string(), payload: z.unknown() });

/** What was decided, for the message of a check that fails. */
async function decisions(): Promise<string> {
  const all = await api.list("/v1/events", { kind: "decision" }, Decision);
  return all
    .slice(-60)
    .map(({ seq, type, time, payload }) => `${seq} ${time} ${type} ${JSON.stringify(payload).slice(0, 160)}`)
    .join("\n");
}

/** Traffic through both load balancers, or those at `urls`, while something is done; the verdict once it is done. */
async function under(
  sockets: { webSockets: number; webSocketMs?: number },
  work: () => Promise<void>,
  urls: readonly string[] = zone.elbUrls,
): Promise<LoadVerdict> {
  const targets = urls.map((url) => ({
    address: new URL(url).hostname,
    port: Number(new URL(url).port),
  }));
  const load = startLoad({
    targets,
    host: "hello.localhost",
    clients: 6,
    uploads: 2,
    uploadMs: 300,
    ...sockets,
  });
  try {
    await work();
  } finally {
    // Also when the work failed: clients must not outlive the test.
    await sleep(500);
  }
  return await load.stop();
}

async function expectNothingLost(verdict: LoadVerdict): Promise<void> {
  expect(verdict.failures, await decisions()).toEqual([]);
  expect(verdict.webSocketsClosed, await decisions()).toEqual([]);
  expect(verdict.requests).toBeGreaterThan(100);
}

/** Sockets that come and go: each is over long before the time a drain may take. */
const shortSockets = { webSockets: 4, webSocketMs: 1_500 };

test("scaling up, upgrading twelve, draining a node and scaling down lose nothing through two load balancers", async () => {
  const verdict = await under(shortSockets, async () => {
    await eru("scale", zone.deployment, "12", "--wait", "--timeout", "120s");
    const old = new Set((await healthy()).map(({ workload }) => workload));
    expect(old.size).toBe(12);
    await eru(
      ...["upgrade", zone.deployment, "--release", zone.release, "--env", "VERSION=two", "--surge", "4"],
      ...["--wait", "--timeout", "180s"],
    );
    expect((await healthy()).filter(({ workload }) => old.has(workload))).toEqual([]);
    const node = (await healthy())[0]?.node ?? "";
    await eru("node", "drain", node, "--wait", "--timeout", "180s");
    expect((await healthy()).filter((one) => one.node === node)).toEqual([]);
    expect((await healthy()).length).toBe(12);
    await eru("node", "drain", node, "--cancel");
    await eru("scale", zone.deployment, "6", "--wait", "--timeout", "120s");
  });
  await expectNothingLost(verdict);
  expect(verdict.answeredBy.size).toBeGreaterThanOrEqual(24);
}, 400_000);

/** Another process than before. */
const isFresh = (now: number | undefined, before: number | undefined) => now !== undefined && now !== before;

/** Kills these processes one after the other, each when everything is up again. */
async function killEach(pattern: RegExp): Promise<number> {
  const { units } = await status({ home });
  const victims = units.filter(({ name }) => pattern.test(name));
  for (const { name, pid } of victims) {
    if (pid === undefined) throw new Error(`${name} has no process`);
    process.kill(pid, "SIGKILL");
    await until(
      () => status({ home }),
      (now) => now.phase === "up" && now.units.some((unit) => unit.name === name && isFresh(unit.pid, pid)),
      60_000,
    );
  }
  return victims.length;
}

test("both router-syncs, the scheduler and every other service are killed: nothing is lost, held sockets stay open", async () => {
  let killed = 0;
  const verdict = await under({ webSockets: 4 }, async () => {
    killed = await killEach(/^(router-sync.*|scheduler|command-api|projector|nats)$/);
  });
  expect(killed).toBe(6);
  await expectNothingLost(verdict);
  expect(verdict.echoes).toBeGreaterThan(10);
});

test("every service is restarted the orderly way, one after the other: nothing is lost", async () => {
  const verdict = await under({ webSockets: 4 }, async () => {
    const { units } = await status({ home });
    for (const { name, pid } of units.filter(({ name }) =>
      /^(scheduler|command-api|projector)$/.test(name),
    )) {
      process.kill(pid ?? 0, "SIGTERM");
      await until(
        () => status({ home }),
        (now) => now.phase === "up" && now.units.some((unit) => unit.name === name && isFresh(unit.pid, pid)),
        60_000,
      );
    }
  });
  await expectNothingLost(verdict);
});

const Said = z.looseObject({ seq: z.number(), type: z.string(), payload: z.record(z.string(), z.unknown()) });
const Elb = z.looseObject({
  elb: z.string(),
  live: z.boolean(),
  left: z.boolean(),
  lag: z.number().nullable(),
});
const elbs = () => api.list("/v1/elbs", {}, Elb);
const bothFollow = () =>
  until(elbs, (all) => all.length === 2 && all.every(({ live, lag }) => live && lag === 0), 60_000);

/** These processes sleep while something is done. */
async function asleep(pids: readonly number[], work: () => Promise<void>): Promise<void> {
  for (const pid of pids) process.kill(pid, "SIGSTOP");
  try {
    await work();
  } finally {
    for (const pid of pids) wake(pid);
  }
}

/** What was replaced meanwhile is not there any more. */
function wake(pid: number): void {
  try {
    process.kill(pid, "SIGCONT");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

test.each([
  ["nginx", async () => pidsAt(zone.elbUrls[1] ?? "")],
  [
    "router-sync",
    async () =>
      (await status({ home })).units.flatMap(({ name, pid }) =>
        name === "router-sync-2" && pid ? [pid] : [],
      ),
  ],
])(
  "the %s of one load balancer sleeps during a drain: it ends without it, the other loses nothing, and it catches up",
  async (_what, pidsOf) => {
    await bothFollow();
    const count = (await healthy()).length;
    const [first = ""] = zone.elbUrls;
    const pids = await pidsOf();
    expect(pids.length).toBeGreaterThan(0);
    const seq = async () => (await api.list("/v1/events", { order: "desc" }, Said))[0]?.seq ?? 0;
    const before = await seq();
    const verdict = await under(
      { webSockets: 0 },
      () =>
        asleep(pids, () =>
          eru("scale", zone.deployment, String(count - 1), "--wait", "--timeout", "90s").then(() => {}),
        ),
      [first],
    );
    await expectNothingLost(verdict);
    const since = (await api.list("/v1/events", { fromSeq: String(before + 1), limit: "500" }, Said)).filter(
      (one) => one.seq > before,
    );
    const stop = since.find(({ type }) => type === "StopDecided");
    expect(["drained", "drain_deadline"]).toContain(stop?.payload["because"]);
    const told = since.filter(({ type, seq: at }) => type === "EndpointDrained" && at < (stop?.seq ?? 0));
    expect(told.map(({ payload }) => payload["elb"])).toEqual(["local"]);
    await bothFollow();
    await eru("scale", zone.deployment, String(count), "--wait", "--timeout", "90s");
    await bothFollow();
  },
  240_000,
);

const answerAt = async (url: string): Promise<string> => {
  const { stdout } = await run("curl", ["-s", "-H", "host: staged.localhost", url]);
  return stdout;
};
const answers = () => Promise.all(zone.elbUrls.map(answerAt));

test("a change is staged at one load balancer, becomes everybody's after its time, or is taken back", async () => {
  const apply = (body: string, ...more: string[]) => {
    const file = join(home, "staged.yaml");
    const rule = `{id: all, action: {respond: {status: 200, body: ${body}}}}`;
    writeFileSync(file, `host: staged.localhost\nrules:\n  - ${rule}\n`);
    return eru("route", "apply", "-f", file, ...more);
  };
  const become = (...wanted: string[]) => until(answers, (now) => now.join() === wanted.join(), 60_000);
  await apply("one");
  await become("one", "one");
  expect(await apply("two", "--staged")).toContain("staged at local;");
  await become("two", "one");
  expect(await eru("route", "stage", "show", "staged.localhost")).toMatch(/two/);
  await expect(apply("three")).rejects.toThrow(/promote/);
  await eru("route", "stage", "abort", "staged.localhost");
  await become("one", "one");
  await apply("two", "--staged", "--elb", "local-2", "--promote-after", "5s");
  await become("one", "two");
  await become("two", "two");
  await eru("route", "undo", "staged.localhost");
  await become("one", "one");
  await eru("route", "remove", "staged.localhost");
}, 240_000);

test("a load balancer is told to leave: nobody waits for it, the other must stay, and it comes back", async () => {
  const left = (wanted: boolean) =>
    until(elbs, (all) => all.some((one) => one.elb === "local-2" && one.live && one.left === wanted), 60_000);
  // Whatever stands before them asks who is ready, and sends to the first alone.
  const verdict = await under(
    shortSockets,
    async () => {
      await eru("elb", "leave", "local-2");
      await left(true);
      await expect(eru("elb", "leave", "local")).rejects.toThrow(/last live load balancer/);
      await eru("elb", "join", "local-2");
      await left(false);
    },
    zone.elbUrls.slice(0, 1),
  );
  await expectNothingLost(verdict);
}, 240_000);

test("a worker of one nginx is killed: only what went through it at that moment is lost", async () => {
  const worker = await workerOf(zone.elbUrls[1] ?? "");
  const verdict = await under({ webSockets: 0 }, async () => {
    await sleep(500);
    process.kill(worker, "SIGKILL");
    await sleep(1_500);
  });
  // Each client has one request at a time: more failures would be requests that came after.
  expect(verdict.failures.length, verdict.failures.join("\n")).toBeLessThanOrEqual(8);
  expect(new Set(verdict.failures.map((one) => one.slice(0, 19))).size).toBeLessThanOrEqual(2);
  expect(verdict.requests).toBeGreaterThan(100);
});

/** The processes of the nginx that listens there. */
async function pidsAt(url: string): Promise<number[]> {
  const { stdout } = await run("ss", ["-Hltnp", "sport", "=", new URL(url).port]);
  return [...new Set([...stdout.matchAll(/pid=(\d+)/g)].map(([, pid]) => Number(pid)))];
}

/** One of its workers. */
async function workerOf(url: string): Promise<number> {
  for (const pid of await pidsAt(url))
    if (readFileSync(`/proc/${pid}/cmdline`, "utf8").includes("worker process")) return pid;
  throw new Error(`no nginx worker listens at ${url}`);
}

test("a node loses its power: only requests on their way to it fail, and its workloads run elsewhere soon", async () => {
  const plan = readPlan(new Home(home));
  if (plan?.engine.kind !== "rig") throw new Error("the nodes are namespaces");
  const { engine } = plan;
  const before = await healthy();
  const lost = before.filter(({ node }) => node === "n3").length;
  expect(lost).toBeGreaterThan(0);
  let offAt = 0;
  let restoredMs = 0;
  const verdict = await under({ webSockets: 0 }, async () => {
    await sleep(500);
    offAt = Date.now();
    await rig(new Home(home), engine, "off", "3");
    await until(healthy, (now) => now.filter(({ node }) => node !== "n3").length === before.length, 60_000);
    restoredMs = Date.now() - offAt;
  });
  const failedAt = verdict.failures.map((one) => Date.parse(one.slice(0, 24)) - offAt);
  const all = await api.list("/v1/events", { kind: "decision" }, Decision);
  const lostAt = all.findLast(({ type }) => type === "NodeLost")?.time ?? "";
  process.stdout.write(
    `node loss: noticed after ${Date.parse(lostAt) - offAt} ms, ${lost} workloads restored after ${restoredMs} ms, ${verdict.failures.length} of ${verdict.requests} requests failed\n`,
  );
  // What was on its way is lost once; those that come later go to others.
  expect(verdict.failures.length, verdict.failures.join("\n")).toBeLessThanOrEqual(16);
  expect(failedAt.filter((ms) => ms > 5_000)).toEqual([]);
  await rig(new Home(home), engine, "on", "3");
  await until(
    () => status({ home }),
    ({ phase }) => phase === "up",
    60_000,
  );
}, 240_000);
