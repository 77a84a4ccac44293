import fc from "fast-check";
import { expect, test } from "vitest";
import { apply, diff, encodeLine, parseTable, tableLines } from "./table.ts";

// Few keys and values, so that tables overlap.
const table = fc
  .dictionary(fc.constantFrom("p:a/web", "p:b/web", "r:a.org", "r:*", "g:forward"), fc.constantFrom("1", "2"))
  .map((entries) => new Map(Object.entries(entries)));

test("the difference of two tables turns the one into the other", () => {
  fc.assert(
    fc.property(table, table, (from, to) => {
      expect(apply(from, diff(from, to))).toEqual(to);
    }),
  );
});

test("the difference names only what differs", () => {
  fc.assert(
    fc.property(table, table, (from, to) => {
      for (const { key, json } of diff(from, to)) expect(from.get(key)).not.toBe(json);
    }),
  );
});

test("a difference by keys leaves the others alone", () => {
  const from = new Map([["p:a/web", "1"]]);
  const to = new Map([
    ["p:a/web", "2"],
    ["p:b/web", "2"],
  ]);
  expect(diff(from, to, ["p:b/web"])).toEqual([{ key: "p:b/web", json: "2" }]);
});

test("pools come before the rules that name them and go after them", () => {
  const before = new Map([
    ["p:old/web", "1"],
    ["r:old.org", "1"],
  ]);
  const after = new Map([
    ["r:new.org", "1"],
    ["p:new/web", "1"],
  ]);
  expect(diff(before, after).map(encodeLine)).toEqual([
    "+\tp:new/web\t1\n",
    "+\tr:new.org\t1\n",
    "-\tr:old.org\n",
    "-\tp:old/web\n",
  ]);
});

test("a table survives being written as lines and read back", () => {
  fc.assert(
    fc.property(table, (one) => {
      expect(parseTable(tableLines(one).map(encodeLine).join(""))).toEqual(one);
    }),
  );
});

test("a text that is no table is refused with the line", () => {
  expect(() => parseTable("+\tp:a/web\t{}\nnonsense\n")).toThrow(/nonsense/);
});
