import fc from "fast-check";
import { expect, test } from "vitest";
import { auto } from "./auto.ts";
import type { Candidate } from "./candidate.ts";

const node = (name: string, count: number, capacity = 10): Candidate => ({
  node: name,
  count,
  capacity,
  usage: () => 0,
});
const four = [node("n1", 2), node("n2", 3), node("n3", 5), node("n4", 7)];
const placed = (candidates: readonly Candidate[], need: number, limit = 0) =>
  Object.fromEntries(
    auto
      .shares(candidates, need, limit)
      .filter((share) => share.placed > 0)
      .map((share) => [share.candidate.node, share.placed]),
  );
const total = (shares: Record<string, number>) => Object.values(shares).reduce((a, b) => a + b, 0);

test("one workload goes to the node with the fewest", () => {
  expect(placed(four, 1)).toEqual({ n1: 1 });
});

test("six workloads lift the lower nodes to the same level", () => {
  expect(placed(four, 6)).toEqual({ n1: 3, n2: 2, n3: 1 });
});

test("29 workloads end at 11, 11, 12 and 12, larger capacity before name", () => {
  // At level 11 the nodes have 1, 2, 4 and 6 left of their capacity of 10.
  expect(placed(four, 29)).toEqual({ n1: 9, n2: 8, n3: 7, n4: 5 });
});

test("40 workloads fill every node", () => {
  expect(placed(four, 40)).toEqual({ n1: 10, n2: 10, n3: 10, n4: 10 });
});

test("more than the capacity places what fits", () => {
  expect(total(placed(four, 41))).toBe(40);
});

test("nodes_limit counts the workloads that are there already", () => {
  expect(placed(four, 15, 8)).toEqual({ n1: 6, n2: 5, n3: 3, n4: 1 });
  expect(total(placed(four, 16, 8))).toBe(15);
});

test("a node at the limit or without capacity gets nothing", () => {
  expect(placed([node("a", 8), node("b", 0, 0), node("c", 9)], 5, 8)).toEqual({});
});

test("on a tie the larger capacity comes first, then the name", () => {
  expect(placed([node("b", 0, 5), node("a", 0, 5), node("c", 0, 6)], 1)).toEqual({ c: 1 });
  expect(placed([node("b", 0, 5), node("a", 0, 5), node("c", 0, 6)], 2)).toEqual({ a: 1, c: 1 });
});

test("the cost grows with the nodes, not with the workloads: a million millions on 5,000 nodes", () => {
  const nodes = Array.from({ length: 5_000 }, (_, n) => node(`n${n}`, n % 7, 1e9 + (n % 300)));
  expect(total(placed(nodes, 1e12))).toBe(1e12);
});

/** Eru's own procedure, one workload at a time. */
function oneByOne(candidates: readonly Candidate[], need: number, limit: number) {
  const heap = candidates.map((candidate) => ({ ...candidate, placed: 0 }));
  for (let n = 0; n < need; n++) {
    const [head] = heap
      .filter((entry) => entry.capacity > 0 && (limit === 0 || entry.count < limit))
      .sort((a, b) => a.count - b.count || b.capacity - a.capacity || (a.node < b.node ? -1 : 1));
    if (!head) break;
    head.count++;
    head.capacity--;
    head.placed++;
  }
  return Object.fromEntries(
    heap.filter((entry) => entry.placed > 0).map((entry) => [entry.node, entry.placed]),
  );
}

// Narrow on purpose: only values that collide show a wrong tie-break.
const nodes = fc
  .array(fc.record({ count: fc.nat(2), capacity: fc.nat(3) }), { maxLength: 5 })
  .map((all) => all.map(({ count, capacity }, n) => node(`n${n}`, count, capacity)));

test("the water level is Eru's one by one", () => {
  fc.assert(
    fc.property(nodes, fc.nat(12), fc.nat(4), (candidates, need, limit) => {
      expect(placed(candidates, need, limit)).toEqual(oneByOne(candidates, need, limit));
    }),
    { numRuns: 2_000 },
  );
});

test("the order in which nodes are listed changes nothing", () => {
  fc.assert(
    fc.property(nodes, fc.nat(12), (candidates, need) => {
      expect(placed(candidates.toReversed(), need)).toEqual(placed(candidates, need));
    }),
  );
});

test("placing in two portions gives what placing at once gives", () => {
  fc.assert(
    fc.property(nodes, fc.nat(8), fc.nat(8), (candidates, first, second) => {
      const after = auto
        .shares(candidates, first, 0)
        .map(({ candidate, placed: got }) =>
          node(candidate.node, candidate.count + got, candidate.capacity - got),
        );
      const portions = placed(candidates, first);
      for (const [name, more] of Object.entries(placed(after, second)))
        portions[name] = (portions[name] ?? 0) + more;
      expect(portions).toEqual(placed(candidates, first + second));
    }),
  );
});
