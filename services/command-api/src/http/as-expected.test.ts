import { liveSubjects, type UpgradePlanReply } from "@eru/events";
import type { MemoryBroker } from "@eru/log";
import { afterEach, beforeEach, expect, test } from "vitest";
import { furnish, type Running, start, wish } from "../fixture.ts";

let api: Running<MemoryBroker>;
let answer: object;
const stop = { now: new AbortController(), answering: Promise.resolve() };
beforeEach(async () => {
  api = await start();
  stop.now = new AbortController();
  stop.answering = api.broker.live.respond({
    subject: liveSubjects.plan,
    group: "scheduler",
    signal: stop.now.signal,
    answer: () => JSON.stringify(answer),
  });
  await furnish(api);
});
afterEach(async () => {
  stop.now.abort();
  await stop.answering;
  await api.close();
});

const reasons: UpgradePlanReply["reasons"] = {
  ...{ policy: "auto-1", inputSeq: 9, wanted: 1, resources: { cpu: 1, memoryMib: 1 } },
  ...{ nodesTotal: 1, candidatesTotal: 0, scores: [], rejectedTotals: {}, rejected: [], wouldHelp: [] },
};
const placed = [{ node: "n1", count: 1 }];

/** Applies a plan while it holds, when it does not any more, and the first once more. */
async function appliedThrice(url: string, body: object, otherwise: object): Promise<unknown[]> {
  const apply = (key: string) => api.send("POST", url, body, { "idempotency-key": key });
  expect(await apply("first")).toMatchObject({ status: 202, body: { changed: true } });
  answer = otherwise;
  const seq = await api.broker.log.lastSeq();
  const refused = await apply("second");
  expect(refused).toMatchObject({ status: 409, body: { code: "plan_changed" } });
  expect(await apply("first")).toMatchObject({ status: 202, headers: { "idempotency-replayed": "true" } });
  expect(await api.broker.log.lastSeq()).toBe(seq);
  return (refused.body["faults"] as { field: string }[]).map(({ field }) => field);
}

test("an upgrade with a plan is taken while the plan holds, refused with the difference when not, and repeated", async () => {
  const made = await api.send("POST", "/v1/deployments", wish);
  const expected = { atSeq: 1, workloads: 2, how: "as asked", placed, waiting: 0, risks: [] };
  const planned = { ...expected, deployment: made.body["deployment"], reasons };
  answer = planned;
  const body = { env: { A: "1" }, expect: expected };
  const url = `/v1/deployments/${made.body["deployment"]}/upgrade`;
  expect(await api.send("POST", `${url}?dryRun=true`, body)).toMatchObject({ status: 200, body: planned });
  const faults = await appliedThrice(url, { ...body, replace: true }, { ...planned, placed: [], waiting: 1 });
  expect(faults).toEqual(["expect.placed.n1", "expect.waiting"]);
});

test("a drain with a plan is taken while the plan holds, refused with the difference when not, and repeated", async () => {
  const moved = { deployment: "web-http-a", workloads: 1, placed, stuck: 0 };
  const planned = { atSeq: 1, node: "n1", liveness: "alive", deploymentsTotal: 1 };
  answer = { ...planned, deployments: [{ ...moved, reasons }] };
  const expected = { atSeq: 1, deploymentsTotal: 1, deployments: [moved] };
  const otherwise = { ...planned, deployments: [{ ...moved, placed: [], stuck: 1, reasons }] };
  const faults = await appliedThrice("/v1/nodes/n1/drain", { reason: "x", expect: expected }, otherwise);
  expect(faults).toEqual(["expect.deployments.web-http-a.placed.n1", "expect.deployments.web-http-a.stuck"]);
});
