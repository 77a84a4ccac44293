// The demo's path on real parts, with every process killed once in the middle and traffic through the load balancer all
// the while. Runs in a world of its own: nothing of it is left, whatever happens.
import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync } from "node:fs";
import { get, type IncomingMessage } from "node:http";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";
import { startLoad } from "@eru/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { Api } from "../../infra/local/src/demo/api.ts";
import { type DemoResult, demo } from "../../infra/local/src/demo/demo.ts";
import { down } from "../../infra/local/src/down.ts";
import { status } from "../../infra/local/src/status.ts";

const world = process.env["RIG"];
if (!process.env["ERU_RIG_WORLD"] || !world) throw new Error("run it in a world: npm run test:e2e");
const home = mkdtempSync(join(world, "home-"));
const host = "hello.localhost";
const run = promisify(execFile);

let first: DemoResult;
let api: Api;
const told: string[] = [];

beforeAll(async () => {
  first = await demo({
    home,
    nodes: 3,
    say: (text) => told.push(text),
    tell: (step, outcome, seconds) => told.push(`${seconds.toFixed(1)} s ${step}: ${outcome}`),
  });
  const context = z.object({ token: z.string() }).parse(JSON.parse(readFileSync(first.contextFile, "utf8")));
  api = new Api(first, context.token);
}, 240_000);

afterAll(() => down({ home, purge: true }), 120_000);

/** The command line as a user has it; its standard output. */
async function eru(...parameters: string[]): Promise<string> {
  const bin = join(import.meta.dirname, "../../clients/cli/bin/eru");
  const { stdout } = await run(bin, parameters, { env: { ...process.env, ERU_CONTEXT: first.contextFile } });
  return stdout;
}

/** Waits until a question is answered as wanted; the last answer is in the error when it never is. */
async function until<T>(
  ask: () => Promise<T>,
  wanted: (answer: T) => boolean,
  withinMs = 60_000,
): Promise<T> {
  const end = performance.now() + withinMs;
  for (;;) {
    const answer = await ask();
    if (wanted(answer)) return answer;
    if (performance.now() > end)
      throw new Error(`not within ${withinMs} ms; last: ${JSON.stringify(answer)}`);
    await sleep(50);
  }
}

/** What was decided, for the message of a check that fails. */
async function decisions(): Promise<string> {
  const Decision = z.looseObject({
    seq: z.number(),
    type: z.string(),
    time: z.string(),
    payload: z.unknown(),
  });
  const all = await api.list("/v1/events", { kind: "decision" }, Decision);
  return all
    .map(({ seq, type, time, payload }) => `${seq} ${time} ${type} ${JSON.stringify(payload).slice(0, 200)}`)
    .join("\n");
}

const Workload = z.looseObject({
  workload: z.string(),
  node: z.string(),
  state: z.string(),
  release: z.string(),
});
const healthy = async () =>
  (await api.list("/v1/workloads", { deployment: first.deployment }, Workload)).filter(
    ({ state }) => state === "healthy",
  );

/** One request through the load balancer; fetch would not send the Host header. */
async function ask(): Promise<{ status: number | undefined; body: string }> {
  const [answer] = (await once(get(first.elbUrl, { headers: { host } }), "response")) as [IncomingMessage];
  const parts: Buffer[] = [];
  for await (const part of answer) parts.push(part as Buffer);
  return { status: answer.statusCode, body: Buffer.concat(parts).toString() };
}

const traffic = (webSockets: number) => {
  const url = new URL(first.elbUrl);
  const targets = [{ address: url.hostname, port: Number(url.port) }];
  return startLoad({ targets, host, clients: 4, uploads: 2, uploadMs: 300, webSockets });
};

test("the demo ends with an answer from a workload on each of three nodes", () => {
  expect(new Set(first.answers.map(({ id }) => id)).size, told.join("\n")).toBe(3);
  expect(new Set(first.answers.map(({ node }) => node))).toEqual(new Set(["n1", "n2", "n3"]));
});

/** Kills processes one after the other, each when everything is up again. */
async function killEach(pattern: RegExp): Promise<string[]> {
  const { units } = await status({ home });
  const killed = units.filter(({ name }) => pattern.test(name));
  for (const { name, pid } of killed) {
    if (pid === undefined) throw new Error(`${name} has no process`);
    process.kill(pid, "SIGKILL");
    await until(
      () => status({ home }),
      (after) => {
        const unit = after.units.find((one) => one.name === name);
        return after.phase === "up" && unit?.pid !== undefined && unit.pid !== pid && unit.restarts > 0;
      },
    );
  }
  return killed.map(({ name }) => name);
}

