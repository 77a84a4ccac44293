// Goal: what the end-to-end tests show on real engines holds step by step: with requests coming in through two load balancers
// all the time, no change that was asked for loses one, no container ends before every edge let go of it and answered its last
// request, and what serves never falls below what was promised. Method: the real scheduler and agents on a virtual clock, slow
// load balancers, a request to every endpoint at most steps; the checks throw where they are broken.
import { expect, test } from "vitest";
import { change, deploy, deployment, drain, type Scenario, said, scale, upgrade } from "./scenarios.ts";
import { Scripted, type Victim } from "./scripted.ts";

/** A zone under traffic with so many workloads that serve. */
async function serving(count: number): Promise<Scripted> {
  const zone = new Scripted({ elbs: 2, traffic: true });
  await zone.begin();
  await zone.wish(deploy(count));
  zone.traffic.promised = count;
  return zone;
}

const each = (count: number, verb: Parameters<typeof change>[0]) =>
  Array.from({ length: count }, (_, n) => change(verb, n + 1));

/** What is asked for, with how many are promised from then on. */
const changes: Readonly<Record<string, { from: number; promised: number; wishes: Scenario }>> = {
  "an upgrade of twelve": { from: 12, promised: 12, wishes: [[upgrade("good-2", { surge: 4 })]] },
  "an upgrade of twelve, old ones first, two at a time": {
    from: 12,
    promised: 10,
    wishes: [[upgrade("good-3", { order: "stop-first", surge: 0, batch: 2 })]],
  },
  "a canary that is promoted": {
    from: 6,
    promised: 6,
    wishes: [[upgrade("good-2", { canary: { percent: 30 }, surge: 2 })], [said("Promote")]],
  },
  "an upgrade that is paused, resumed and aborted": {
    from: 6,
    promised: 6,
    wishes: [
      [upgrade("good-2", { surge: 2 }), said("Pause")],
      [said("Resume"), said("Abort")],
    ],
  },
  "a release that crashes": { from: 6, promised: 6, wishes: [[upgrade("crashing", { surge: 3 })]] },
  "a release that is never healthy": {
    from: 6,
    promised: 6,
    wishes: [[upgrade("deaf", { surge: 3, healthDeadlineMs: 4_000 })]],
  },
  "a release whose hook fails": { from: 6, promised: 6, wishes: [[upgrade("unhooked", { surge: 3 })]] },
  "scaling up and down": { from: 6, promised: 6, wishes: [[scale(12)], [scale(6)]] },
  "the drain of a node": { from: 12, promised: 12, wishes: [[drain("n1")]] },
  "the drain of a node while twelve are upgraded": {
    from: 12,
    promised: 12,
    wishes: [[upgrade("good-2", { surge: 3 }), drain("n1")]],
  },
  "a restart of every workload at once": { from: 6, promised: 5, wishes: [each(6, "restart")] },
  "the replacement of every workload at once": { from: 6, promised: 5, wishes: [each(6, "replace")] },
  "other resources for all": {
    from: 6,
    promised: 6,
    wishes: [[{ type: "ReallocRequested", deployment, resources: { cpu: 0.2, memoryMib: 150 } }]],
  },
};

test.each(Object.entries(changes))("%s loses no request", { timeout: 240_000 }, async (_, given) => {
  const zone = await serving(given.from);
  zone.traffic.promised = given.promised;
  for (const wishes of given.wishes) expect(await zone.wish(...wishes)).not.toContain("NOT RIGHT");
  expect(zone.traffic.answered).toBeGreaterThan(100);
});

test.each<[string, Victim[]]>([
  ["the agents", ["agents"]],
  ["both router-syncs", ["router-sync"]],
  ["the scheduler", ["scheduler"]],
  ["all of them", ["agents", "router-sync", "scheduler"]],
])(
  "%s, killed again and again while twelve are upgraded, lose no request",
  { timeout: 240_000 },
  async (_, victims) => {
    const zone = await serving(12);
    await zone.ask(upgrade("good-2", { surge: 4 }));
    for (let n = 0; n < 25; n++) {
      for (let steps = 0; steps < 1 + (n % 4); steps++) await zone.step();
      await zone.kill(...victims);
    }
    expect(await zone.wish()).toContain("good-2, stable good-2; rollout none");
    expect(zone.crashes).toBeGreaterThanOrEqual(25);
  },
);

test("an edge that dies while twelve are upgraded takes only what went through it", async () => {
  const zone = await serving(12);
  await zone.ask(upgrade("good-2", { surge: 4 }));
  for (const elb of [...zone.elbs, ...zone.elbs]) {
    for (let steps = 0; steps < 9; steps++) await zone.step();
    elb.stop();
    for (let steps = 0; steps < 12; steps++) await zone.step();
    elb.start();
  }
  expect(await zone.wish()).toContain("good-2, stable good-2; rollout none");
});

test("a node that loses its power costs only what it served: the others go on, and all serve again", async () => {
  const zone = await serving(12);
  const lost = [...zone.checks.truth.workloads.values()].filter(({ node }) => node.name === "n1").length;
  zone.traffic.promised = 12 - lost;
  await zone.wish({ type: "PowerOff", node: "n1" });
  zone.traffic.promised = 12;
  expect(await zone.wish({ type: "PowerOn", node: "n1" })).not.toContain("NOT RIGHT");
  expect(zone.checks.truth.workloads.size).toBe(12);
});
