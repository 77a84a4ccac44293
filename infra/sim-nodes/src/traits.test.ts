import fc from "fast-check";
import { expect, test } from "vitest";
import { chance, traitsOf } from "./traits.ts";

const ranges = { cpus: [4, 64], memoryMib: [1_024, 65_536], startMs: [100, 400] } as const;

test("a machine is the same for its seed and name, and within the ranges", () => {
  fc.assert(
    fc.property(fc.nat(), fc.string(), (seed, name) => {
      const traits = traitsOf(seed, name, ranges);
      expect(traits).toEqual(traitsOf(seed, name, ranges));
      for (const [key, [least, most]] of Object.entries(ranges)) {
        const value = traits[key as keyof typeof ranges];
        expect(Number.isInteger(value) && value >= least && value <= most, `${key} is ${value}`).toBe(true);
      }
    }),
  );
});

test("machines differ by name, and by seed", () => {
  const cpus = (seed: number) =>
    Array.from({ length: 50 }, (_, at) => traitsOf(seed, `sim-${at}`, ranges).cpus);
  expect(new Set(cpus(1)).size).toBeGreaterThan(10);
  expect(cpus(1)).not.toEqual(cpus(2));
});

test("chances are spread evenly: of 10,000 about one in ten is below 0.1", () => {
  const below = Array.from({ length: 10_000 }, (_, at) => chance(7, String(at))).filter((one) => one < 0.1);
  expect(below.length).toBeGreaterThan(900);
  expect(below.length).toBeLessThan(1_100);
});
