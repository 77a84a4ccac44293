import { type DecisionEvent, subjects } from "@eru/events";
import { expect, test } from "vitest";
import { temporaryFolder } from "../testkit/folder.ts";
import { deployment, first, second, story } from "../testkit/story.ts";
import { reasons, userActor } from "../testkit/world.ts";
import { MemoryZone, startProjector } from "../testkit/zone.ts";

type Story = ReturnType<typeof story>;
const move = (workload: string) => ({ deployment, workload, from: "n1", to: "n2" });
// In the zone a token was issued before the story begins.
const ask = (world: Story, ...workloads: string[]): number =>
  1 +
  world.append(subjects.pod("p1"), userActor, [
    { type: "RebalanceRequested", pod: "p1", goal: "even", moves: workloads.map(move), atSeq: world.seq },
  ]);
const decide = (world: Story, ...events: DecisionEvent[]) =>
  world.append(subjects.decision("p1"), "scheduler", events);
const place = (world: Story, instead: string) =>
  decide(world, {
    type: "PlacementDecided",
    ...{ deployment, release: "v1", because: "rebalanced", instead, templateSeq: 1, waiting: 0 },
    ...{ placed: [{ workload: `${deployment}-9`, node: "n2" }], reasons: reasons(world.seq) },
  });
const remove = (world: Story, workload: string, because: "rebalanced" | "scaled") =>
  decide(world, {
    type: "RemovalDecided",
    ...{ deployment, workload, node: "n1", because, drain: false, drainDeadlineMs: 0 },
  });

/** What the queries answer after the story and what the test adds to it. */
async function after(more: (world: Story) => number): Promise<{ list: unknown; one: unknown; none: number }> {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  const world = story();
  const seq = more(world);
  await zone.copy(world.log);
  const projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  try {
    await projector.ready();
    const [list, one, none] = await Promise.all([
      projector.get("/v1/rebalances?pod=p1"),
      projector.get(`/v1/rebalances/${seq}`),
      projector.get("/v1/rebalances/1"),
    ]);
    return { list: list.json(), one: one.json(), none: none.statusCode };
  } finally {
    await projector.stop();
  }
}

test("a rebalancing shows how far each of its moves is", async () => {
  const { list, one, none } = await after((world) => {
    const seq = ask(world, first, second);
    place(world, first);
    remove(world, first, "rebalanced");
    decide(world, {
      type: "MoveDropped",
      ...{ deployment, workload: second, to: "n2", requestSeq: seq, detail: "n2: cordoned" },
    });
    return seq;
  });
  expect(list).toMatchObject({ items: [{ pod: "p1", moves: 2, moved: 1, dropped: 1, waiting: 0 }] });
  expect(one).toMatchObject({
    requestedBy: userActor,
    list: [
      { workload: first, from: "n1", to: "n2", state: "moved", replacement: `${deployment}-9`, detail: null },
      { workload: second, state: "dropped", replacement: null, detail: "n2: cordoned" },
    ],
  });
  expect(none).toBe(404);
});

test("what was asked for anew, has begun, or goes for another reason is told apart", async () => {
  const { list } = await after((world) => {
    ask(world, first, second);
    place(world, first);
    const seq = ask(world, first, second);
    remove(world, second, "scaled");
    return seq;
  });
  expect(list).toMatchObject({
    items: [
      { moves: 2, dropped: 1, gone: 1, moving: 0 },
      { moves: 2, moving: 1, dropped: 1, gone: 0 },
    ],
  });
});
