import { InvalidArgumentError } from "commander";
import { describe, expect, test } from "vitest";
import {
  collectNames,
  collectPair,
  parseCpu,
  parseDuration,
  parseMemory,
  parseWhole,
  showAge,
  showCpu,
  showMemory,
  showSpan,
} from "./quantities.ts";

describe("memory", () => {
  test.each([
    ["32M", 32],
    ["32MiB", 32],
    ["32mb", 32],
    ["32Mi", 32],
    ["1G", 1024],
    ["1.5GiB", 1536],
    ["2048K", 2],
    ["1t", 1_048_576],
    ["0M", 0],
    ["0", 0],
  ])("%s is %i MiB", (text, mib) => {
    expect(parseMemory(text)).toBe(mib);
  });

  test.each(["32", "M", "-1M", "1.2M", "512K", "1 G", "1e3M", "32X", "", "0x10M"])(
    "%j is refused",
    (text) => {
      expect(() => parseMemory(text)).toThrow(InvalidArgumentError);
    },
  );

  test("is shown in the unit that keeps it short", () => {
    expect([32, 1023, 1024, 1536, 81_920].map(showMemory)).toEqual(["32M", "1023M", "1G", "1.5G", "80G"]);
  });
});

describe("cpu", () => {
  test.each([
    ["0.1", 0.1],
    ["2", 2],
    ["0.125", 0.125],
    ["100m", 0.1],
    ["1500m", 1.5],
    ["0", 0],
  ])("%s is %d cores", (text, cores) => {
    expect(parseCpu(text)).toBe(cores);
  });

  test.each(["-1", "0.0001", "1.5m", "a", "", "1e3", "0,5", ".5"])("%j is refused", (text) => {
    expect(() => parseCpu(text)).toThrow(InvalidArgumentError);
  });

  test("is shown without the noise of binary fractions", () => {
    expect(showCpu(0.1 + 0.2)).toBe("0.3");
  });
});

describe("durations", () => {
  test.each([
    ["500ms", 500],
    ["90s", 90_000],
    ["2m", 120_000],
    ["1h30m", 5_400_000],
    ["1.5s", 1_500],
  ])("%s is %i ms", (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(["90", "s", "-1s", "1d", "", "1m x"])("%j is refused", (text) => {
    expect(() => parseDuration(text)).toThrow(InvalidArgumentError);
  });

  test("spans are shown for people", () => {
    const spans = [0, 850, 4_230, 60_000, 185_000, 7_500_000, 352_800_000];
    expect(spans.map(showSpan)).toEqual(["0 ms", "850 ms", "4.2 s", "1m", "3m 5s", "2h 5m", "4d 2h"]);
  });

  test("ages are short, and a clock that runs behind shows no negative one", () => {
    expect([-5_000, 4_999, 60_000, 3_600_000, 172_800_000].map(showAge)).toEqual([
      "0s",
      "4s",
      "1m",
      "1h",
      "2d",
    ]);
  });
});

describe("numbers, pairs and names", () => {
  test("a whole number is taken within its range and refused outside", () => {
    const port = parseWhole(1, 65_535);
    expect([port("1"), port("65535")]).toEqual([1, 65_535]);
    for (const text of ["0", "65536", "1.5", "-1", "x", "", "1e3"])
      expect(() => port(text)).toThrow(InvalidArgumentError);
  });

  test("pairs add up, and the value may hold further equals signs", () => {
    expect(collectPair("B=x=y", collectPair("A="))).toEqual({ A: "", B: "x=y" });
    expect(() => collectPair("=x")).toThrow(InvalidArgumentError);
    expect(() => collectPair("novalue")).toThrow(InvalidArgumentError);
  });

  test("names add up over repeated options and commas", () => {
    expect(collectNames("n3", collectNames("n1,n2"))).toEqual(["n1", "n2", "n3"]);
    expect(() => collectNames("n1,,n2")).toThrow(InvalidArgumentError);
  });
});
