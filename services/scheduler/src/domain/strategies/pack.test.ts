import { type Likeness, likenessOf } from "@eru/resources";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Candidate } from "./candidate.ts";
import { pack } from "./pack.ts";

type Machine = { name: string; size: [number, number]; booked: [number, number]; count?: number };

/** A node as the books would show it to a workload that asks for so much. */
function candidate({ name, size, booked, count = 0 }: Machine, asked: readonly [number, number]): Candidate {
  const loads = [0, 1].map((kind) => ({
    size: size[kind] as number,
    booked: booked[kind] as number,
    each: asked[kind] as number,
  }));
  const capacity = Math.min(
    ...loads.map(({ size: all, booked: gone, each }) => (each > 0 ? Math.floor((all - gone) / each) : 12)),
  );
  return { node: name, count, capacity, usage: () => 0, likeness: likenessOf(loads, 0) };
}

const placed = (candidates: readonly Candidate[], need: number, limit = 0) =>
  Object.fromEntries(
    pack
      .shares(candidates, need, limit)
      .filter((share) => share.placed > 0)
      .map((share) => [share.candidate.node, share.placed]),
  );

const half: Machine = { name: "half", size: [10, 10], booked: [5, 5] };
const cores: Machine = { name: "cores", size: [10, 10], booked: [2, 8] };
const memory: Machine = { name: "memory", size: [10, 10], booked: [8, 2] };
const empty: Machine = { name: "empty", size: [10, 10], booked: [0, 0] };

const among = (asked: readonly [number, number], ...machines: Machine[]) =>
  machines.map((machine) => candidate(machine, asked));

test("what asks for much of one kind goes where much of it is free and little of the other", () => {
  expect(placed(among([4, 1], half, cores, memory, empty), 1)).toEqual({ cores: 1 });
  expect(placed(among([1, 2], half, cores, memory, empty), 1)).toEqual({ memory: 1 });
  expect(placed(among([2, 2], half, cores, memory, empty), 1)).toEqual({ half: 1 });
});

test("an empty node is opened only when none in use has room, and then used up before the next", () => {
  const nodes = among([1, 1], { ...empty, name: "b" }, { ...empty, name: "a" }, half);
  expect(placed(nodes, 5)).toEqual({ half: 5 });
  expect(placed(nodes, 16)).toEqual({ half: 5, a: 10, b: 1 });
});

test("of empty nodes the one most like the request is opened first", () => {
  const wide: Machine = { name: "wide", size: [20, 10], booked: [0, 0] };
  expect(placed(among([1, 2], empty, wide), 1)).toEqual({ empty: 1 });
  expect(placed(among([4, 2], empty, wide), 1)).toEqual({ wide: 1 });
});

test("what asks for cores alone leaves free memory to others", () => {
  expect(placed(among([2, 0], cores, memory, half), 1)).toEqual({ cores: 1 });
  expect(placed(among([2, 0], cores, memory, half), 6)).toEqual({ cores: 4, half: 2 });
  expect(placed(among([0, 2], cores, memory, half), 6)).toEqual({ memory: 4, half: 2 });
});

test("equally alike nodes are filled by name", () => {
  const twins = among([1, 1], { ...half, name: "b" }, { ...half, name: "a" });
  expect(placed(twins, 6)).toEqual({ a: 5, b: 1 });
});

test("a limit per node counts what is there already, and more than the room places what fits", () => {
  const nodes = among([1, 1], { ...half, count: 1 }, empty);
  expect(placed(nodes, 9, 3)).toEqual({ half: 2, empty: 3 });
  expect(placed(nodes, 99)).toEqual({ half: 5, empty: 10 });
  expect(placed(nodes, 0)).toEqual({});
});

test("the cost grows with the nodes, not with the workloads: a thousand millions on 5,000 nodes", () => {
  const nodes = Array.from({ length: 5_000 }, (_, n) =>
    candidate({ name: `n${n}`, size: [1e9, 1e9], booked: [1 + (n % 7) * 1e6, 1 + (n % 30) * 1e5] }, [3, 2]),
  );
  const total = Object.values(placed(nodes, 1e9)).reduce((a, b) => a + b, 0);
  expect(total).toBe(1e9);
});

/** One workload at a time: to a node in use if any has room, to the most alike, to the first by name. */
function oneByOne(candidates: readonly Candidate[], need: number, limit: number): Record<string, number> {
  const got: Record<string, number> = {};
  const key = (one: Candidate): [number, number, number, string] => {
    const { inUse, unasked, alike } = one.likeness as Likeness;
    const there = got[one.node] ?? 0;
    return [inUse || there > 0 ? 0 : 1, unasked, -alike(there), one.node];
  };
  const before = (a: Candidate, b: Candidate): boolean => {
    const [x, y] = [key(a), key(b)];
    const at = [0, 1, 2, 3].find((part) => x[part] !== y[part]) ?? 3;
    return (x[at] as string) < (y[at] as string);
  };
  for (let n = 0; n < need; n++) {
    let best: Candidate | undefined;
    for (const one of candidates) {
      const there = got[one.node] ?? 0;
      if (there >= one.capacity || (limit > 0 && one.count + there >= limit)) continue;
      if (!best || before(one, best)) best = one;
    }
    if (!best) break;
    got[best.node] = (got[best.node] ?? 0) + 1;
  }
  return got;
}

// Narrow on purpose: only values that collide show a wrong tie-break.
const fleet = fc.tuple(
  fc.tuple(fc.nat(3), fc.nat(3)),
  fc.array(
    fc.record({
      size: fc.tuple(fc.constantFrom(6, 9), fc.constantFrom(6, 9)),
      booked: fc.tuple(fc.nat(5), fc.nat(5)),
      count: fc.nat(2),
    }),
    { maxLength: 5 },
  ),
);
const candidatesOf = ([asked, machines]: [[number, number], Omit<Machine, "name">[]]) =>
  machines.map((machine, n) => candidate({ name: `n${n}`, ...machine }, asked));

test("the shares are those of one by one, in whatever order the nodes are listed", () => {
  fc.assert(
    fc.property(fleet, fc.nat(20), fc.nat(4), (given, need, limit) => {
      const candidates = candidatesOf(given);
      const wanted = oneByOne(candidates, need, limit);
      expect(placed(candidates, need, limit)).toEqual(wanted);
      expect(placed(candidates.toReversed(), need, limit)).toEqual(wanted);
    }),
    { numRuns: 2_000 },
  );
});

test("placing in two portions gives what placing at once gives", () => {
  fc.assert(
    fc.property(fleet, fc.nat(8), fc.nat(8), (given, first, second) => {
      const [asked, machines] = given;
      const portions = placed(candidatesOf(given), first);
      const after = machines.map(({ size, booked }, n) => {
        const name = `n${n}`;
        const got = portions[name] ?? 0;
        return candidate(
          { name, size, booked: [booked[0] + got * asked[0], booked[1] + got * asked[1]] },
          asked,
        );
      });
      // A request for nothing books nothing: an empty node stays empty.
      fc.pre(asked[0] + asked[1] > 0);
      for (const [name, more] of Object.entries(placed(after, second)))
        portions[name] = (portions[name] ?? 0) + more;
      expect(portions).toEqual(placed(candidatesOf(given), first + second));
    }),
    { numRuns: 1_000 },
  );
});
