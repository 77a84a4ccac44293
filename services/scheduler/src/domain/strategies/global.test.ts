import fc from "fast-check";
import { expect, test } from "vitest";
import type { Candidate } from "./candidate.ts";
import { global } from "./global.ts";

const node = (name: string, usage: number, rate: number, capacity: number, count = 0): Candidate => ({
  node: name,
  count,
  capacity,
  usage: (more) => usage + rate * more,
});
const placed = (candidates: readonly Candidate[], need: number, limit = 0) =>
  Object.fromEntries(
    global
      .shares(candidates, need, limit)
      .filter((share) => share.placed > 0)
      .map((share) => [share.candidate.node, share.placed]),
  );

test("workloads go where the node is least full once they are there", () => {
  const three = [node("n1", 0.8, 0.05, 1), node("n2", 0.5, 0.12, 2), node("n3", 2.2, 0.05, 1)];
  expect(placed(three, 3)).toEqual({ n2: 2, n1: 1 });
});

test("more than the capacity places what fits", () => {
  expect(placed([node("a", 0, 0.1, 2), node("b", 0.5, 0.1, 1)], 9)).toEqual({ a: 2, b: 1 });
  expect(placed([], 3)).toEqual({});
});

test("a request for none places none", () => {
  expect(placed([node("a", 0, 0.1, 2)], 0)).toEqual({});
});

test("equally full nodes take turns by name, whatever runs there already", () => {
  const equal = [node("b", 0.25, 0.25, 9, 0), node("a", 0.25, 0.25, 9, 7)];
  expect(placed(equal, 1)).toEqual({ a: 1 });
  expect(placed(equal, 4)).toEqual({ a: 2, b: 2 });
});

test("workloads that ask for nothing stay on the least full node", () => {
  expect(placed([node("b", 0, 0, 9), node("a", 0, 0, 5), node("c", 0.1, 0, 9)], 7)).toEqual({ a: 5, b: 2 });
});

test("a limit per node counts what is there already", () => {
  expect(placed([node("a", 0, 0.01, 9, 1), node("b", 0.9, 0.01, 9)], 9, 2)).toEqual({ a: 1, b: 2 });
});

test("the cost grows with the nodes, not with the workloads: a million millions on 5,000 nodes", () => {
  const nodes = Array.from({ length: 5_000 }, (_, n) =>
    node(`n${n}`, (n % 7) / 10, 1e-9 / (500 + (n % 30)), 400e9),
  );
  const total = Object.values(placed(nodes, 1e12)).reduce((a, b) => a + b, 0);
  expect(total).toBe(1e12);
});

/** Eru's own procedure, one workload at a time. */
function oneByOne(candidates: readonly Candidate[], need: number): Record<string, number> {
  const heap = candidates.map((candidate) => ({ candidate, placed: 0 }));
  const key = ({ candidate, placed: got }: (typeof heap)[number]) => candidate.usage(got + 1);
  for (let n = 0; n < need; n++) {
    const [head] = heap
      .filter((entry) => entry.placed < entry.candidate.capacity)
      .sort((a, b) => key(a) - key(b) || (a.candidate.node < b.candidate.node ? -1 : 1));
    if (!head) break;
    head.placed++;
  }
  return Object.fromEntries(
    heap.filter((entry) => entry.placed > 0).map((entry) => [entry.candidate.node, entry.placed]),
  );
}

// Narrow on purpose: only values that collide show a wrong tie-break. Thirds and tenths are not exact in binary.
const nodes = fc
  .array(
    fc.record({ usage: fc.nat(2), size: fc.constantFrom(1, 3, 10), rate: fc.nat(2), capacity: fc.nat(3) }),
    { maxLength: 5 },
  )
  .map((all) =>
    all.map(
      ({ usage, size, rate, capacity }, n): Candidate => ({
        node: `n${n}`,
        count: 0,
        capacity,
        usage: (more) => (usage + rate * more) / size,
      }),
    ),
  );

test("the threshold is Eru's one by one", () => {
  fc.assert(
    fc.property(nodes, fc.nat(12), (candidates, need) => {
      expect(placed(candidates, need)).toEqual(oneByOne(candidates, need));
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
      const after = global.shares(candidates, first, 0).map(({ candidate, placed: got }) => ({
        ...candidate,
        capacity: candidate.capacity - got,
        usage: (more: number) => candidate.usage(got + more),
      }));
      const portions = placed(candidates, first);
      for (const [name, more] of Object.entries(placed(after, second)))
        portions[name] = (portions[name] ?? 0) + more;
      expect(portions).toEqual(placed(candidates, first + second));
    }),
  );
});
