import { HealthCheck } from "@eru/events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { afterProbe, beginHealth, type Health, type ProbeResult } from "./health.ts";

const check = (parts: Partial<HealthCheck> = {}) =>
  HealthCheck.parse({
    tcpPorts: [80],
    intervalMs: 1_000,
    unhealthyAfter: 2,
    startPeriodMs: 3_000,
    ...parts,
  });
const ok: ProbeResult = { ok: true };
const bad: ProbeResult = { ok: false, reason: "refused" };
const begin = () => beginHealth(1, "starting", { sinceMs: 0, nowMs: 0 });

/** Probes whenever one is due; each answer comes at once. */
function run(settings: HealthCheck, answers: readonly ProbeResult[], start: Health = begin()) {
  let health = start;
  const turns: string[] = [];
  const atMs: number[] = [];
  for (const answer of answers) {
    const nowMs = health.nextMs;
    atMs.push(nowMs);
    const step = afterProbe(health, settings, answer, nowMs);
    health = step.health;
    if (step.turn) turns.push(`${nowMs} ${step.turn.to}`);
  }
  return { turns, atMs, health };
}

test("one success makes it healthy at once", () => {
  expect(run(check(), [ok]).turns).toEqual(["0 healthy"]);
});

test("while it starts the waits grow from 50 ms to the interval and failures do not count", () => {
  const { atMs, turns } = run(check(), [bad, bad, bad, bad, bad, bad, bad, ok]);
  expect(atMs).toEqual([0, 50, 150, 350, 750, 1_550, 2_550, 3_550]);
  expect(turns).toEqual(["3550 healthy"]);
});

test("after the start period the failures count up to unhealthy, with the last reason", () => {
  const settings = check({ startPeriodMs: 0 });
  expect(run(settings, [bad, bad, bad]).turns).toEqual(["1000 unhealthy"]);
  const { health } = run(settings, [bad]);
  const last = afterProbe(health, settings, { ok: false, reason: "status 503: busy" }, 1_000);
  expect(last.turn).toEqual({ to: "unhealthy", reason: "status 503: busy" });
});

test("a failure at the very end of the start period counts", () => {
  const settings = check({ startPeriodMs: 1_000, unhealthyAfter: 1 });
  expect(afterProbe({ ...begin(), nextMs: 999 }, settings, bad, 999).turn).toBeUndefined();
  expect(afterProbe({ ...begin(), nextMs: 1_000 }, settings, bad, 1_000).turn?.to).toBe("unhealthy");
});

test("the first success ends the start period, even when more are needed", () => {
  const settings = check({ healthyAfter: 2, unhealthyAfter: 1, startPeriodMs: 60_000 });
  expect(run(settings, [bad, ok, bad]).turns).toEqual(["1050 unhealthy"]);
});

test("successes and failures must be in a row", () => {
  const settings = check({ healthyAfter: 2, unhealthyAfter: 2, startPeriodMs: 0 });
  expect(run(settings, [ok, bad, ok, bad, ok, ok, bad, ok, bad, bad]).turns).toEqual([
    "5000 healthy",
    "9000 unhealthy",
  ]);
});

test("an unhealthy workload recovers", () => {
  expect(run(check({ startPeriodMs: 0, unhealthyAfter: 1 }), [bad, bad, ok, ok, bad]).turns).toEqual([
    "0 unhealthy",
    "2000 healthy",
    "4000 unhealthy",
  ]);
});

test("a turn is never repeated, and probes never come closer than 50 ms", () => {
  fc.assert(
    fc.property(
      fc.array(fc.boolean(), { maxLength: 30 }),
      fc.record({
        healthyAfter: fc.integer({ min: 1, max: 3 }),
        unhealthyAfter: fc.integer({ min: 1, max: 3 }),
        startPeriodMs: fc.constantFrom(0, 100, 5_000),
      }),
      (answers, parts) => {
        const { turns, atMs } = run(
          check(parts),
          answers.map((good) => (good ? ok : bad)),
        );
        const kinds = turns.map((turn) => turn.split(" ")[1]);
        for (let at = 1; at < kinds.length; at++) expect(kinds[at]).not.toBe(kinds[at - 1]);
        for (let at = 1; at < atMs.length; at++) expect(atMs[at]! - atMs[at - 1]!).toBeGreaterThanOrEqual(50);
      },
    ),
  );
});
