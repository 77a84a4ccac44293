import type { Spread } from "@eru/events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Sharing, shareOut, type WeighedCandidate } from "./share-out.ts";
import { sharingRules } from "./strategies/index.ts";

type Given = { name: string; count: number; capacity: number; preference: number; place: string };

const candidate = ({ name, count, capacity, preference, place }: Given): WeighedCandidate => ({
  node: name,
  count,
  capacity,
  preference,
  place,
  usage: (more) => (count + more) / (count + capacity + 1),
});

/** What the docs promise, one workload after the other. */
function oneByOne(all: readonly Given[], sharing: Sharing): Map<string, number> {
  const { rule, need, nodesLimit, spread, there } = sharing;
  const now = all.map((one) => ({ ...one, placed: 0 }));
  const inPlace = new Map(there);
  const room = (one: Given) => rule.shares([candidate(one)], 1, nodesLimit)[0]?.placed === 1;
  for (let n = 0; n < need; n++) {
    let open = now.filter(room);
    if (spread) {
      const cost = (place: string): number => {
        const weight = spread.targets ? spread.targets.find(({ value }) => value === place)?.weight : 1;
        const after = (inPlace.get(place) ?? 0) + 1;
        return weight === undefined ? 1e12 + after : (after - 0.5) / weight;
      };
      const places = [...new Set(open.map(({ place }) => place))].sort(
        (a, b) => cost(a) - cost(b) || (a < b ? -1 : 1),
      );
      open = open.filter(({ place }) => place === places[0]);
    }
    const most = Math.max(...open.map(({ preference }) => preference));
    const chosen = rule
      .shares(open.filter(({ preference }) => preference === most).map(candidate), 1, nodesLimit)
      .find(({ placed }) => placed === 1);
    const one = now.find(({ name }) => name === chosen?.candidate.node);
    if (!one) break;
    one.placed++;
    one.count++;
    one.capacity--;
    inPlace.set(one.place, (inPlace.get(one.place) ?? 0) + 1);
  }
  return new Map(now.map(({ name, placed }) => [name, placed]));
}

const given = fc
  .uniqueArray(
    fc.record({
      name: fc.stringMatching(/^n[0-9]{1,2}$/),
      count: fc.nat(4),
      capacity: fc.nat(5),
      preference: fc.integer({ min: -1, max: 1 }),
      place: fc.constantFrom("a", "b", "c", ""),
    }),
    { selector: ({ name }) => name, maxLength: 8 },
  )
  .map((all) => all.toSorted((a, b) => (a.name < b.name ? -1 : 1)));

const spreads: fc.Arbitrary<Spread | undefined> = fc.constantFrom(
  undefined,
  { label: "zone" },
  {
    label: "zone",
    targets: [
      { value: "a", weight: 2 },
      { value: "b", weight: 1 },
    ],
  },
  { label: "zone", targets: [{ value: "c", weight: 7 }] },
);

const placedBy = (all: readonly Given[], sharing: Sharing) =>
  new Map(shareOut(all.map(candidate), sharing).map(({ candidate: { node }, placed }) => [node, placed]));

const thereOf = (all: readonly Given[]) => {
  const there = new Map<string, number>();
  for (const { place, count } of all) there.set(place, (there.get(place) ?? 0) + count);
  return there;
};

test.each(["auto", "global", "drained", "pack"] as const)(
  "with %s it is what one after the other would be",
  (strategy) => {
    const rule = sharingRules[strategy];
    fc.assert(
      fc.property(given, fc.nat(20), fc.nat(3), spreads, (all, need, nodesLimit, spread) => {
        const sharing = { rule, need, nodesLimit, spread, there: thereOf(all) };
        expect(placedBy(all, sharing)).toEqual(oneByOne(all, sharing));
      }),
      { numRuns: 500 },
    );
  },
);

test("ten over three places with weights 2, 1 and 1 become 5, 3 and 2", () => {
  const all = ["a", "b", "c"].map((place) => ({
    name: place,
    count: 0,
    capacity: 100,
    preference: 0,
    place,
  }));
  const targets = [
    { value: "a", weight: 2 },
    { value: "b", weight: 1 },
    { value: "c", weight: 1 },
  ];
  const sharing = {
    rule: sharingRules.auto,
    need: 10,
    nodesLimit: 0,
    spread: { label: "zone", targets },
    there: new Map(),
  };
  expect(Object.fromEntries(placedBy(all, sharing))).toEqual({ a: 5, b: 3, c: 2 });
});

test("a place that is full leaves its part to the others, and one without a target comes last", () => {
  const all = [
    { name: "n1", count: 0, capacity: 1, preference: 0, place: "a" },
    { name: "n2", count: 0, capacity: 2, preference: 0, place: "b" },
    { name: "n3", count: 0, capacity: 9, preference: 0, place: "" },
  ];
  const targets = [
    { value: "a", weight: 1 },
    { value: "b", weight: 1 },
  ];
  const sharing = {
    rule: sharingRules.auto,
    need: 4,
    nodesLimit: 0,
    spread: { label: "zone", targets },
    there: new Map(),
  };
  expect(Object.fromEntries(placedBy(all, sharing))).toEqual({ n1: 1, n2: 2, n3: 1 });
});
