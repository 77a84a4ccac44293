import fc from "fast-check";
import { expect, test } from "vitest";
import { Books } from "./books.ts";
import { demandOf } from "./demand.ts";
import { alikeMost, likenessOf } from "./likeness.ts";

const load = (size: number, booked: number, each: number) => ({ size, booked, each });

test("an empty node is as alike as it can be to equal parts of everything, and less to unequal ones", () => {
  expect(likenessOf([load(10, 0, 1), load(1_000, 0, 100)], 0).alike(0)).toBe(alikeMost);
  // (0.1, 0.2) against (1, 1): a cosine of 0.3 / sqrt(0.1).
  const alike = likenessOf([load(10, 0, 1), load(1_000, 0, 200)], 0).alike(0);
  expect(alike / Math.hypot(1, alike)).toBeCloseTo(0.3 / Math.sqrt(0.1), 6);
});

test("a node of which as much is free in proportion stays alike however many come", () => {
  const { alike } = likenessOf([load(3, 0, 1e-3), load(7_000, 0, 7_000 / 3_000)], 0);
  expect([0, 1, 1_000, 2_999].map(alike)).toEqual([alikeMost, alikeMost, alikeMost, alikeMost]);
});

test("what leaves is as good as gone, and no node is in use without a booking", () => {
  const loads = [load(10, 4, 2), load(100, 20, 10)];
  expect(likenessOf(loads, 2).inUse).toBe(false);
  expect(likenessOf(loads, 1).inUse).toBe(true);
  expect(likenessOf(loads, 1).alike(0)).toBe(likenessOf([load(10, 2, 2), load(100, 10, 10)], 0).alike(0));
});

test("what a node has nothing of is left out, and so is a request for nothing", () => {
  expect(likenessOf([load(0, 0, 0), load(10, 0, 1)], 0).alike(0)).toBe(alikeMost);
  expect(likenessOf([load(10, 5, 0)], 0).alike(0)).toBe(0);
});

test("what is free of kinds that are not asked for is summed up by itself", () => {
  const loads = [load(10, 5, 1), load(100, 25, 0), load(8, 8, 0), load(4, 1, 0)];
  expect(likenessOf(loads, 0)).toMatchObject({ inUse: true, unasked: 1.5 });
});

test("every kind that is asked for counts", () => {
  const books = Books.open({ cpu: 10, memoryMib: 1_000, storageMib: 1_000, gpus: { t4: ["0", "1"] } });
  const even = { cpu: 5, memoryMib: 500 };
  expect(books.likeness(demandOf(even), 0).unasked).toBe(2);
  expect(books.likeness(demandOf(even), 0).alike(0)).toBe(alikeMost);
  expect(books.likeness(demandOf({ ...even, storageMib: 500 }), 0).alike(0)).toBe(alikeMost);
  expect(books.likeness(demandOf({ ...even, storageMib: 100 }), 0).alike(0)).toBeLessThan(alikeMost);
  expect(books.likeness(demandOf({ ...even, gpus: { t4: 2 } }), 0).alike(0)).toBeLessThan(alikeMost);
});

test("more of the same never makes a node more alike", () => {
  const amounts = fc.tuple(
    fc.integer({ min: 1, max: 1e9 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.nat(50),
  );
  fc.assert(
    fc.property(fc.array(amounts, { minLength: 1, maxLength: 4 }), fc.nat(40), (kinds, more) => {
      const loads = kinds.map(([size, part, each]) => load(size, Math.floor(size * part), each));
      const { alike } = likenessOf(loads, 0);
      expect(alike(more + 1)).toBeLessThanOrEqual(alike(more));
    }),
  );
});
