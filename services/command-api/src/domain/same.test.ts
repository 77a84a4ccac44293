import { expect, test } from "vitest";
import { same } from "./same.ts";

test.each([
  [{ a: 1, b: { c: [1, 2] } }, { b: { c: [1, 2] }, a: 1 }, true],
  [{ a: undefined }, {}, true],
  [[1, 2], [2, 1], false],
  [{ a: [] }, { a: {} }, false],
  [JSON.parse('{"__proto__": 1}'), {}, false],
  [undefined, {}, false],
  ["1", 1, false],
])("%j and %j are the same: %s", (one, other, expected) => {
  expect(same(one, other)).toBe(expected);
});
