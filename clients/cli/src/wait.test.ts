import { afterEach, beforeEach, expect, test } from "vitest";
import { contextFor, eru } from "./testkit/eru.ts";
import { FakeServer } from "./testkit/fake-server.ts";
import { aDeployment, aWorkload } from "./testkit/views.ts";

// Without a feed: the scripted server has none, so these also show that waiting does not depend on it.

let server: FakeServer;
let place: { cwd: string };
const placing = aDeployment({ state: "placing", counts: { wanted: 1, placed: 1 } });
const running = aDeployment({ counts: { wanted: 1, placed: 1, healthy: 1 } });
const scale = "scale hello-web-abc123 1 --wait";
const one = "GET /v1/deployments/hello-web-abc123";

beforeEach(async () => {
  server = await FakeServer.start();
  place = contextFor(server.url);
  server
    .on("POST /v1/deployments/hello-web-abc123/scale", { status: 202, json: { seq: 12, changed: true } })
    .on("GET /v1/workloads", { json: { items: [aWorkload()], next: null } });
});
afterEach(() => server[Symbol.asyncDispose]());

test("it looks from the command's sequence on, and again until it is so", async () => {
  // The first is asked for what its count is for.
  server.on(one, { json: placing }, { json: placing }, { json: running });
  const { code, out, err } = await eru(place, scale.split(" "));
  expect(code).toBe(0);
  expect(out).toMatch(/^hello-web-abc123: 1 of 1 healthy after \d/);
  expect(err).toMatch(/1 wanted: 1 starting\n.*1 wanted: 1 healthy\n$/s);
  expect(server.asked(one).map(({ query }) => query)).toEqual([{}, { after: "12" }, {}]);
});

test.each([
  ["auto", "1 workload wanted"],
  ["fill", "1 workload per node wanted"],
  ["each", "1 workload per node wanted"],
] as const)("with strategy %s a scale says what its count is for", async (strategy, words) => {
  server.on(one, { json: aDeployment({ strategy }) }).on("GET /v1/status", { json: {} });
  const { out } = await eru(place, "scale hello-web-abc123 1".split(" "));
  expect(out).toBe(`hello-web-abc123: ${words}\n`);
});

test("a scale that is recorded does not fail because the words for it cannot be had", async () => {
  server.on(one, "cut").on("GET /v1/status", { json: {} });
  const { code, out } = await eru(place, "scale hello-web-abc123 1".split(" "));
  expect({ code, out }).toEqual({ code: 0, out: "hello-web-abc123: 1 workload wanted\n" });
});

test("with --json there is one document and no progress", async () => {
  server.on(one, { json: running });
  const { code, out, err } = await eru(place, [...scale.split(" "), "--json"]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(JSON.parse(out)).toMatchObject({
    seq: 12,
    outcome: "reached",
    deployment: { deployment: "hello-web-abc123" },
    workloads: [{ workload: "hello-web-abc123-1" }],
  });
});

test("out of time it ends with 1, says how far it is, and how to go on", async () => {
  server.on(one, { json: placing });
  const { code, out, err } = await eru(place, [...scale.split(" "), "--timeout", "50ms"]);
  expect({ code, out }).toEqual({ code: 1, out: "hello-web-abc123: 1 wanted: 1 starting\n" });
  expect(err).toContain("not so after 50 ms, and it goes on");
  expect(err).toContain("eru why hello-web-abc123");
});

test("a server that stops answering is waited for; when it stays away the exit status is 4, not 1", async () => {
  server.on(one, { json: placing }, { json: placing }, "cut");
  const { code, err } = await eru(place, [...scale.split(" "), "--timeout", "2500ms"]);
  expect(code).toBe(4);
  expect(err).toContain("the connection broke");
});

test("on a terminal it draws over what it drew, and shows whole errors at the end", async () => {
  const lastError = `pull: ${"y".repeat(200)}`;
  server
    .on(one, { json: { ...placing, state: "halted", reason: "too many failures" } })
    .on("GET /v1/workloads", { json: { items: [aWorkload({ state: "failed", lastError })], next: null } });
  const { code, err } = await eru(place, scale.split(" "), { errTty: true, errColumns: 60 });
  expect(code).toBe(1);
  const [picture] = err.split(`  hello-web-abc123-1 on n1: ${lastError}\n`);
  expect(picture).toContain("failed: pull: yyyy");
  for (const line of picture?.split("\n") ?? []) expect(line.length).toBeLessThan(60);
  expect(err).toContain("eru: hello-web-abc123: it is halted: too many failures\n");
});
