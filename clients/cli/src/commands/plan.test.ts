import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PlanReply } from "@eru/events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { contextFor, eru } from "../testkit/eru.ts";
import { FakeServer } from "../testkit/fake-server.ts";

let server: FakeServer;
let place: { cwd: string };

beforeEach(async () => {
  server = await FakeServer.start();
  place = contextFor(server.url);
  server.on("GET /v1/status", { json: { seq: 12 } });
});
afterEach(() => server[Symbol.asyncDispose]());

const route = "POST /v1/deployments";
const line = "deploy hello --pod demo --count 2 --cpu 0.1 --memory 32M".split(" ");
const reply: PlanReply = {
  atSeq: 7,
  placed: [{ node: "n1", count: 2 }],
  waiting: 0,
  reasons: {
    policy: "auto-1",
    inputSeq: 7,
    wanted: 2,
    resources: { cpu: 0.1, memoryMib: 32 },
    nodesTotal: 1,
    candidatesTotal: 1,
    scores: [{ node: "n1", count: 0, capacity: 9, placed: 2 }],
    rejectedTotals: {},
    rejected: [],
    wouldHelp: [],
  },
  release: "v3",
};

test("a plan is saved for its owner, shown, and applied with what it rests on and the release it is for", async () => {
  server.on(
    route,
    { json: reply },
    { status: 202, json: { seq: 12, changed: true, deployment: "hello-web-a" } },
  );
  expect(await eru(place, [...line, "--dry-run", "--save", "p.json"])).toMatchObject({ code: 0 });
  expect(statSync(join(place.cwd, "p.json")).mode & 0o777).toBe(0o600);
  const shown = await eru(place, ["plan", "show", "p.json"]);
  expect(shown.out).toContain("plan for 2 of hello/web, release v3, in pod demo, made at sequence 7");
  const applied = await eru(place, ["plan", "apply", "p.json"]);
  expect(applied).toMatchObject({ code: 0, out: expect.stringContaining("hello-web-a: 2 workloads") });
  const [dry, real] = server.asked(route);
  expect(real?.body).toEqual({
    ...(dry?.body as object),
    release: "v3",
    expect: { atSeq: 7, placed: [{ node: "n1", count: 2 }], waiting: 0 },
  });
  expect(real?.query).toEqual({});
});

test("what is no plan is refused with how to make one, and --save without --dry-run before anything is sent", async () => {
  writeFileSync(join(place.cwd, "p.json"), '{"format": "eru-plan-2"}');
  for (const file of ["p.json", "missing.json"]) {
    const { code, err } = await eru(place, ["plan", "apply", file]);
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("is no saved plan") });
    expect(err).toContain("--dry-run --save");
  }
  const { code, err } = await eru(place, [...line, "--save", "q.json"]);
  expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("add --dry-run") });
  expect(server.asked(route)).toEqual([]);
});

test("a plan of an upgrade is saved with its release, shown, and applied with all it rests on", async () => {
  const url = "POST /v1/deployments/hello-web-a/upgrade";
  const { placed, waiting, reasons } = reply;
  const expected = {
    ...{ atSeq: 7, workloads: 2, how: "at most 1 more than wished", placed, waiting, risks: [] },
    from: { release: "v1", seq: 3 },
  };
  const planned = { ...expected, deployment: "hello-web-a", release: "v2", reasons };
  server.on(url, { json: planned }, { status: 202, json: { seq: 12, changed: true } });
  const asked = ["upgrade", "hello-web-a", "--env", "A=1"];
  expect(await eru(place, [...asked, "--dry-run", "--save", "u.json"])).toMatchObject({ code: 0 });
  const shown = await eru(place, ["plan", "show", "u.json"]);
  expect(shown.out).toContain("plan for an upgrade of hello-web-a, made at sequence 7: 2 workloads would be");
  const applied = await eru(place, ["plan", "apply", "u.json"]);
  expect(applied).toMatchObject({ code: 0, out: "hello-web-a: upgrade to v2\n" });
  expect(server.asked(url)[1]?.body).toEqual({ env: { A: "1" }, release: "v2", expect: expected });
  expect(await eru(place, [...asked, "--save", "u.json"])).toMatchObject({ code: 2 });
});

test("a plan of a drain is saved with its reason, shown, and applied with all it rests on", async () => {
  const url = "POST /v1/nodes/n1/drain";
  const moved = { deployment: "hello-web-a", workloads: 2, placed: [{ node: "n2", count: 2 }], stuck: 0 };
  const planned = {
    ...{ atSeq: 7, node: "n1", liveness: "alive", deploymentsTotal: 1 },
    deployments: [{ ...moved, reasons: reply.reasons, risks: [] }],
  };
  server.on(url, { json: planned }, { status: 202, json: { seq: 12, changed: true } });
  const asked = ["node", "drain", "n1", "--reason", "disk", "--deadline", "10m"];
  expect(await eru(place, [...asked, "--dry-run", "--save", "d.json"])).toMatchObject({ code: 0 });
  const shown = await eru(place, ["plan", "show", "d.json"]);
  expect(shown.out).toContain("plan for a drain of node n1, made at sequence 7: 2 of 2 workloads on n1");
  expect(await eru(place, ["plan", "apply", "d.json"])).toMatchObject({ code: 0 });
  expect(server.asked(url)[1]?.body).toEqual({
    ...{ reason: "disk", deadlineMs: 600_000 },
    expect: { atSeq: 7, deploymentsTotal: 1, deployments: [moved] },
  });
  expect(await eru(place, [...asked, "--save", "d.json"])).toMatchObject({ code: 2 });
});

test("of a plan that lacks something it is said what", async () => {
  writeFileSync(join(place.cwd, "d.json"), '{"format": "eru-plan-1", "drain": "n1", "request": {}}');
  const { code, err } = await eru(place, ["plan", "apply", "d.json"]);
  expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("is no saved plan: reply") });
});
