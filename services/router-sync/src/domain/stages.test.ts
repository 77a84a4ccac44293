import { type EruEvent, rulesFrom } from "@eru/events";
import { expect, test } from "vitest";
import { assigned, healthy, recorder, route, routeRemoved, started } from "../testing.ts";
import { RouteFold } from "./route-fold.ts";

const staged = (stage: string, elbs: string[], entrypoint: string, groups?: string[]): EruEvent => ({
  ...{ type: "RouteStaged", host: "hello.org", stage, elbs },
  content: { rules: rulesFrom([{ app: "hello", entrypoint }]), ...(groups && { groups }) },
});
const ended = (stage: string, because: "promoted" | "aborted" = "aborted"): EruEvent => ({
  ...{ type: "RouteStageEnded", host: "hello.org", stage, because, detail: "" },
});
const up = (workload: string) => [assigned(workload), started(workload), healthy(workload)];

/** The tables of a load balancer that the change is staged at, and of another one. */
function both(...events: EruEvent[]) {
  const folds = { e1: new RouteFold("default", "e1"), e2: new RouteFold("default", "e2") };
  const record = recorder();
  for (const event of events.map(record)) for (const fold of Object.values(folds)) fold.apply(event);
  const show = (fold: RouteFold) => Object.fromEntries([...fold.table].filter(([key]) => key[0] !== "g"));
  return {
    e1: show(folds.e1),
    e2: show(folds.e2),
    here: [...folds.e1.stages.keys()],
    there: folds.e2.stages.size,
  };
}
const alone = (...events: EruEvent[]) => both(...events).e2;

const web = route("hello.org", "/ hello/web");
const api = route("hello.org", "/ hello/api");

test("those it is staged at route as if it were declared, the others as before, and endpoints change for all", () => {
  const events = [web, ...up("hello-web-1"), ...up("hello-api-1"), staged("s", ["e1"], "api")];
  const late = [...up("hello-web-2"), ...up("hello-api-2")];
  const { e1, e2, here, there } = both(...events, ...late);
  expect(e1).toEqual(alone(api, ...up("hello-web-1"), ...up("hello-api-1"), ...late));
  expect(e2).toEqual(alone(web, ...up("hello-web-1"), ...up("hello-api-1"), ...late));
  expect({ here, there }).toEqual({ here: ["hello.org"], there: 0 });
});

test("aborted, all have what is declared; what ended before, or is another's, ends nothing", () => {
  const begun = [web, ...up("hello-web-1"), staged("s", ["e1"], "api")];
  expect(both(...begun, ended("s")).e1).toEqual(alone(web, ...up("hello-web-1")));
  expect(both(...begun, ended("s")).here).toEqual([]);
  expect(both(...begun, ended("other")).here).toEqual(["hello.org"]);
});

test("promoted, all have it; a removal ends it too", () => {
  const begun = [web, staged("s", ["e1"], "api")];
  const { e1, e2, here } = both(...begun, ended("s", "promoted"), api);
  expect(e1).toEqual(e2);
  expect(e1).toEqual(alone(api));
  expect(here).toEqual([]);
  expect(both(...begun, routeRemoved("hello.org"))).toMatchObject({ e1: {}, e2: {}, here: [] });
});

test("a host's first route may be staged, and one for another group takes the host away here", () => {
  expect(both(staged("s", ["e1"], "api"))).toMatchObject({ e1: alone(api), e2: {} });
  expect(both(staged("s", ["e1"], "api"), ended("s")).e1).toEqual({});
  expect(both(web, staged("s", ["e1"], "api", ["inner"])).e1).toEqual({});
});
