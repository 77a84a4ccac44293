import type { Inherit } from "@eru/events";
import { expect, test } from "vitest";
import { World } from "../testkit/world.ts";
import { replacePlan } from "./replace-plan.ts";

const deployment = "shop-web-a";
const [first, second] = [`${deployment}-1`, `${deployment}-2`];
const elbs = (world: World) => new Map([["e1", world.seq]]);

/** One node, healthy and routed workloads of one deployment. */
function running(count: number, parts: Parameters<World["deploy"]>[2] = {}): World {
  const world = new World().node("n1", 4).route().elb("e1", 1);
  world.deploy(deployment, count, parts).settle({ elbs: elbs(world) });
  return world;
}

const planned = (world: World, workload: string, inherit?: Inherit) =>
  replacePlan(world.zone, { replace: workload, ...(inherit && { inherit }) }, elbs(world));

test("where both fit it goes beside the old one and costs nothing, and nothing is decided", () => {
  const world = running(1);
  const copy = [{ from: "/etc/app", to: "/etc/new" }];
  const inherits = { copy, volumes: [], network: false };
  const plan = planned(world, first, { copy });
  expect(plan).toMatchObject({ atSeq: world.seq, workload: first, node: "n1", how: "beside" });
  expect(plan).toMatchObject({ risk: "", inherits });
  expect(plan).not.toHaveProperty("waits");
  expect(world.passes({ elbs: elbs(world) })).toEqual([]);
});

test("with an inherited network it goes in place, and the only one costs requests", () => {
  const alone = planned(running(1), first, { network: true });
  expect(alone).toMatchObject({ how: "in_place", inPlace: expect.stringMatching(/one address/) });
  expect(alone?.risk).toMatch(/no other workload of the deployment serves: .* stopped first because/);
  expect(alone?.inherits.network).toBe(true);
  expect(planned(running(2), first, { network: true })).toMatchObject({ how: "in_place", risk: "" });
});

test("it says the very reasons that the decision says", () => {
  const world = running(1, { resources: { cpu: 3, memoryMib: 16 } });
  const plan = planned(world, first);
  world.request({ type: "WorkloadChangeRequested", deployment, workload: first, change: "replace" });
  const [decided] = world.passes({ elbs: elbs(world) });
  expect(decided).toMatchObject({ type: "ChangeDecided", inPlace: plan?.inPlace, risk: plan?.risk });
  expect(plan?.inPlace).toMatch(/no room for two of it at once/);
});

test("while another one is being replaced it waits, and so does one that is asked twice", () => {
  const world = running(2);
  const wish = { type: "WorkloadChangeRequested", deployment, change: "replace" } as const;
  world.request({ ...wish, workload: first, inherit: { network: true } });
  world.passes({ elbs: elbs(world) });
  expect(planned(world, second)?.waits).toMatch(/goes after another/);
  expect(planned(world, first)?.waits).toMatch(/is being replaced already/);
});

test("one that is being removed is refused; of an unknown one nothing is said", () => {
  const world = running(1);
  expect(planned(world, `${deployment}-9`)).toBeUndefined();
  world.scale(deployment, 0);
  world.passes({ elbs: elbs(world) });
  expect(planned(world, first)).toMatchObject({
    how: "refused",
    refused: expect.stringMatching(/being removed/),
  });
});
