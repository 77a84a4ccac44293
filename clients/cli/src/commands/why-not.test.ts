import type { WhyNotReply } from "@eru/events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { contextFor, eru } from "../testkit/eru.ts";
import { FakeServer } from "../testkit/fake-server.ts";

let server: FakeServer;
let place: { cwd: string };

beforeEach(async () => {
  server = await FakeServer.start();
  place = contextFor(server.url);
});
afterEach(() => server[Symbol.asyncDispose]());

const route = "GET /v1/deployments/shop-web-abc123/why-not/n1";
const score = { node: "n2", count: 1, capacity: 3, placed: 1 };
const reply: WhyNotReply = {
  atSeq: 7,
  deployment: "shop-web-abc123",
  pod: "p",
  node: "n1",
  there: 1,
  wanted: 3,
  missing: 1,
  rejections: [
    { filter: "not_alive", detail: "its heartbeats have stopped" },
    { filter: "cpu", detail: "cpu: 1 wanted, 0.5 of 2 free" },
  ],
  wouldHelp: ["bring back the agent of n1", "free 0.5 more cores on n1"],
  nodesTotal: 2,
  candidatesTotal: 1,
  first: score,
};

test("`eru why not` tells every no, what would help, and where one more would go instead", async () => {
  server.on(route, { json: reply });
  const { code, out } = await eru(place, ["why", "not", "n1", "shop-web-abc123", "--at", "7"]);
  expect(out.split("\n")).toEqual([
    "shop-web-abc123 has 1 workload on n1; it wants 3 and lacks 1 (log up to 7)",
    "one more cannot go to n1:",
    "",
    "FILTER     BECAUSE",
    "not alive  its heartbeats have stopped",
    "cpu        cpu: 1 wanted, 0.5 of 2 free",
    "",
    "would help: bring back the agent of n1",
    "would help: free 0.5 more cores on n1",
    "one more would go to n2: it has 1 of this entrypoint, room for 3",
    "",
  ]);
  expect(code).toBe(0);
  expect(server.asked(route).at(-1)?.query).toEqual({ at: "7" });
});

test("of a node that can take one more it tells the score and the rank", async () => {
  const standing = { score: { node: "n1", count: 2, capacity: 1, placed: 0, usage: 0.5 }, rank: 2 };
  server.on(route, { json: { ...reply, rejections: [], wouldHelp: [], candidatesTotal: 2, standing } });
  const { out } = await eru(place, ["why", "not", "n1", "shop-web-abc123"]);
  expect(out).toContain(
    "one more could go to n1, but it is number 2 of 2 nodes that could take it: it has 2 of this entrypoint, room for 1, is 50% full\n",
  );
  expect(out).toContain("one more would go to n2");
});
