import fc from "fast-check";
import { expect, test } from "vitest";
import { World } from "../testkit/world.ts";
import { Draft, noSignals } from "./draft.ts";
import { subsetsMax } from "./limits.ts";
import { wishOf } from "./place-missing.ts";
import { displacementFor } from "./preempt.ts";
import { byHarm, victimsOn } from "./victims.ts";
import { contentAt, podOf, type Workload } from "./zone.ts";

// Goal: whom a deployment displaces is what trying everything would find. Method: small random nodes with narrow values, so that
// ties and needless victims are common; the reference tries every set on every node and compares by the words of the docs.

const wanted = { cpu: 3, memoryMib: 300 };

const lower = fc.record({
  node: fc.constantFrom("n1", "n2"),
  cpu: fc.constantFrom(0.5, 1, 2),
  memoryMib: fc.constantFrom(50, 100, 200),
  priority: fc.constantFrom(10, 20, 25, 40, 60),
  count: fc.constantFrom(1, 2),
  bind: fc.boolean(),
});

type Lower = typeof lower extends fc.Arbitrary<infer T> ? T : never;

/** Two nodes with what fits there of them. */
function worldOf(all: readonly Lower[]): World {
  const cores = { "0": 100, "1": 100, "2": 100, "3": 100 };
  const machine = { resources: { cpu: 4, memoryMib: 400, cores } };
  const world = new World().node("n1", 4, 400, machine).node("n2", 4, 400, machine);
  for (const [n, { node, cpu, memoryMib, priority, count, bind }] of all.entries())
    world
      .deploy(`shop-web-l${n}`, count, {
        filter: { includes: [node], excludes: [], labels: {} },
        resources: { cpu, memoryMib, ...(bind && { bind }) },
        priority,
      })
      .now();
  return world;
}

const subsets = <T>(all: readonly T[]): T[][] =>
  Array.from({ length: 2 ** all.length }, (_, bits) => all.filter((_one, at) => (bits >> at) % 2 === 1));

/** Larger is worse, part by part. */
function harmOf(victims: readonly Workload[]): (number | string)[] {
  const priorities = victims.map(({ deployment }) => deployment.turn.priority);
  const ages = victims.map(({ placedSeq }) => -placedSeq).sort((a, b) => b - a);
  const sum = priorities.reduce((total, one) => total + one, 0);
  return [victims.length, Math.max(...priorities), sum, ...ages, victims[0]?.node.name ?? ""];
}

const worse = (a: (number | string)[], b: (number | string)[]): boolean => {
  const at = a.findIndex((part, n) => part !== b[n]);
  return at >= 0 && (a[at] ?? 0) > (b[at] ?? 0);
};

test.each([{}, { bind: true }])(
  "whom to displace is what trying every set on every node finds, %j",
  (more) => {
    let displaced = 0;
    fc.assert(
      fc.property(fc.array(lower, { minLength: 3, maxLength: 9 }), (all) => {
        const world = worldOf(all);
        world.deploy("shop-web-a", 1, { resources: { ...wanted, ...more }, priority: 50, preempt: true });
        const pod = podOf(world.zone, "p");
        const deployment = world.zone.deployments.get("shop-web-a")!;
        const { amounts } = contentAt(deployment, deployment.version);
        const draft = new Draft(world.zone, pod, noSignals, world.options);
        const wish = wishOf(deployment, amounts, []);
        const room = [...pod.nodes.values()].some(({ books }) => books.room(amounts, 1) > 0);
        const found = room ? undefined : displacementFor(draft, wish, { wanted: 1, most: 9 });
        const best = [...pod.nodes.values()]
          .flatMap((node) => subsets([...node.workloads].filter((one) => one.deployment.turn.priority < 50)))
          .filter((set) => {
            const books = set[0]?.node.books.copy();
            for (const one of set) books?.giveBack(one.amounts, one.booked);
            return books !== undefined && books.room(amounts, 1) > 0;
          })
          .map(harmOf)
          .reduce<(number | string)[] | undefined>(
            (min, one) => (!min || worse(min, one) ? one : min),
            undefined,
          );
        expect(found && harmOf(found.victims)).toEqual(room ? undefined : best);
        if (found) displaced++;
      }),
      { numRuns: 150 },
    );
    expect(displaced).toBeGreaterThan(30);
  },
);

test("where there are too many sets to try, nobody goes needlessly", () => {
  const world = new World().node("n1", 40);
  for (let n = 0; n < 36; n++)
    world.deploy(`shop-web-l${n}`, 1, {
      resources: { cpu: n < 30 ? 0.1 : 5, memoryMib: 1 + n },
      priority: n < 30 ? 10 : 20,
    });
  world.now();
  world.deploy("shop-web-a", 1, { resources: { cpu: 20.5, memoryMib: 1 }, priority: 50, preempt: true });
  const node = world.zone.nodes.get("n1")!;
  const deployment = world.zone.deployments.get("shop-web-a")!;
  const { amounts } = contentAt(deployment, deployment.version);
  const before = node.books.lines();
  const victims = victimsOn(node.books, [...node.workloads], { amounts, most: 30 });
  expect(node.books.lines()).toEqual(before);
  // The three large ones, of more than seven thousand sets of three.
  expect(victims).toHaveLength(3);
  expect(7_140).toBeGreaterThan(subsetsMax);
  const books = node.books.copy();
  for (const one of victims ?? []) books.giveBack(one.amounts, one.booked);
  expect(books.room(amounts, 1)).toBe(1);
  for (const one of victims ?? []) {
    const all = books.copy();
    all.book(one.amounts, one.booked);
    expect(all.room(amounts, 1)).toBe(0);
  }
  expect(victimsOn(node.books, [...node.workloads], { amounts, most: 2 })).toBeUndefined();
  expect(byHarm(victims ?? [], victims ?? [])).toBe(0);
});
