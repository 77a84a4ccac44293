import { expect, test } from "vitest";
import { movesDifference } from "./rebalance-difference.ts";

const move = (n: number, to: string) => ({
  ...{ deployment: "shop-web-a", workload: `shop-web-a-${n}`, from: "n1", to },
  gain: "",
});
const of = (atSeq: number, ...moves: ReturnType<typeof move>[]) => ({ atSeq, moves });

test("the same moves are no difference, in whatever order", () => {
  expect(movesDifference(of(4, move(1, "n2"), move(2, "n3")), of(9, move(2, "n3"), move(1, "n2")))).toEqual(
    [],
  );
});

test("every workload that would move otherwise is named", () => {
  const now = of(9, move(1, "n3"), move(3, "n2"));
  expect(movesDifference(of(4, move(1, "n2"), move(2, "n3")), now)).toEqual([
    "shop-web-a-1 would move to n3 now, not to n2",
    "shop-web-a-2 would stay now, not move to n3",
    "shop-web-a-3 would move to n2 now",
  ]);
});

test("many are counted, and a plan from a longer log is one for another zone", () => {
  const many = Array.from({ length: 14 }, (_, n) => move(n, "n2"));
  expect(movesDifference(of(4), of(9, ...many)).at(-1)).toBe("and 4 more");
  expect(movesDifference(of(10), of(9))).toEqual([
    "this log ends at sequence 9: it is a plan for another zone",
  ]);
});
