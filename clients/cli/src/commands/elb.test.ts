import { expect, test } from "vitest";
import { contextFor, eru } from "../testkit/eru.ts";
import { FakeServer } from "../testkit/fake-server.ts";

const status = {
  ...{ epoch: "2026-01-01T00:00:00Z", seenSeq: 14, stale: false, leaving: false, token: 7 },
  workers: [
    { pid: 71, ackedToken: 7, exiting: false },
    { pid: 72, ackedToken: 5, exiting: false },
    { pid: 70, ackedToken: 3, exiting: true },
  ],
  workersTotal: 3,
  drains: [{ workload: "hello-web-abc123-1", inFlight: 2, sinceMs: 1_500, deadlineMs: 30_000 }],
  drainsTotal: 21,
  rejected: [{ key: "r:shop.org", reason: "regex too long" }],
  rejectedTotal: 1,
  leftOut: [{ endpoint: "hello-web-abc123-2", address: "10.0.0.2:80", because: "failures" }],
  leftOutTotal: 1,
};
const edge = {
  ...{ elb: "edge-1", bootId: "b1", appliedSeq: 12, appliedAt: "2026-01-01T00:00:00Z", rejected: null },
  ...{ changedPools: 1, changedHosts: 1, live: true, heardAgoMs: 300, group: "public", lag: 2, stale: false },
  status,
};
const silent = {
  ...{ ...edge, elb: "edge-2", live: false, heardAgoMs: null, group: null, lag: null, stale: true },
  status: null,
};
const certificate = (name: string, state: string, daysLeft: number) => ({
  ...{ certificate: name, source: "stored", state, hosts: [`${name}.org`], notAfter: null, daysLeft },
  ...{
    issuer: null,
    fingerprint: null,
    keyType: null,
    usedBy: [],
    directory: null,
    failures: 0,
    error: null,
  },
  ...{ retryAt: null, changedAt: "2026-01-01T00:00:00Z", changedBy: "user:me" },
});

async function world(elbs: readonly unknown[]) {
  const server = await FakeServer.start();
  server.on("GET /v1/elbs", { json: { seq: 14, items: elbs, next: null } });
  const items = [certificate("www", "valid", 60), certificate("shop", "expiring", 12)];
  server.on("GET /v1/certificates", { json: { seq: 14, items, next: null } });
  return { server, place: contextFor(server.url) };
}

test("the status names what each load balancer is at, and the certificates that end soon", async () => {
  const { server, place } = await world([edge, silent]);
  await using _ = server;
  const { out, code } = await eru(place, ["elb", "status"]);
  expect(code).toBe(0);
  for (const line of [
    /state +live, heard 0\.3 s ago/,
    /table +as of sequence 12, 2 behind/,
    /group +public/,
    /71 acknowledged/,
    /72 2 changes behind/,
    /70 exiting/,
    /hello-web-abc123-1: 2 in flight, 1\.5 s of at most 30\.0 s/,
    /and 20 more/,
    /r:shop\.org: regex too long/,
    /hello-web-abc123-2 at 10\.0\.0\.2:80: failures/,
    /state +not heard/,
    /shop +expiring, ends in 12 days, for shop\.org/,
  ])
    expect(out).toMatch(line);
  expect(out).not.toContain("www.org");
});

test("the list has a line each, and one is shown by its name", async () => {
  const { server, place } = await world([
    edge,
    { ...edge, elb: "edge-3", status: { ...status, leaving: true } },
  ]);
  await using _ = server;
  const { out } = await eru(place, ["elb", "list"]);
  expect(out).toMatch(/edge-1 +public +live +12 +2 +3 +21 +1 +1/);
  expect(out).toMatch(/edge-3 +public +leaving/);
  const { elbs } = JSON.parse((await eru(place, ["elb", "status", "edge-3", "--json"])).out);
  expect(elbs).toMatchObject([{ elb: "edge-3", status: { leaving: true } }]);
  const unknown = await eru(place, ["elb", "status", "edge-9"]);
  expect(unknown.code).not.toBe(0);
  expect(unknown.err).toContain("there is no load balancer edge-9: there is edge-1, edge-3");
});

test("one is told to leave, to join and forgotten; which have left is in the list", async () => {
  const gone = { ...silent, elb: "edge-4", leaveAt: "2026-01-01T00:00:00Z", heardAgoMs: 90_000 };
  const { server, place } = await world([{ ...edge, leaveAt: "2026-01-01T00:00:00Z", left: true }, gone]);
  await using _ = server;
  const recorded = { status: 202, json: { seq: 15, changed: true, elb: "edge-1" } };
  server.on("GET /v1/status", { json: {} });
  server.on("POST /v1/elbs/edge-1/leave", recorded);
  server.on("POST /v1/elbs/edge-1/join", {
    ...recorded,
    status: 200,
    json: { ...recorded.json, changed: false },
  });
  server.on("DELETE /v1/elbs/edge-4", recorded);
  expect((await eru(place, ["elb", "leave", "edge-1", "--force"])).out).toContain("edge-1 shall leave");
  expect((await eru(place, ["elb", "join", "edge-1"])).out).toContain("it was so already");
  expect((await eru(place, ["elb", "forget", "edge-4"])).out).toContain("edge-4 is forgotten");
  const list = (await eru(place, ["elb", "list"])).out;
  expect(list).toMatch(/edge-1 +public +left /);
  expect(list).toMatch(/edge-4 .*left, gone/);
  expect((await eru(place, ["elb", "status", "edge-1"])).out).toContain(
    "`eru elb join edge-1` brings it back",
  );
});