test("the log and every service may be killed: requests and open sockets go on, all comes back", async () => {
  const load = traffic(3);
  const killed = await killEach(/^(command-api|scheduler|projector|router-sync|nats)$/);
  const verdict = await load.stop();
  expect(killed).toHaveLength(5);
  expect(verdict.failures).toEqual([]);
  expect(verdict.webSocketsClosed, await decisions()).toEqual([]);
  expect(verdict.requests).toBeGreaterThan(100);
  expect(verdict.echoes).toBeGreaterThan(10);
  expect((await healthy()).length).toBe(3);
});

// No sockets are held here: where a machine is so busy that an agent needs 6 s to come back, its workloads are rightly
// replaced elsewhere.
test("every agent may be killed: its containers go on, and no request fails", async () => {
  const load = traffic(0);
  const killed = await killEach(/^agent-/);
  expect(killed).toHaveLength(3);
  expect((await load.stop()).failures, await decisions()).toEqual([]);
  expect((await until(healthy, (all) => all.length === 3)).length).toBe(3);
});

test("scaling up and upgrading lose no request, and why says where each workload went", async () => {
  const load = traffic(0);
  await eru("scale", first.deployment, "5", "--wait");
  expect((await healthy()).length).toBe(5);
  const old = new Set((await healthy()).map(({ workload }) => workload));
  await eru("upgrade", first.deployment, "--release", first.release, "--env", "VERSION=two", "--wait");
  const fresh = await until(
    healthy,
    (all) => all.length === 5 && all.every(({ workload }) => !old.has(workload)),
  );
  await eru("scale", first.deployment, "2", "--wait");
  const verdict = await load.stop();
  expect(verdict.failures).toEqual([]);
  expect(JSON.parse((await ask()).body)).toMatchObject({ version: "two" });
  expect(await eru("why", fresh[0]?.workload ?? "")).toMatch(/n[123]/);
});

test("three accounts of what is used agree, and a file of the log answers a dry run as the zone does", async () => {
  const used = await until(
    () => eru("usage").catch(({ stdout }: { stdout: string }) => stdout),
    (text) => text.includes("the accounts of 3 nodes agree"),
  );
  expect(used).toMatch(/n1 +memory +MiB/);
  const file = join(home, "log.jsonl");
  await eru("log", "export", file);
  const asked = ["node", "drain", "n1", "--dry-run"];
  const said = (text: string) => text.replaceAll(/log up to \d+/g, "");
  // A load balancer that was not heard in time is a risk for as long.
  await until(
    async () => [said(await eru(...asked, "--log", file)), said(await eru(...asked))],
    ([offline, live]) => offline === live,
  );
});

test("draining a node moves its workloads start-first and loses no request", async () => {
  const load = traffic(0);
  const node = (await healthy())[0]?.node ?? "";
  await eru("node", "drain", node, "--wait");
  expect((await healthy()).filter((workload) => workload.node === node)).toEqual([]);
  expect((await healthy()).length).toBe(2);
  await eru("node", "drain", node, "--cancel");
  expect((await load.stop()).failures).toEqual([]);
});

test("a second run is done at once and keeps its data; so does one after everything was ended", async () => {
  const again = await demo({ home, nodes: 3, say: () => {}, tell: () => {} });
  expect(again.deployment).toBe(first.deployment);
  await down({ home });
  expect((await status({ home })).phase).toBe("down");
  const third = await demo({ home, nodes: 3, say: () => {}, tell: () => {} });
  expect(third.deployment).toBe(first.deployment);
  expect(third.answers.length).toBeGreaterThanOrEqual(3);
}, 240_000);

test("a removed deployment leaves no container, and its host answers with a clear refusal", async () => {
  await eru("remove", first.deployment, "--wait");
  const States = z.looseObject({ state: z.string() });
  const left = await api.list("/v1/workloads", { deployment: first.deployment }, States);
  expect(left.filter(({ state }) => state !== "removed")).toEqual([]);
  expect((await ask()).status).toBe(503);
});
