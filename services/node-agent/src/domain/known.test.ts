import { expect, test } from "vitest";
import { evolve, type Known, unknown, type WorkloadFact } from "./known.ts";

const of = { node: "n1", workload: "w-1" };
const after = (...facts: WorkloadFact[]) =>
  facts.reduce<Known | undefined>(
    (known, fact) => evolve(known, fact, { atMs: 0, startedAtMs: 1 }),
    undefined,
  );
const created = (generation: number): WorkloadFact => ({
  type: "ContainerCreated",
  ...of,
  generation,
  containerId: `c${generation}`,
});

test("a fact about an older generation changes nothing", () => {
  const removed: WorkloadFact = { type: "ContainerRemoved", ...of, generation: 1, ordered: true };
  expect(after(created(2), removed)).toEqual(after(created(2)));
});

test("a newer generation begins with nothing known", () => {
  const exited: WorkloadFact = {
    type: "ContainerExited",
    ...{ ...of, generation: 1, attempt: 4, exitCode: 1, outOfMemory: false },
  };
  expect(after(created(1), exited)).toMatchObject({ attempt: 4, ended: true });
  expect(after(created(1), exited, created(2))).toEqual({
    ...unknown(2),
    phase: "created",
    containerId: "c2",
  });
});

test("failing to see or to take away a container says nothing about starting it", () => {
  for (const step of ["inspect", "stop", "remove"] as const) {
    const failed: WorkloadFact = {
      type: "ContainerFailed",
      ...{ ...of, generation: 1, step, error: "stuck", attempt: 1 },
    };
    expect(after(created(1), failed)).toEqual(after(created(1)));
  }
});
