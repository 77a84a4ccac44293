import { expect, test } from "vitest";
import { emptyZone } from "../../../services/scheduler/src/domain/zone.ts";
import { foldInto } from "../../../services/scheduler/src/fold.ts";
import { History } from "./history.ts";
import { kubeShapes } from "./kube-shapes.ts";
import { nomadGrid } from "./nomad-grid.ts";
import { complementary, lowerBound, packing, seededSets, uniform } from "./packing.ts";
import { plannerCases } from "./planner-cases.ts";
import { saturate } from "./saturation.ts";
import { scaling } from "./scaling.ts";

// The benchmark is not part of the tests; that each of its cases still runs and places everything is.

test("Eru's planner cases place every workload", () => {
  const cases = plannerCases(20, 1);
  expect(cases.map(({ workloads }) => workloads)).toEqual([20_480, 20_479, 360]);
  for (const { placed, workloads } of cases) expect(placed).toBe(workloads);
});

test("each cell of Nomad's grid places every workload", () => {
  const cells = nomadGrid({ nodes: [60], racks: [25, 50], workloads: [50] }, 1);
  expect(cells.map(({ placed }) => placed)).toEqual([50, 50]);
});

test("each of kube-scheduler's shapes places every workload", () => {
  const shapes = kubeShapes({ nodes: 60, workloads: 50 });
  expect(shapes.map(({ placed }) => placed)).toEqual([50, 50, 50, 50, 50]);
});

test("a thousand more are placed beside those that run already", () => {
  const scales = scaling([{ nodes: 20, before: 2_000 }], 2);
  expect(scales.map(({ placed }) => placed)).toEqual([2_000]);
});

test("a history for the start of a scheduler holds what agents said of every placement", () => {
  const zone = emptyZone();
  foldInto(zone, [...new History({ nodes: 20, deployments: 2, size: 50, facts: true }).stored()]);
  expect([...zone.workloads.values()].filter(({ phase }) => phase === "healthy")).toHaveLength(100);
});

test("the sets to be packed are the published ones: their lower bounds are", () => {
  expect(lowerBound(uniform(10_000, 42))).toBe(2_521);
  expect(lowerBound(complementary(10_000, 7))).toBe(1_547);
});

test("each strategy packs each set on no fewer nodes than can hold it", () => {
  const packed = packing(seededSets(40), ["pack", "drained", "global", "auto"]);
  expect(packed).toHaveLength(8);
  for (const { nodes, bound } of packed) expect(nodes).toBeGreaterThanOrEqual(bound);
});

test("a fleet that is asked for more than it has refuses some, and never books more than it has", () => {
  for (const { strategy, requests, refused, cpu, memory } of saturate(20, ["pack", "auto"])) {
    expect(requests, strategy).toBeGreaterThan(refused);
    expect(refused, strategy).toBeGreaterThan(0);
    for (const part of [cpu, memory]) expect(part, strategy).toBeLessThanOrEqual(1);
  }
});
