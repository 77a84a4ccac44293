import { Entrypoint, type Resources, type Template } from "@eru/events";
import { expect, test } from "vitest";
import { only, template, World } from "../testkit/world.ts";
import { risksOf } from "./downtime.ts";
import { Draft, noSignals } from "./draft.ts";
import { drainForecast, dryRun, upgradePlan } from "./dry-run.ts";
import { podOf } from "./zone.ts";

const id = "shop-web-a";
const checked = { publish: [8080], healthcheck: { tcpPorts: [8080] } };
const running = (entrypoint: object): Template =>
  template("v1", { entrypoint: Entrypoint.parse(entrypoint) });
const small: Resources = { cpu: 1, memoryMib: 100 };
const bound: Resources = {
  ...small,
  ports: [
    { hostPort: 80, port: 8080 },
    { hostPort: 443, port: 8443 },
  ],
};

/** Routed, and served by a load balancer that is alive. */
const routed = () => new World().node("n1", 9).node("n2", 9).route().elb("e1", 1);

type Asked = {
  entrypoint?: object;
  resources?: Resources;
  order?: "start-first" | "stop-first";
  count?: number;
};

function risks(given: Asked, world = routed()) {
  const { entrypoint = checked, resources = small, order = "start-first", count = 3 } = given;
  const signals = { ...noSignals, elbs: new Map([...world.zone.elbs.keys()].map((elb) => [elb, world.seq])) };
  const draft = new Draft(world.zone, podOf(world.zone, "p"), signals, world.options);
  const of = { key: "shop/web", pod: "p", template: running(entrypoint), resources, count, order };
  return risksOf(draft, of);
}
const reasons = (...given: Parameters<typeof risks>) => risks(...given).map(({ reason }) => reason);

test("what is checked, routed and served by a load balancer is changed without downtime", () => {
  expect(reasons({})).toEqual([]);
});

test.each<[string, Asked]>([
  ["no_health_check", { entrypoint: { publish: [8080] } }],
  ["stop_first", { order: "stop-first" }],
  ["host_network", { entrypoint: { ...checked, network: "host" } }],
  ["host_port", { resources: { ...small, ports: [{ hostPort: 80, port: 80 }] } }],
])("%s is named, alone", (reason, given) => {
  expect(reasons(given)).toEqual([reason]);
});

test("no_route is named without a rule that leads to it, and no_elb without anybody who carries one out", () => {
  expect(reasons({}, new World().node("n1", 9))).toEqual(["no_route"]);
  expect(reasons({}, new World().node("n1", 9).route())).toEqual(["no_elb"]);
});

test("all that is in the way is named at once", () => {
  const given = {
    entrypoint: { publish: [80], network: "host" },
    resources: bound,
    order: "stop-first",
  } as const;
  expect(reasons(given, new World().node("n1", 9))).toEqual([
    ...["stop_first", "no_health_check", "host_port", "host_network", "no_route"],
  ]);
});

test("a port of the node is named with its number, and worst for a single workload", () => {
  const [single] = risks({ resources: bound, count: 1 });
  expect(single?.detail).toMatch(
    /the only workload is bound to port 80 and 443 of its node: a new one starts only/,
  );
  expect(risks({ resources: bound })[0]?.detail).toMatch(/^bound to port 80 and 443 of its node: a new one/);
});

test("of what publishes nothing, routes are not asked for", () => {
  const silent = new World().node("n1", 9);
  expect(reasons({ entrypoint: {} }, silent)).toEqual(["no_health_check"]);
  expect(reasons({ entrypoint: {}, resources: bound, order: "stop-first" }, silent)).toEqual([
    ...["stop_first", "no_health_check", "host_port"],
  ]);
});

test("dry runs of all kinds and the first step of a rollout name the same", () => {
  const world = new World().node("n1", 9).node("n2", 9);
  const wanted = { template: running({ ...checked, network: "host" }), resources: bound };
  const named = ["host_port", "host_network", "no_route"];
  const of = (all: readonly { reason: string }[] | undefined) => all?.map(({ reason }) => reason);
  const { type: _, onShortage: __, ...request } = world.requestFor(id, 1, wanted);
  expect(of(dryRun(world.zone, request).risks)).toEqual(named);
  world.deploy(id, 1, wanted).settle();
  expect(
    of(
      drainForecast(world.zone, "n1")?.deployments[0]?.risks ??
        drainForecast(world.zone, "n2")?.deployments[0]?.risks,
    ),
  ).toEqual(named);
  const upgrade = { upgrade: id, ...wanted, surge: 1 };
  const planned = upgradePlan(world.zone, upgrade, noSignals.elbs);
  expect(of(planned?.risks)).toEqual(named);
  expect(planned).toMatchObject({ release: "v1", from: { release: "v1", seq: expect.any(Number) } });
  world.request({ type: "UpgradeRequested", deployment: id, ...wanted, surge: 1 });
  expect(of(only(world.passes(), "RolloutStepped")[0]?.risks)).toEqual(named);
});
