import type { AssignmentEvent, FactEvent } from "@eru/events";
import { expect, test } from "vitest";
import { Occupancy } from "./occupancy.ts";

const of = { node: "n1", workload: "web-http-abc123-1" };
const assigned = (generation: number) => ({ type: "WorkloadAssigned", ...of, generation }) as AssignmentEvent;
const stop = (generation: number): AssignmentEvent => ({
  type: "WorkloadStopAssigned",
  ...of,
  generation,
  graceSeconds: 1,
});
const gone = (generation: number, ordered: boolean): FactEvent => ({
  type: "ContainerRemoved",
  ...of,
  generation,
  ordered,
});

test.each<[string, (AssignmentEvent | FactEvent)[], number]>([
  ["assigned", [assigned(1)], 1],
  ["stopping but not gone", [assigned(1), stop(2)], 1],
  ["gone by order", [assigned(1), stop(2), gone(2, true)], 0],
  ["disappeared without an order: the agent puts it back", [assigned(1), gone(1, false)], 1],
  ["disappeared, then ordered to stop and gone", [assigned(1), gone(1, false), stop(2), gone(2, false)], 0],
  ["the older generation is gone, the newer one is there", [assigned(1), assigned(2), gone(1, true)], 1],
  ["an order that comes late", [assigned(3), stop(2), gone(3, false)], 1],
  ["a stop of what was never there", [stop(1)], 0],
])("a node holds what is meant to be on it: %s", (_what, history, expected) => {
  const occupancy = new Occupancy();
  for (const event of history) occupancy.apply(event);
  expect(occupancy.on("n1")).toHaveLength(expected);
  expect(occupancy.on("n2")).toEqual([]);
});
