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

test("`eru deploy` sends the strategy and the constraints", async () => {
  server.on("POST /v1/deployments", {
    status: 202,
    json: { seq: 12, changed: true, deployment: "hello-web-abc123" },
  });
  const line = "deploy hello --pod demo --cpu 0.1 --memory 32M --strategy drained".split(" ");
  await eru(place, [...line, "--constraint", "zone in a,b", "--constraint", "gpu exists"]);
  expect(server.asked("POST /v1/deployments").at(-1)?.body).toMatchObject({
    strategy: "drained",
    filter: {
      constraints: [
        { label: "zone", op: "in", values: ["a", "b"] },
        { label: "gpu", op: "exists" },
      ],
    },
  });
});

test("what is not named is left to the app.yaml, and said so", async () => {
  server.on("POST /v1/deployments", {
    status: 202,
    json: { seq: 12, changed: true, deployment: "hello-web-abc123" },
  });
  const { out } = await eru(place, ["deploy", "hello", "--pod", "demo"]);
  expect(server.asked("POST /v1/deployments").at(-1)?.body).toMatchObject({ resources: {} });
  expect(out).toContain("wanted in pod demo, cpu and memory as its app.yaml says");
  const named = await eru(place, ["deploy", "hello", "--pod", "demo", "--cpu", "0"]);
  expect(server.asked("POST /v1/deployments").at(-1)?.body).toMatchObject({ resources: { cpu: 0 } });
  expect(named.out).toContain("wanted in pod demo, memory as its app.yaml says");
});

test("a strategy or a constraint that is none is refused before anything is sent", async () => {
  const line = "deploy hello --pod demo --cpu 0.1 --memory 32M".split(" ");
  const strategy = await eru(place, [...line, "--strategy", "fastest"]);
  expect(strategy.err).toContain("Allowed choices are auto, global, drained, pack, fill, each");
  const constraint = await eru(place, [...line, "--constraint", "cores => 8"]);
  expect(constraint.err).toContain("cores => 8");
  expect([strategy.code, constraint.code]).toEqual([2, 2]);
  expect(server.asked("POST /v1/deployments")).toHaveLength(0);
});

test("a priority and a deadline for waiting are sent with the request, and changed later", async () => {
  const answer = { seq: 12, changed: true, deployment: "hello-web-abc123" };
  server.on("POST /v1/deployments", { status: 202, json: answer });
  server.on("PUT /v1/deployments/hello-web-abc123/turn", { status: 202, json: answer });
  const line = "deploy hello --pod demo --cpu 0.1 --memory 32M --priority 80 --wait-deadline 10m".split(" ");
  await eru(place, line);
  expect(server.asked("POST /v1/deployments").at(-1)?.body).toMatchObject({
    priority: 80,
    waitDeadlineMs: 600_000,
  });
  await eru(place, ["deployment", "priority", "hello-web-abc123", "20", "--no-wait-deadline"]);
  const turn = { priority: 20, waitDeadlineMs: null };
  expect(server.asked("PUT /v1/deployments/hello-web-abc123/turn").at(-1)?.body).toEqual(turn);
  const { code, err } = await eru(place, ["deployment", "priority", "hello-web-abc123"]);
  expect([code, err]).toEqual([2, expect.stringContaining("name what shall change")]);
});

test("whether it may displace others is sent with the request, changed later, and a dry run says whom it would", async () => {
  const answer = { seq: 12, changed: true, deployment: "hello-web-abc123" };
  server.on("PUT /v1/deployments/hello-web-abc123/turn", { status: 202, json: answer });
  await eru(place, ["deployment", "priority", "hello-web-abc123", "--no-preempt"]);
  expect(server.asked("PUT /v1/deployments/hello-web-abc123/turn").at(-1)?.body).toEqual({ preempt: false });
  const victim = {
    workload: "shop-web-aaaaaa-3",
    deployment: "shop-web-aaaaaa",
    priority: 40,
    placedSeq: 17,
  };
  const preemption = {
    ...{ policy: "preempt-1", inputSeq: 30, priority: 80, wanted: 2, freeing: 0 },
    places: [{ node: "n1", count: 2, victims: [victim] }],
    runnersUp: [{ node: "n2", victims: 2, highestPriority: 45, oldestSeq: 11 }],
    ...{ nodesTotal: 9, candidatesTotal: 4, examined: 4 },
  };
  const reasons = {
    ...{ policy: "auto-1", inputSeq: 30, wanted: 2, resources: { cpu: 0.1, memoryMib: 32 }, nodesTotal: 9 },
    ...{ candidatesTotal: 0, scores: [], rejectedTotals: {}, rejected: [], wouldHelp: [] },
  };
  const json = { atSeq: 30, placed: [], waiting: 2, reasons, preemption };
  server.on("POST /v1/deployments", { status: 200, json });
  const line = "deploy hello --pod demo --cpu 0.1 --memory 32M --priority 80 --preempt --dry-run".split(" ");
  const { out } = await eru(place, line);
  expect(server.asked("POST /v1/deployments").at(-1)?.body).toMatchObject({ priority: 80, preempt: true });
  expect(out).toContain(
    "1 workload of a priority below 80 would go, so that 2 of those that wait get their room:",
  );
  expect(out).toMatch(/n1 +shop-web-aaaaaa-3 +shop-web-aaaaaa +40 +17/);
  expect(out).toContain("on n2 instead: 2 workloads, priority up to 45, the oldest placed at 11");
});
