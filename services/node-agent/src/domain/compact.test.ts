import type { FactEvent } from "@eru/events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { summary } from "../../test/drive.ts";
import { compact } from "./compact.ts";
import { evolve, isWorkloadFact, type Known, type WorkloadFact } from "./known.ts";

const of = { node: "n1", workload: "w-1", generation: 1 };
const facts = {
  created: { type: "ContainerCreated", ...of, containerId: "c1" },
  started: { type: "ContainerStarted", ...of, containerId: "c1", attempt: 1, endpoints: [] },
  again: { type: "ContainerStarted", ...of, containerId: "c1", attempt: 2, endpoints: [] },
  healthy: { type: "ContainerHealthy", ...of, attempt: 2 },
  unhealthy: { type: "ContainerUnhealthy", ...of, attempt: 2, reason: "503" },
  exited: { type: "ContainerExited", ...of, attempt: 1, exitCode: 1, outOfMemory: false, retryInMs: 1 },
  removed: { type: "ContainerRemoved", ...of, generation: 2, ordered: true },
  lost: { type: "EngineUnreachable", node: "n1", error: "gone" },
  back: { type: "EngineBack", node: "n1" },
} as const satisfies Record<string, FactEvent>;

const kept = (...names: (keyof typeof facts)[]) =>
  compact(names.map((name) => ({ fact: facts[name] }))).map(({ fact }) => summary(fact));

test("a later start makes everything before it superfluous", () => {
  expect(kept("created", "started", "exited", "again", "healthy")).toEqual([
    "g1 started #2",
    "g1 healthy #2",
  ]);
});

test("of changing health the last stays", () => {
  expect(kept("again", "healthy", "unhealthy", "healthy")).toEqual(["g1 started #2", "g1 healthy #2"]);
});

test("a removal is all that is left of a workload", () => {
  expect(kept("created", "started", "removed")).toEqual(["g2 removed -"]);
});

test("of the engine's comings and goings the last stays, in its place", () => {
  expect(kept("lost", "back", "created", "lost", "back")).toEqual(["g1 created", "EngineBack"]);
});

test("workloads do not overtake each other", () => {
  const other = { ...facts.again, workload: "w-2" };
  expect(compact([{ fact: facts.created }, { fact: other }])).toHaveLength(2);
});

test("what is left tells the same present as the whole", () => {
  const all: readonly FactEvent[] = Object.values(facts);
  const pool = all.filter(isWorkloadFact);
  const present = (all: readonly WorkloadFact[]) => {
    const known = all.reduce<Known | undefined>(
      (state, fact) => evolve(state, fact, { atMs: 0, startedAtMs: 1 }),
      undefined,
    );
    return known && { phase: known.phase, generation: known.generation, ended: known.ended };
  };
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...pool), { maxLength: 12 }), (all) => {
      const left = compact(all.map((fact) => ({ fact }))).map(({ fact }) => fact);
      expect(present(left)).toEqual(present(all));
      expect(left.length).toBeLessThanOrEqual(
        all.filter((fact) => fact.type === "ContainerCreated").length + 4,
      );
    }),
  );
});
