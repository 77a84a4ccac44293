import { expect, test } from "vitest";
import { LiveElbs, listenFirstMs, silentMostMs } from "./live-elbs.ts";

test("a challenge is in force when every load balancer that is heard has the table with it", () => {
  const elbs = new LiveElbs(0);
  elbs.hear("a", 10, listenFirstMs);
  elbs.hear("b", 9, listenFirstMs);
  expect(elbs.behind(10, listenFirstMs)).toBe("these load balancers have not taken the challenge over: b");
  elbs.hear("b", 10, listenFirstMs);
  expect(elbs.behind(10, listenFirstMs)).toBeUndefined();
});

test("nothing is said before all had time to be heard, nor when nobody is", () => {
  const elbs = new LiveElbs(0);
  expect(elbs.behind(1, listenFirstMs)).toContain("no load balancer serves");
  elbs.hear("a", 10, 0);
  expect(elbs.behind(10, listenFirstMs - 1)).toContain("no load balancer serves");
  expect(elbs.behind(10, listenFirstMs)).toBeUndefined();
});

test("who has fallen silent is not waited for", () => {
  const elbs = new LiveElbs(0);
  elbs.hear("a", 1, 0);
  elbs.hear("b", 10, 1);
  expect(elbs.behind(10, silentMostMs - 1)).toContain("over: a");
  expect(elbs.behind(10, silentMostMs)).toBeUndefined();
  expect(elbs.behind(10, silentMostMs + 1)).toContain("no load balancer serves");
});

test("who said that it is gone is not waited for", () => {
  const elbs = new LiveElbs(0);
  elbs.hear("a", 1, listenFirstMs);
  elbs.hear("b", 10, listenFirstMs);
  elbs.forget("a");
  expect(elbs.behind(10, listenFirstMs)).toBeUndefined();
});
