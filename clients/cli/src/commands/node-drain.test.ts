import { afterEach, beforeEach, expect, test } from "vitest";
import { contextFor, eru } from "../testkit/eru.ts";
import { FakeServer } from "../testkit/fake-server.ts";
import { aNode } from "../testkit/views.ts";

let server: FakeServer;
let place: { cwd: string };
const recorded = { status: 202, json: { seq: 12, changed: true } };
const drain = {
  ...{ requestedAt: "2026-01-01T00:00:00Z", deadlineMs: null, paused: null },
  ...{ left: 0, leaving: 0, lost: 0, stuckTotal: 0, stuck: [] },
};
const stuck = [
  { deployment: "shop-web-a", workloads: 1, state: "waiting", reason: "1 waits, 2 nodes: cpu on 1" },
];
const reasons = {
  policy: "auto-1",
  inputSeq: 11,
  wanted: 2,
  resources: { cpu: 1, memoryMib: 100 },
  nodesTotal: 2,
  candidatesTotal: 1,
  scores: [],
  rejectedTotals: { cpu: 1 },
  rejected: [{ node: "n2", filter: "cpu", detail: "cpu: 1 wanted, 0 of 1 free" }],
  wouldHelp: ["free 1 more core on n2"],
};

beforeEach(async () => {
  server = await FakeServer.start();
  place = contextFor(server.url);
  server.on("GET /v1/status", { json: { seq: 12 } }).on("POST /v1/nodes/n1/drain", recorded);
});
afterEach(() => server[Symbol.asyncDispose]());

const shows = (...drains: unknown[]) =>
  server.on(
    "GET /v1/nodes/n1",
    ...drains.map((now) => ({ json: { ...aNode(), resources: [], drain: now } })),
  );

test("drain --wait says how it goes and ends when nothing is left", async () => {
  shows({ ...drain, left: 2, leaving: 1 }, { ...drain, leaving: 1 }, drain);
  const { code, out, err } = await eru(place, ["node", "drain", "n1", "--wait"]);
  expect({ code, out, err }).toEqual({
    code: 0,
    out: "n1: done: nothing is left\n",
    err: "n1: 2 workloads to move, 1 leaving\nn1: 1 leaving\n",
  });
  expect(server.asked("GET /v1/nodes/n1")[0]?.query).toEqual({ after: "12" });
});

test("drain --wait ends in time with what cannot be moved, and why", async () => {
  shows({ ...drain, left: 1, stuckTotal: 1, stuck });
  const { code, out, err } = await eru(place, ["node", "drain", "n1", "--wait", "--timeout", "1s"]);
  expect(code).toBe(1);
  expect(out).toContain(
    "1 workload to move; 1 cannot be moved now: shop-web-a (1) 1 waits, 2 nodes: cpu on 1",
  );
  expect(err).toContain("not empty after 1.0 s, and the drain goes on");
});

test("drain --wait notices that somebody cancelled the drain", async () => {
  shows(null);
  const { code, out } = await eru(place, ["node", "drain", "n1", "--wait"]);
  expect({ code, out }).toEqual({ code: 1, out: "n1: its drain was cancelled\n" });
});

test("drain --dry-run shows what would move where, what cannot and why, and records nothing", async () => {
  const deployments = [
    { deployment: "shop-web-a", workloads: 2, placed: [{ node: "n2", count: 1 }], stuck: 1, reasons },
  ];
  const plan = { atSeq: 11, node: "n1", liveness: "alive", deploymentsTotal: 1, deployments };
  server.on("POST /v1/nodes/n1/drain", { json: plan });
  const { code, out } = await eru(place, ["node", "drain", "n1", "--dry-run"]);
  expect(code).toBe(1);
  expect(server.asked("POST /v1/nodes/n1/drain")[0]?.query).toEqual({ dryRun: "true" });
  expect(out).toContain("nothing recorded: 1 of 2 workloads on n1 would be moved, 1 cannot be");
  expect(out).toContain("shop-web-a: 1 to n2, 1 stay");
  expect(out).toContain("cpu: 1 wanted, 0 of 1 free");
});

test("the forecast tells what belongs to the node from what moves", async () => {
  const deployments = [
    { deployment: "shop-web-a", workloads: 2, placed: [{ node: "n2", count: 2 }], stuck: 0, reasons },
    { deployment: "logs-web-b", workloads: 1, placed: [], stuck: 0, dropped: 1, reasons },
  ];
  const plan = { atSeq: 11, node: "n1", liveness: "alive", deploymentsTotal: 2, deployments };
  server.on("POST /v1/nodes/n1/drain", { json: plan });
  const { code, out } = await eru(place, ["node", "drain", "n1", "--dry-run"]);
  expect(code).toBe(0);
  expect(out).toContain("2 of 3 workloads on n1 would be moved, 1 would go: they belong to the node");
  expect(out).toContain("logs-web-b: 1 not replaced elsewhere");
});

test("the forecast for the last node says that nothing can be moved, for a lost one how it is", async () => {
  const deployments = [{ deployment: "shop-web-a", workloads: 2, placed: [], stuck: 2, reasons }];
  const plan = { atSeq: 11, node: "n1", liveness: "lost", deploymentsTotal: 1, deployments };
  server.on("POST /v1/nodes/n1/drain", { json: plan });
  const { out } = await eru(place, ["node", "drain", "n1", "--dry-run"]);
  expect(out).toContain("n1 is lost: its workloads are replaced without a drain");
  expect(out).toContain("nothing on n1 can be moved: all 2 workloads would stay");
});

test("--cancel goes with nothing else", async () => {
  const { code, err } = await eru(place, ["node", "drain", "n1", "--cancel", "--dry-run"]);
  expect(code).toBe(2);
  expect(err).toContain("--cancel goes with neither --dry-run nor --reason");
});

test("a node shows how far its drain is", async () => {
  shows({ ...drain, left: 1, stuckTotal: 1, stuck });
  server.on("GET /v1/workloads", { json: { items: [], next: null, seq: 12 } });
  const { out } = await eru(place, ["node", "show", "n1"]);
  expect(out).toContain("alive, draining");
  expect(out).toContain("1 workload to move; 1 cannot be moved now: shop-web-a (1) 1 waits");
});
