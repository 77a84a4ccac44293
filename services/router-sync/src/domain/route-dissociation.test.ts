import type { EruEvent } from "@eru/events";
import { expect, test } from "vitest";
import { assigned, healthy, recorder, route, started } from "../testing.ts";
import { RouteFold } from "./route-fold.ts";

const id = "hello-web-1";
const up = (workload: string): EruEvent[] => [assigned(workload), started(workload), healthy(workload)];
const of = { deployment: "hello-web", workload: id, node: "n1" };

const leaves: EruEvent = {
  ...{ type: "DissociationDecided", ...of, requestSeq: 1, count: 1 },
  ...{ drain: true, drainDeadlineMs: 5_000, risk: "" },
};
const letGo: EruEvent[] = [
  { type: "ReleaseOrdered", ...of, because: "drained" },
  { type: "WorkloadReleaseAssigned", node: "n1", workload: id, generation: 2 },
];
const about = { node: "n1", workload: id, generation: 2 };
const released: EruEvent = { type: "ContainerReleased", ...about, containerId: "c" };

function folded(...events: EruEvent[]): RouteFold {
  const fold = new RouteFold("default");
  const all = [route("hello.org", "/ hello/web"), ...up(id), ...up("hello-web-2"), ...events];
  for (const recorded of all.map(recorder())) {
    fold.apply(recorded);
    fold.takeChanges(); // So that what an event changes is seen only if the event touches it.
  }
  return fold;
}

function pool(fold: RouteFold): string[] {
  const { eps } = JSON.parse(fold.table.get("p:hello/web") ?? "") as { eps: { id: string; s: string }[] };
  return eps.map((one) => (one.s === "d" ? `${one.id} draining` : one.id));
}

test("what leaves Eru drains like what is removed, and is out of the table when it is let go of", () => {
  const draining = folded(leaves);
  expect(pool(draining)).toEqual(["hello-web-2", `${id} draining`]);
  expect([...draining.drains.keys()]).toEqual([id]);
  const out = folded(leaves, ...letGo);
  expect(pool(out)).toEqual(["hello-web-2"]);
  expect(out.drains.size).toBe(0);
});

test("whatever is still heard of it later brings nothing back", () => {
  expect(pool(folded(leaves, ...letGo, healthy(id), released, healthy(id)))).toEqual(["hello-web-2"]);
});

test("taken back it is routed when it is healthy at its new generation", () => {
  const again = { ...about, generation: 3 };
  const back: EruEvent[] = [
    { ...assigned(id, "n1", { generation: 3 }), keep: "adopted" } as EruEvent,
    { type: "ContainerAdopted", ...again, containerId: "c", running: true },
    { ...started(id), generation: 3, attempt: 2 } as EruEvent,
  ];
  const watched = [leaves, ...letGo, released, ...back];
  expect(pool(folded(...watched))).toEqual(["hello-web-2"]);
  expect(pool(folded(...watched, healthy(id, "n1", 2, 3)))).toEqual([id, "hello-web-2"]);
});
