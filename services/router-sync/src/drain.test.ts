import { expect, test } from "vitest";
import type { PendingDrain } from "./domain/route-fold.ts";
import { Drains } from "./drain.ts";
import { NginxUnreachableError } from "./nginx-admin.ts";

const cause = { correlationId: "c", causationId: "e" };

/** A load balancer whose workers, table and requests a test moves by hand. */
function setting(options: { deadlineMs?: number } = {}) {
  const pending = new Map<string, PendingDrain>([
    ["w-1", { seq: 20, deadlineMs: options.deadlineMs ?? 30_000, cause }],
  ]);
  const state = {
    nowMs: 0,
    appliedSeq: 20,
    receiving: new Set<string>(),
    inForce: { bootId: "b1", token: 5 } as { bootId: string; token: number } | undefined,
    answering: { bootId: "b1", ackedToken: 5, inFlight: 0 },
    reachable: true,
    asked: 0,
  };
  const reported: { workload: string; inFlight: number }[] = [];
  const drains = new Drains({
    pending: () => pending,
    table: {
      get appliedSeq() {
        return state.appliedSeq;
      },
      get inForce() {
        return state.inForce;
      },
      mayReceive: (workload) => state.receiving.has(workload),
    },
    admin: {
      drain: async (ids) => {
        state.asked++;
        if (!state.reachable) throw new NginxUnreachableError("no answer");
        const { bootId, ackedToken, inFlight } = state.answering;
        return {
          bootId,
          ackedToken,
          endpoints: Object.fromEntries(ids.map((id) => [id, { http: inFlight, upgraded: 0 }])),
        };
      },
    },
    drained: ({ workload, inFlight }) => reported.push({ workload, inFlight }),
    nowMs: () => state.nowMs,
  });
  const poll = async (times: number) => {
    for (let count = 0; count < times; count++) await drains.poll();
  };
  return { pending, state, reported, drains, poll };
}
const done = [{ workload: "w-1", inFlight: 0 }];

test("an endpoint is drained when all workers saw the change and nothing is in flight, twice", async () => {
  const { poll, reported } = setting();
  await poll(1);
  expect(reported).toEqual([]);
  await poll(1);
  expect(reported).toEqual(done);
});

test("it is reported once, and watched again only after a new removal", async () => {
  const { poll, reported, pending, state } = setting();
  await poll(5);
  expect(reported).toEqual(done);
  expect(state.asked).toBe(2);
  const drain = pending.get("w-1");
  pending.clear();
  await poll(1);
  if (drain) pending.set("w-1", drain);
  await poll(2);
  expect(reported).toHaveLength(2);
});

test("nothing is asked while the removal is not in force", async () => {
  const { poll, state, reported } = setting();
  state.appliedSeq = 19;
  await poll(3);
  state.appliedSeq = 20;
  state.receiving.add("w-1");
  await poll(3);
  state.receiving.clear();
  state.inForce = undefined;
  await poll(3);
  expect([state.asked, reported]).toEqual([0, []]);
});

test("a worker that has not seen the change may still choose the endpoint, whatever is in flight now", async () => {
  const { poll, state, reported } = setting();
  state.answering.ackedToken = 4;
  await poll(5);
  expect(reported).toEqual([]);
  state.answering.ackedToken = 5;
  await poll(2);
  expect(reported).toEqual(done);
});

test("later changes do not move the barrier", async () => {
  const { poll, state, reported } = setting();
  await poll(1);
  state.inForce = { bootId: "b1", token: 9 };
  await poll(1);
  expect(reported).toEqual(done);
});

test("a request between two looks starts the count again", async () => {
  const { poll, state, reported } = setting();
  await poll(1);
  state.answering.inFlight = 1;
  await poll(1);
  state.answering.inFlight = 0;
  await poll(1);
  expect(reported).toEqual([]);
  await poll(1);
  expect(reported).toEqual(done);
});

test("another start of nginx counts its changes anew, so the barrier is taken anew", async () => {
  const { poll, state, reported } = setting();
  await poll(1);
  state.answering = { bootId: "b2", ackedToken: 9, inFlight: 0 };
  await poll(3);
  expect(reported).toEqual([]);
  state.inForce = { bootId: "b2", token: 10 };
  await poll(3);
  expect(reported).toEqual([]);
  state.answering.ackedToken = 10;
  await poll(2);
  expect(reported).toEqual(done);
});

test("at the deadline what is in flight is reported, also while nginx does not answer", async () => {
  const { poll, state, reported, drains } = setting({ deadlineMs: 1_000 });
  state.answering.inFlight = 3;
  await poll(1);
  state.reachable = false;
  state.nowMs = 999;
  await expect(drains.poll()).rejects.toThrow(NginxUnreachableError);
  expect([reported, drains.size]).toEqual([[], 1]);
  state.nowMs = 1_000;
  await poll(1);
  expect([reported, drains.size]).toEqual([[{ workload: "w-1", inFlight: 3 }], 0]);
});

test("more endpoints than nginx answers for at once are asked in parts", async () => {
  const { poll, state, reported, pending } = setting();
  for (let index = 2; index <= 450; index++) pending.set(`w-${index}`, { seq: 1, deadlineMs: 9, cause });
  await poll(2);
  expect(state.asked).toBe(6);
  expect(reported).toHaveLength(450);
});
