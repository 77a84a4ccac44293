import type { WorkloadChange } from "@eru/events";
import { expect, test } from "vitest";
import { only, World } from "../testkit/world.ts";

const id = "shop-web-a";
const running = (count: number): World => {
  const world = new World().node("n1", 9).node("n2", 9).deploy(id, count);
  world.settle();
  return world;
};
const named = (n: number): string => `${id}-${n}`;

/** A user asks it of a workload, and its agent does it. */
function ask(world: World, n: number, change: WorkloadChange): World {
  const workload = named(n);
  world.request({ type: "WorkloadChangeRequested", deployment: id, workload, change }).passes();
  const { node, generation } = world.zone.workloads.get(workload)!;
  const of = { node: node.name, workload, generation, attempt: 2 };
  return world.fact(
    change === "stop"
      ? { type: "ContainerStopped", ...of, exitCode: 0 }
      : { type: "ContainerHealthy", ...of },
  );
}

const rolloutOf = (world: World) => world.zone.deployments.get(id)?.rollout;
const stateOf = (world: World): string[] =>
  world.staying(id).map((one) => {
    const { version, deployment, phase } = world.zone.workloads.get(one)!;
    return `${deployment.contents.get(version)?.template.release} ${phase}`;
  });

test("a new one that a user stops is not waited for: the others are replaced, and the rollout completes", () => {
  const world = running(3);
  world.upgrade(id, "v2").passes();
  world.healthy(named(4)).passes();
  ask(world, 4, "stop").settle();
  expect(stateOf(world).toSorted()).toEqual(["v2 healthy", "v2 healthy", "v2 stopped"]);
  expect(rolloutOf(world)).toBeUndefined();
});

test("one that is stopped before anything new serves takes nobody's place, but does not keep the next from trying", () => {
  const world = running(3);
  world.upgrade(id, "v2").passes();
  ask(world, 4, "stop");
  const decided = world.passes();
  expect(only(decided, "RemovalDecided")).toEqual([]);
  expect(only(decided, "PlacementDecided").flatMap(({ placed }) => placed)).toHaveLength(1);
  world.settle();
  expect(stateOf(world).toSorted()).toEqual(["v2 healthy", "v2 healthy", "v2 stopped"]);
});

test("the only new one, stopped, does not take the only old one away: started, it goes on", () => {
  const world = running(1);
  world.upgrade(id, "v2").passes();
  ask(world, 2, "stop").settle();
  expect(stateOf(world)).toEqual(["v1 healthy", "v2 stopped"]);
  expect(rolloutOf(world)).toMatchObject({ step: "running" });
  ask(world, 2, "start").settle();
  expect(stateOf(world)).toEqual(["v2 healthy"]);
  expect(rolloutOf(world)).toBeUndefined();
});

test("going back, an old one that was stopped before is as it was", () => {
  const world = running(3);
  ask(world, 1, "stop").settle();
  world.upgrade(id, "v2", 1, { onFailure: "rollback" }).passes();
  world.say(id, "Abort").settle();
  expect(stateOf(world).toSorted()).toEqual(["v1 healthy", "v1 healthy", "v1 stopped"]);
  expect(rolloutOf(world)).toBeUndefined();
});

test("going back, the only old one is as it was, stopped, also when what is new serves already", () => {
  const world = running(1);
  ask(world, 1, "stop").settle();
  world.upgrade(id, "v2").passes();
  world.healthy(named(2)).say(id, "Abort").settle();
  expect(stateOf(world)).toEqual(["v1 stopped"]);
  expect(rolloutOf(world)).toBeUndefined();
});

test("a canary of which one was stopped waits for its word with the one that serves", () => {
  const world = running(4);
  world.upgrade(id, "v2", 2, { canary: { count: 2 } }).passes();
  ask(world, 5, "stop");
  world.healthy(named(6)).settle();
  expect(rolloutOf(world)).toMatchObject({ step: "canary" });
  expect(stateOf(world).toSorted()).toEqual(["v1 healthy", "v1 healthy", "v2 healthy", "v2 stopped"]);
});
