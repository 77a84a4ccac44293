// Random histories over few names, so that events meet: what must hold for every log, however it is cut into batches.
import type { EruEvent } from "@eru/events";
import fc from "fast-check";
import { expect, test } from "vitest";
import {
  assigned,
  exited,
  healthy,
  nodeLost,
  nodeRecovered,
  recorder,
  removal,
  removed,
  route,
  routeRemoved,
  started,
  stopAssigned,
  stopDecided,
  unhealthy,
} from "../testing.ts";
import { RouteFold } from "./route-fold.ts";
import { apply, diff } from "./table.ts";

const workload = fc.constantFrom("hello-web-1", "hello-web-2", "hello-api-1");
const node = fc.constantFrom("n1", "n2");
const attempt = fc.integer({ min: 1, max: 2 });
const host = fc.constantFrom("a.org", "*.a.org", "*");
const target = fc.constantFrom("/ hello/web", "/x hello/api", "/y hello/web@demo", "/z hello/web:9090");
const event: fc.Arbitrary<EruEvent> = fc.oneof(
  fc.tuple(host, fc.uniqueArray(target, { minLength: 1 })).map(([name, rules]) => route(name, ...rules)),
  host.map(routeRemoved),
  fc.tuple(workload, node, attempt).map(([id, on, generation]) => assigned(id, on, { generation })),
  fc.tuple(workload, node, attempt).map(([id, on, number]) => started(id, on, { attempt: number })),
  fc.tuple(workload, node, attempt).map(([id, on, number]) => healthy(id, on, number)),
  fc.tuple(workload, node, attempt).map(([id, on, number]) => unhealthy(id, on, number)),
  fc.tuple(workload, node, attempt).map(([id, on, number]) => exited(id, on, number)),
  fc.tuple(workload, node, fc.boolean()).map(([id, on, ordered]) => removed(id, on, ordered)),
  fc
    .tuple(workload, node, fc.boolean(), fc.constantFrom("removed" as const, "node_lost" as const))
    .map(([id, on, drain, because]) => removal(id, { node: on, drain, because })),
  fc.tuple(workload, node).map(([id, on]) => stopDecided(id, on)),
  fc.tuple(workload, node).map(([id, on]) => stopAssigned(id, on)),
  node.map(nodeLost),
  node.map(nodeRecovered),
);
// Most histories begin with something that is routed, or hardly any would have a table to speak of.
const opening = [
  route("a.org", "/ hello/web"),
  assigned("hello-web-1"),
  started("hello-web-1"),
  healthy("hello-web-1"),
];
const up = fc
  .tuple(workload, node)
  .map(([id, on]) => [assigned(id, on), started(id, on), healthy(id, on)] as EruEvent[]);
const steps = fc.oneof({ weight: 1, arbitrary: up }, { weight: 2, arbitrary: event.map((one) => [one]) });
type HostLine = { rules: { forward: { backends: { pool: string }[] } }[] };

const history = fc.array(steps, { maxLength: 25 }).map((some) => [...opening, ...some.flat()]);

type Eps = { eps: { id: string; s: string }[] };
const pools = (fold: RouteFold) =>
  [...fold.table].flatMap(([key, json]) =>
    key.startsWith("p:") ? [{ name: key.slice(2), eps: (JSON.parse(json) as Eps).eps }] : [],
  );

test("the table does not depend on where the log is cut into batches, and diffs along the way add up to it", () => {
  fc.assert(
    fc.property(history, fc.integer({ min: 1, max: 5 }), (events, every) => {
      const whole = new RouteFold("default");
      const cut = new RouteFold("default");
      let nginx = new Map<string, string>();
      for (const [index, recorded] of events.map(recorder()).entries()) {
        whole.apply(recorded);
        cut.apply(recorded);
        if (index % every === 0) nginx = apply(nginx, diff(nginx, cut.table, cut.takeChanges().touched));
      }
      nginx = apply(nginx, diff(nginx, cut.table, cut.takeChanges().touched));
      expect(new Map(cut.table)).toEqual(new Map(whole.table));
      expect(nginx).toEqual(new Map(whole.table));
    }),
    { numRuns: 400 },
  );
});

test("every rule finds its pool, every pool has a rule, and no endpoint is twice in a pool", () => {
  fc.assert(
    fc.property(history, (events) => {
      const fold = new RouteFold("default");
      for (const recorded of events.map(recorder())) fold.apply(recorded);
      const named = new Set(
        [...fold.table].flatMap(([key, json]) =>
          key.startsWith("r:")
            ? (JSON.parse(json) as HostLine).rules.flatMap(({ forward }) =>
                forward.backends.map(({ pool }) => pool),
              )
            : [],
        ),
      );
      expect(new Set(pools(fold).map(({ name }) => name))).toEqual(named);
      for (const { eps } of pools(fold)) expect(new Set(eps.map(({ id }) => id)).size).toBe(eps.length);
    }),
  );
});

test("losing a node takes no pool its last active endpoint", () => {
  fc.assert(
    fc.property(history, node, (events, lost) => {
      const record = recorder();
      const fold = new RouteFold("default");
      for (const one of events) fold.apply(record(one));
      const active = () =>
        new Map(pools(fold).map(({ name, eps }) => [name, eps.some(({ s }) => s === "a")]));
      const before = active();
      fold.apply(record(nodeLost(lost)));
      expect(active()).toEqual(before);
    }),
  );
});
