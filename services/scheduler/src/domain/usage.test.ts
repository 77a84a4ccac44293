import type { InventoryFault } from "@eru/events";
import { expect, test } from "vitest";
import { World } from "../testkit/world.ts";
import { type Answered, accountsDiffer, accountsOf, compare, keyOf, nodeDiffers } from "./usage.ts";

const id = "shop-web-a";

function world(count = 2): World {
  const made = new World().node("n1", 8).deploy(id, count);
  made.settle();
  return made;
}
const inventory = (
  asOrdered: string[],
  more: { busy?: string[]; faults?: InventoryFault[]; atSeq?: number } = {},
): Answered => {
  const { faults = [], busy = [], atSeq = 1_000 } = more;
  return { node: "n1", atSeq, asOrdered, busy, faults, faultsTotal: faults.length, others: 0 };
};
function look({ zone }: World, answered: Answered, known?: ReadonlySet<string>) {
  const node = zone.nodes.get("n1");
  if (!node) throw new Error("there is no n1");
  return compare({ node, live: accountsOf(zone.pods.get("p")).get("n1"), inventory: answered, known });
}
const told = ({ differences }: ReturnType<typeof look>) =>
  differences.map(({ what, workload, remedy }) => [what, workload, remedy]);
const memory = ({ lines }: ReturnType<typeof look>) => lines.find(({ kind }) => kind === "memory");

test("what the node has as ordered is in all three accounts", () => {
  const found = look(world(), inventory([`${id}-1`, `${id}-2`]));
  expect(nodeDiffers(found)).toBe(false);
  expect(memory(found)).toMatchObject({ size: 10_000, scheduler: 200, log: 200, node: 200 });
});

test("what is missing, bounded otherwise or in surplus is in the node's account as it is", () => {
  const faults: InventoryFault[] = [
    { what: "missing", workload: `${id}-1`, detail: "it has no container" },
    { what: "limits", workload: `${id}-2`, detail: "memory limit", memoryMib: 28 },
    { what: "unordered", workload: "old-1", container: "c", detail: "nobody", memoryMib: 7 },
  ];
  const found = look(world(), inventory([], { faults }));
  expect(told(found)).toEqual([
    ["missing", `${id}-1`, "agent"],
    ["limits", `${id}-2`, "ordered"],
    ["unordered", "old-1", "agent"],
  ]);
  expect(memory(found)).toMatchObject({ scheduler: 200, log: 200, node: 135 });
});

test("what is seen for the first time is on its way; only what was seen before differs", () => {
  const faults: InventoryFault[] = [{ what: "missing", workload: `${id}-1`, detail: "it has no container" }];
  const answered = inventory([`${id}-2`], { faults });
  const [difference] = look(world(), answered).differences;
  expect(look(world(), answered, new Set())).toMatchObject({ differences: [], onTheWay: 1 });
  expect(look(world(), answered, new Set(difference && [keyOf(difference)])).differences).toHaveLength(1);
});

test("what is placed and not made yet, on its way out, or being changed is no difference", () => {
  const made = new World().node("n1", 8).deploy(id, 2).now();
  expect(look(made, inventory([], { atSeq: 1 }))).toMatchObject({ differences: [], onTheWay: 2 });
  const missing: InventoryFault = { what: "missing", workload: `${id}-1`, detail: "it has no container" };
  expect(look(made, inventory([`${id}-2`], { faults: [missing] })).differences).toEqual([]);
  made.settle();
  made.scale(id, 1).now();
  expect(look(made, inventory([`${id}-1`], { busy: [`${id}-2`] })).differences).toEqual([]);
  const other = world();
  other.request({
    ...{ type: "WorkloadReallocRequested", deployment: id, workload: `${id}-1` },
    amounts: { memoryMib: 50 },
  });
  const limits: InventoryFault = { what: "limits", workload: `${id}-1`, detail: "memory limit" };
  expect(look(other, inventory([`${id}-2`], { faults: [limits] })).differences).toEqual([]);
});

test("an agent that knows nothing of what is booked, or runs what is not, is told", () => {
  expect(told(look(world(), inventory([`${id}-1`, "old-web-a-1"])))).toEqual([
    ["not_booked", "old-web-a-1", "left"],
    ["not_known", `${id}-2`, "left"],
  ]);
});

test("what was given up is missing in the log as well", () => {
  const made = world();
  made.failed(`${id}-1`);
  const faults: InventoryFault[] = [{ what: "missing", workload: `${id}-1`, detail: "given up" }];
  expect(look(made, inventory([`${id}-2`], { faults })).differences).toEqual([]);
});

test("an agent that does not answer has no account, and that is said", () => {
  const found = look(world(), { error: "its agent did not answer" });
  expect(found.unanswered).toBe("its agent did not answer");
  expect(memory(found)).toEqual(expect.not.objectContaining({ node: expect.anything() }));
  expect(nodeDiffers(found)).toBe(false);
});

test("accounts are equal as long as the same is booked for the same", () => {
  const [one, other] = [world(), world()].map(({ zone }) => zone);
  expect(accountsDiffer(accountsOf(one?.pods.get("p")), accountsOf(other?.pods.get("p")))).toBe(false);
  const workload = other?.workloads.get(`${id}-1`);
  if (workload) workload.generation++;
  expect(accountsDiffer(accountsOf(one?.pods.get("p")), accountsOf(other?.pods.get("p")))).toBe(true);
});

test("a correction orders the same bounds once more, once, and nothing for what leaves", () => {
  const made = world();
  const difference = (workload: string, remedy: "ordered" | "left") =>
    ({ what: "limits", workload, detail: "memory limit", remedy }) as const;
  made.scale(id, 1).now();
  const correct = () =>
    made.append("eru.pod.p", {
      ...{ type: "UsageCorrectionRequested", pod: "p", atSeq: made.seq },
      nodes: [
        {
          ...{ node: "n1", lines: [] },
          differences: [difference(`${id}-1`, "ordered"), difference(`${id}-2`, "ordered")],
        },
      ],
    });
  correct();
  const [decided, ...more] = made.passes();
  expect(more).toEqual([]);
  expect(decided).toMatchObject({
    ...{ type: "ReallocDecided", workload: `${id}-1`, revision: 1, because: "asked" },
    resources: { cpu: 1, memoryMib: 100 },
  });
  correct();
  expect(made.passes()).toEqual([]);
  made.fact({ type: "ReallocDone", node: "n1", workload: `${id}-1`, revision: 1 });
  expect(made.passes()).toEqual([]);
});
