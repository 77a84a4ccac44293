import type { ElbEvent } from "@eru/events";
import { expect, test } from "vitest";
import type { StagedHere } from "./domain/stages.ts";
import { NginxUnreachableError } from "./nginx-admin.ts";
import { StageWatch } from "./stage-watch.ts";

const cause = { correlationId: "c", causationId: "e" };
type Judged = Extract<ElbEvent, { type: "RouteStageJudged" }>;

/** A load balancer with a staged route, whose counters and clock a test moves by hand. */
function setting(limits: Partial<StagedHere> = {}) {
  const stages = new Map<string, StagedHere>([
    ["a.org", { host: "a.org", stage: "s1", seq: 20, cause, ...limits }],
  ]);
  const state = {
    nowMs: 0,
    appliedSeq: 20,
    bootId: "b1" as string | undefined,
    ok: 100,
    bad: 1,
    reachable: true,
  };
  const rejections = new Map<string, { key: string; json: string; reason: string }>();
  const said: Judged[] = [];
  const watch = new StageWatch({
    elb: "e1",
    stages: () => stages,
    pusher: {
      get appliedSeq() {
        return state.appliedSeq;
      },
      get inForce() {
        const { bootId } = state;
        return bootId === undefined ? undefined : { bootId, epoch: "e", seq: 1, token: 1, table: new Map() };
      },
      rejections,
    },
    metrics: async () => {
      if (!state.reachable) throw new NginxUnreachableError("no answer");
      const line = (host: string, rule: string, kind: string, count: number) =>
        `eru_elb_requests_total{host="${host}",rule="${rule}",pool="p",class="${kind}xx"} ${count}\n`;
      return `# HELP x\n${line("a.org", "r", "2", state.ok)}${line("a.org", "s", "5", state.bad)}${line("b.org", "r", "5", 999)}`;
    },
    judged: (event) => said.push(event),
    nowMs: () => state.nowMs,
  });
  const look = async (after: Partial<typeof state> = {}) => {
    Object.assign(state, after);
    await watch.look();
  };
  /** In force for so long that the counters are of it alone. */
  const settled = async () => {
    await look();
    await look({ nowMs: 1_400 });
    state.nowMs = 1_500;
  };
  return { stages, state, rejections, said, look, settled, watch, one: () => watch.list(9)[0] };
}

test("it counts from the moment the change is in force, and says so", async () => {
  const { look, one, state } = setting();
  await look({ appliedSeq: 19 });
  expect(one()).toMatchObject({ applied: false, requests: 0, requestsBefore: 0 });
  await look({ appliedSeq: 20, ok: 90 });
  await look({ nowMs: 1_400, ok: 100 }); // Of before: nginx tells a second late.
  await look({ ok: 120, bad: 3, nowMs: 1_500 });
  expect(one()).toEqual({
    ...{ host: "a.org", stage: "s1", applied: true, forMs: 1_500 },
    ...{ requests: 22, failures: 2, requestsBefore: 91, failuresBefore: 1 },
  });
  // Another nginx begins at zero, and so does the count.
  await look({ bootId: "b2", ok: 5, bad: 0 });
  expect(one()).toMatchObject({ requests: 0, requestsBefore: 5, forMs: 0 });
  await look({ bootId: undefined });
  expect(state.reachable).toBe(true);
});

test("what the engine refuses is bad, with and without a time, and said once", async () => {
  const { look, rejections, said, one } = setting();
  rejections.set("r:a.org", { key: "r:a.org", json: "{}", reason: "too long" });
  await look();
  await look();
  expect(said).toEqual([
    {
      ...{ type: "RouteStageJudged", elb: "e1", host: "a.org", stage: "s1", passed: false },
      detail: "refused: too long",
    },
  ]);
  expect(one()).toMatchObject({ applied: false, refused: "too long" });
});

test("after its time it passes; without one nothing is said, however bad it is", async () => {
  const timed = setting({ promoteAfterMs: 10_000 });
  await timed.settled();
  await timed.look({ nowMs: 9_999, ok: 300 });
  expect(timed.said).toEqual([]);
  await timed.look({ nowMs: 10_000 });
  expect(timed.said).toMatchObject([{ passed: true, detail: "0 of 200 answers were 5xx, 1 of 101 before" }]);
  const untimed = setting();
  await untimed.settled();
  await untimed.look({ nowMs: 1_000_000, bad: 1_000 });
  expect(untimed.said).toEqual([]);
});

test("worse answers are bad beyond the limit, from five failures on", async () => {
  const few = setting({ promoteAfterMs: 10_000 });
  await few.settled();
  await few.look({ bad: 5 });
  expect(few.said).toEqual([]);
  await few.look({ bad: 6 });
  expect(few.said).toMatchObject([
    { passed: false, detail: "5 of 5 answers were 5xx, 1 of 101 before: more than 1 % beyond" },
  ]);
  const allowed = setting({ promoteAfterMs: 10_000, failuresMaxPercent: 50 });
  await allowed.settled();
  await allowed.look({ ok: 200, bad: 60 });
  expect(allowed.said).toEqual([]);
  await allowed.look({ bad: 200 });
  expect(allowed.said).toMatchObject([{ passed: false }]);
});

test("without nginx nothing is judged; another change of the host is watched anew", async () => {
  const { look, said, stages, one } = setting({ promoteAfterMs: 1_000 });
  await look();
  await look({ reachable: false, nowMs: 5_000 });
  expect(said).toEqual([]);
  stages.set("a.org", { host: "a.org", stage: "s2", seq: 20, cause, promoteAfterMs: 1_000 });
  await look({ reachable: true });
  expect(one()).toMatchObject({ stage: "s2", forMs: 0 });
  expect(said).toEqual([]);
  stages.clear();
  await look();
  expect(one()).toBeUndefined();
});
