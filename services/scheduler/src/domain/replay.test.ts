import type { DecisionEvent, RecordedEvent } from "@eru/events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { history, play } from "../testkit/histories.ts";
import { recount, snapshot } from "../testkit/snapshot.ts";
import { only } from "../testkit/world.ts";
import { apply } from "./apply.ts";
import { type LivenessChange, noSignals, type Signals } from "./draft.ts";
import { plan } from "./plan.ts";
import { emptyZone, podOf, type Zone } from "./zone.ts";

// Goal: a recorded decision can be made again from the log up to its input. Method: random histories with narrow values,
// so that deployments, nodes and numbers collide; every batch that names its input is decided again, looking at
// everything, and must come out the same, event by event.

/** Milliseconds; these tests take a second or two on a quiet machine. */
const timeout = 60_000;

/** What else was known: what is not in the log before stands in the decisions themselves. */
function signalsOf(decided: readonly DecisionEvent[]): Signals {
  const going = new Set<string>();
  const stops: [string, "drained"][] = [];
  const changes: LivenessChange[] = [];
  for (const event of decided) {
    if (event.type === "NodeSuspected")
      changes.push({ node: event.node, to: "suspect", silentMs: event.silentMs });
    if (event.type === "NodeLost") changes.push({ node: event.node, to: "lost", silentMs: event.silentMs });
    if (event.type === "NodeRecovered") changes.push({ node: event.node, to: "alive" });
    if (event.type === "NodeLossHeld") changes.push({ held: event.nodes, nodesTotal: event.nodesTotal });
    if (event.type === "RemovalDecided") going.add(event.workload);
    if (event.type === "StopDecided" && !going.has(event.workload))
      stops.push([event.workload, event.because as "drained"]);
  }
  const steps = only(decided, "RolloutStepped");
  const elbs = decided
    .map((event) => ("elbs" in event ? event.elbs : reasonsOf(event)?.elbs))
    .find((tables) => tables);
  return {
    liveness: changes,
    stops: new Map(stops),
    elbs: new Map(elbs?.map(({ elb, appliedSeq }) => [elb, appliedSeq])),
    stalled: new Map(
      steps.flatMap(({ deployment, detail }) => {
        const [, seconds, workload] = /not healthy within (\d+) s; (\S+) on /.exec(detail) ?? [];
        return workload ? [[deployment, { workload, afterMs: Number(seconds) * 1_000 }]] : [];
      }),
    ),
    steady: new Set(only(decided, "DeploymentSteady").map(({ deployment }) => deployment)),
    overdue: new Set(only(decided, "DrainOverdue").map(({ node }) => node)),
    waitedOut: new Set(
      only(decided, "PlacementRefused").flatMap(({ deployment, waitedMs }) =>
        waitedMs === undefined ? [] : [deployment],
      ),
    ),
  };
}

const foldTo = (log: readonly RecordedEvent[], seq: number): Zone => {
  const zone = emptyZone();
  for (const recorded of log) if (recorded.seq <= seq) apply(zone, recorded);
  zone.seq = seq;
  return zone;
};

const inputOf = (event: DecisionEvent) => ("inputSeq" in event ? event.inputSeq : reasonsOf(event)?.inputSeq);
const reasonsOf = (event: DecisionEvent) => ("reasons" in event ? event.reasons : undefined);

test("replaying a decision with its recorded inputs gives the same decision", { timeout }, () => {
  let decidedAgain = 0;
  fc.assert(
    fc.property(history, (steps) => {
      const world = play(steps);
      const log = world.log.flatMap(({ recorded }) => recorded);
      for (const { pass, recorded } of world.log) {
        if (pass === undefined || !recorded[0]?.subject.startsWith("eru.decision.")) continue;
        const decided = recorded.map(({ event }) => event as DecisionEvent);
        const inputSeq = decided.map(inputOf).find((seq) => seq !== undefined);
        if (inputSeq === undefined) continue;
        const zone = foldTo(log, inputSeq);
        const again = plan(zone, podOf(zone, "p"), {
          focus: "all",
          signals: { ...noSignals, ...signalsOf(decided) },
          options: world.options,
        });
        expect(again.decisions.map(({ event }) => event)).toEqual(decided);
        decidedAgain++;
      }
    }),
    { numRuns: 300 },
  );
  expect(decidedAgain).toBeGreaterThan(500);
});

test("a zone folded again from its log equals the live one, and its sums what they sum up", {
  timeout,
}, () => {
  fc.assert(
    fc.property(history, (steps) => {
      const world = play(steps);
      const log = world.log.flatMap(({ recorded }) => recorded);
      expect(snapshot(foldTo(log, world.seq))).toEqual(snapshot(world.zone));
      const { kept, counted } = recount(world.zone);
      expect(kept).toEqual(counted);
    }),
    { numRuns: 200 },
  );
});

test("looking at everything finds nothing that the touched deployments did not", { timeout }, () => {
  fc.assert(
    fc.property(history, (steps) => {
      const world = play(steps);
      world.passes();
      expect(world.plan().decisions.map(({ event }) => event)).toEqual([]);
    }),
    { numRuns: 200 },
  );
});

test("a workload has one node for its whole life and its orders' generations only grow", { timeout }, () => {
  fc.assert(
    fc.property(history, (steps) => {
      const world = play(steps);
      const nodeOf = new Map<string, string>();
      const generation = new Map<string, number>();
      for (const { event } of world.log.flatMap(({ recorded }) => recorded)) {
        if (event.type !== "WorkloadAssigned" && event.type !== "WorkloadStopAssigned") continue;
        expect(nodeOf.get(event.workload) ?? event.node).toBe(event.node);
        expect(event.generation).toBeGreaterThan(generation.get(event.workload) ?? 0);
        nodeOf.set(event.workload, event.node);
        generation.set(event.workload, event.generation);
      }
    }),
    { numRuns: 200 },
  );
});
