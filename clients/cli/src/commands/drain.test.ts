import { afterEach, beforeEach, expect, test } from "vitest";
import { contextFor, eru } from "../testkit/eru.ts";
import { FakeServer } from "../testkit/fake-server.ts";
import { aNode } from "../testkit/views.ts";

let server: FakeServer;
let place: { cwd: string };
const recorded = { status: 202, json: { seq: 12, changed: true } };
const drain = {
  ...{ requestedAt: "2026-01-01T00:00:00Z", deadlineMs: 600_000, paused: null },
  ...{ left: 2, leaving: 1, lost: 0, stuckTotal: 0, stuck: [] },
};

beforeEach(async () => {
  server = await FakeServer.start();
  place = contextFor(server.url);
  server.on("GET /v1/status", { json: { seq: 12 } });
});
afterEach(() => server[Symbol.asyncDispose]());

test("list names the nodes that are being drained, and how far each is", async () => {
  const items = [aNode(), { ...aNode(), node: "n2", draining: false }];
  server.on("GET /v1/nodes", { json: { items, nextCursor: null } });
  server.on("GET /v1/nodes/n1", { json: { ...aNode(), resources: [], drain } });
  const { code, out } = await eru(place, ["drain", "list"]);
  expect(code).toBe(0);
  expect(out).toMatch(/n1 .*2 workloads to move, 1 leaving/);
  expect(out).not.toContain("n2");
  server.on("GET /v1/nodes", { json: { items: [], nextCursor: null } });
  expect((await eru(place, ["drain", "ls"])).out).toContain("`eru node drain <node>` begins it");
});

test("show says since when, how long it may take and who paused it", async () => {
  server.on("GET /v1/nodes/n1", {
    json: { ...aNode(), resources: [], drain: { ...drain, paused: "deadline" } },
  });
  const { out } = await eru(place, ["drain", "show", "n1"]);
  expect(out).toContain("paused at its deadline: 2 workloads to move, 1 leaving");
  expect(out).toMatch(/may take +10/);
  server.on("GET /v1/nodes/n1", { json: { ...aNode(), resources: [], drain: null } });
  expect((await eru(place, ["drain", "show", "n1"])).out).toContain("node n1 is not being drained");
});

test("pause, resume and abort are commands about the node's drain", async () => {
  server
    .on("POST /v1/nodes/n1/drain/pause", recorded)
    .on("POST /v1/nodes/n1/drain/resume", recorded)
    .on("DELETE /v1/nodes/n1/drain", recorded);
  expect((await eru(place, ["drain", "pause", "n1"])).out).toBe("the drain of node n1 is paused\n");
  expect((await eru(place, ["drain", "resume", "n1"])).out).toBe("the drain of node n1 goes on\n");
  expect((await eru(place, ["drain", "abort", "n1"])).out).toContain("takes workloads again");
});

test("a drain that is paused ends the wait for it, and says how to go on", async () => {
  server.on("POST /v1/nodes/n1/drain", recorded);
  server.on("GET /v1/nodes/n1", {
    json: { ...aNode(), resources: [], drain: { ...drain, paused: "deadline" } },
  });
  const { code, err } = await eru(place, ["node", "drain", "n1", "--deadline", "10m", "--wait"]);
  expect(server.asked("POST /v1/nodes/n1/drain")[0]?.body).toEqual({ deadlineMs: 600_000 });
  expect(code).toBe(1);
  expect(err).toContain("`eru drain resume n1` or `eru drain abort n1`");
});
