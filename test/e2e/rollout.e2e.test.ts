// Rollouts on real parts, under constant traffic through two load balancers: what fails goes back by itself, a canary
// waits and is promoted, an abort goes back, and no request is ever lost. Runs in a world of its own.
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

const world = process.env["RIG"];
if (!process.env["ERU_RIG_WORLD"] || !world) throw new Error("run it in a world: npm run test:e2e");
const home = mkdtempSync(join(world, "home-"));
const run = promisify(execFile);
/** Fails for good at the first failure. */
const atOnce = JSON.stringify({ restart: { policy: "always", retriesMax: 0 } });

let zone: DemoResult;
let api: Api;

beforeAll(async () => {
  zone = await demo({ home, nodes: 3, elbs: 2, say: () => {}, tell: () => {} });
  const context = z.object({ token: z.string() }).parse(JSON.parse(readFileSync(zone.contextFile, "utf8")));
  api = new Api(zone, context.token);
  const spec = join(home, "missing.yaml");
  writeFileSync(
    spec,
    "appname: hello\nentrypoints:\n  web:\n    publish: [8080]\n    restart: {policy: always, retriesMax: 0}\n",
  );
  await eru(
    "release",
    "register",
    "hello",
    "--file",
    spec,
    "--image",
    "nowhere.invalid/hello:1",
    "--release",
    "missing",
  );
}, 240_000);

afterAll(() => down({ home, purge: true }), 120_000);

/** The command line as a user has it. */
async function eru(...parameters: string[]): Promise<{ code: number; out: string; err: string }> {
  const bin = join(import.meta.dirname, "../../clients/cli/bin/eru");
  const env = { ...process.env, ERU_CONTEXT: zone.contextFile };
  return await run(bin, parameters, { env }).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    (error: { code?: number; stdout?: string; stderr?: string }) => ({
      code: error.code ?? -1,
      out: error.stdout ?? "",
      err: error.stderr ?? "",
    }),
  );
}

const Workload = z.looseObject({ workload: z.string(), state: z.string() });
const healthy = async () =>
  (await api.list("/v1/workloads", { deployment: zone.deployment }, Workload))
    .filter(({ state }) => state === "healthy")
    .map(({ workload }) => workload)
    .sort();

/** Traffic through both load balancers while something is done: nothing of it may be lost. */
async function losingNothing(work: () => Promise<void>): Promise<LoadVerdict> {
  const targets = zone.elbUrls.map((url) => ({
    address: new URL(url).hostname,
    port: Number(new URL(url).port),
  }));
  const traffic = { clients: 4, uploads: 1, uploadMs: 300, webSockets: 2, webSocketMs: 1_500 };
  const load = startLoad({ targets, host: "hello.localhost", ...traffic });
  try {
    await work();
  } finally {
    await sleep(500);
  }
  const verdict = await load.stop();
  const { out } = await eru("rollout", "show", zone.deployment);
  expect(verdict.failures, out).toEqual([]);
  expect(verdict.webSocketsClosed, out).toEqual([]);
  expect(verdict.requests).toBeGreaterThan(50);
  return verdict;
}

const waiting = ["--wait", "--timeout", "90s"];

test.each([
  [
    "never gets healthy",
    ["--env", "START_DELAY_MS=3600000", "--health-deadline", "4s"],
    /not healthy within 4 s/,
  ],
  ["crashes at start", ["--env", "START_FAIL=7", "--settings", atOnce], /exited with 7/],
  ["exits with 0", ["--env", "START_FAIL=0", "--settings", atOnce], /exited with 0/],
  ["cannot be pulled", ["--release", "missing"], /pull: .*nowhere\.invalid/],
] as const)(
  "what %s goes back by itself, with nothing lost, and says why",
  async (_what, change, why) => {
    const before = await healthy();
    expect(before).toHaveLength(3);
    await losingNothing(async () => {
      const { code, err } = await eru("upgrade", zone.deployment, ...change, ...waiting);
      expect(err).toMatch(why);
      expect(code).toBe(1);
    });
    // The old ones never went.
    expect(await healthy()).toEqual(before);
    const { out } = await eru("rollout", "show", zone.deployment);
    expect(out).toMatch(/state +rolled back/);
    expect(out).toMatch(why);
  },
  180_000,
);

test("a canary waits for a word, and promoted the rest follows", async () => {
  const verdict = await losingNothing(async () => {
    const begun = await eru("upgrade", zone.deployment, "--env", "VERSION=two", "--canary", "1", ...waiting);
    expect(begun).toMatchObject({ code: 0, out: expect.stringContaining("waits for promote or abort") });
    expect((await eru("rollout", "list")).out).toMatch(/canary +1 +2/);
    expect(await eru("rollout", "promote", zone.deployment, ...waiting)).toMatchObject({ code: 0 });
  });
  expect(verdict.answeredBy.size).toBe(6);
}, 180_000);

test("an abort goes back, and a completed rollout is undone by another one", async () => {
  await losingNothing(async () => {
    const three = ["--env", "VERSION=three"];
    expect(await eru("upgrade", zone.deployment, ...three, "--canary", "2", ...waiting)).toMatchObject({
      code: 0,
    });
    expect(await eru("rollout", "abort", zone.deployment, ...waiting)).toMatchObject({ code: 0 });
    expect((await eru("deployment", "show", zone.deployment, "--json")).out).toMatch(/"VERSION": *"two"/);
    expect(await eru("rollout", "rollback", zone.deployment, "--batch", "2", ...waiting)).toMatchObject({
      code: 0,
    });
  });
  expect((await eru("deployment", "show", zone.deployment, "--json")).out).not.toContain('"VERSION"');
}, 240_000);
