import fc from "fast-check";
import { expect, test } from "vitest";
import type { Candidate } from "./candidate.ts";
import { compareDrained, drained } from "./drained.ts";

const node = (name: string, capacity: number, usage = 0, count = 0): Candidate => ({
  node: name,
  count,
  capacity,
  usage: () => usage,
});
const placed = (candidates: readonly Candidate[], need: number, limit = 0) =>
  Object.fromEntries(
    drained
      .shares(candidates, need, limit)
      .filter((share) => share.placed > 0)
      .map((share) => [share.candidate.node, share.placed]),
  );

test("the nodes with the least room are used up first", () => {
  expect(placed([node("a", 3), node("b", 1), node("c", 5)], 5)).toEqual({ b: 1, a: 3, c: 1 });
});

test("with the same room the fuller node comes first, then the name", () => {
  const three = [node("c", 2, 0.5), node("b", 2, 0.5), node("a", 2, 0.1)];
  expect(placed(three, 2)).toEqual({ b: 2 });
  expect(placed(three, 5)).toEqual({ b: 2, c: 2, a: 1 });
});

test("a fuller node with more room does not come first", () => {
  expect(placed([node("a", 3, 0.9), node("b", 2, 0.1)], 2)).toEqual({ b: 2 });
});

test("more than the capacity places what fits", () => {
  expect(placed([node("a", 3), node("b", 1)], 9)).toEqual({ a: 3, b: 1 });
});

test("a limit per node counts what is there already", () => {
  expect(placed([node("a", 3, 0, 1), node("b", 9)], 4, 2)).toEqual({ a: 1, b: 2 });
});

/** One workload at a time, to the node that had the least room in the beginning and has any left. */
function oneByOne(candidates: readonly Candidate[], need: number): Record<string, number> {
  const got: Record<string, number> = {};
  for (let n = 0; n < need; n++) {
    let best: Candidate | undefined;
    for (const one of candidates) {
      if ((got[one.node] ?? 0) >= one.capacity) continue;
      const tighter = !best || one.capacity < best.capacity;
      const fuller = best && one.capacity === best.capacity && one.usage(0) > best.usage(0);
      const named =
        best &&
        one.capacity === best.capacity &&
        one.usage(0) === best.usage(0) &&
        one.node.localeCompare(best.node) < 0;
      if (tighter || fuller || named) best = one;
    }
    if (!best) break;
    got[best.node] = (got[best.node] ?? 0) + 1;
  }
  return got;
}

// Narrow on purpose: only values that collide show a wrong tie-break.
const nodes = fc
  .array(fc.record({ capacity: fc.nat(3), usage: fc.nat(2) }), { maxLength: 5 })
  .map((all) => all.map(({ capacity, usage }, n) => node(`n${n}`, capacity, usage)));

test("the shares are Eru's one by one, in whatever order the nodes are listed", () => {
  fc.assert(
    fc.property(nodes, fc.nat(12), (candidates, need) => {
      const wanted = oneByOne(candidates, need);
      expect(placed(candidates, need)).toEqual(wanted);
      expect(placed(candidates.toReversed(), need)).toEqual(wanted);
    }),
    { numRuns: 2_000 },
  );
});

test("the order is consistent: what comes before one that comes before a third comes before the third", () => {
  const three = fc.tuple(fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2), fc.nat(2));
  fc.assert(
    fc.property(three, ([c1, u1, c2, u2, c3, u3]) => {
      const [a, b, c] = [node("a", c1, u1), node("b", c2, u2), node("c", c3, u3)];
      expect(Math.sign(compareDrained(a, b))).toBe(-Math.sign(compareDrained(b, a)));
      if (compareDrained(a, b) < 0 && compareDrained(b, c) < 0) expect(compareDrained(a, c)).toBeLessThan(0);
    }),
    { numRuns: 1_000 },
  );
});

test("placing in two portions gives what placing at once gives", () => {
  fc.assert(
    fc.property(nodes, fc.nat(8), fc.nat(8), (candidates, first, second) => {
      const after = drained
        .shares(candidates, first, 0)
        .map(({ candidate, placed: got }) => ({ ...candidate, capacity: candidate.capacity - got }));
      const portions = placed(candidates, first);
      for (const [name, more] of Object.entries(placed(after, second)))
        portions[name] = (portions[name] ?? 0) + more;
      expect(portions).toEqual(placed(candidates, first + second));
    }),
  );
});
