import { type EruEvent, subjects } from "@eru/events";
import { expect, test } from "vitest";
import { temporaryFolder } from "../testkit/folder.ts";
import { deployment, first, second, story } from "../testkit/story.ts";
import { reasons, userActor } from "../testkit/world.ts";
import { MemoryZone, startProjector } from "../testkit/zone.ts";

/** The node as the query shows it after the story and what the test adds to it. */
async function nodeAfter(more: (world: ReturnType<typeof story>) => void): Promise<Record<string, unknown>> {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  const world = story();
  more(world);
  await zone.copy(world.log);
  const projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  try {
    await projector.ready();
    const answer = await projector.get("/v1/nodes/n1");
    expect(answer.statusCode, answer.body).toBe(200);
    return answer.json();
  } finally {
    await projector.stop();
  }
}

const drain = (world: ReturnType<typeof story>) =>
  world.append(subjects.node("n1"), userActor, [{ type: "DrainRequested", node: "n1", reason: "fan" }]);

test("a node that is being drained shows what is left, what is leaving, and what cannot be moved and why", async () => {
  const node = await nodeAfter((world) => {
    drain(world);
    world.append(subjects.decision("p1"), "scheduler", [
      {
        type: "RemovalDecided",
        ...{ deployment, workload: first, node: "n1", because: "drained_node", drain: true },
        ...{ drainDeadlineMs: 30_000, elbs: [{ elb: "e1", appliedSeq: 1 }] },
      },
    ]);
  });
  expect(node).toMatchObject({
    draining: true,
    drainReason: "fan",
    drain: {
      ...{ left: 1, leaving: 1, lost: 0, stuckTotal: 1 },
      stuck: [
        {
          deployment,
          workloads: 1,
          state: "waiting",
          reason: expect.stringMatching(/^1 waits, 2 nodes: cordoned on 1.*; n2 cordoned: new disk$/),
        },
      ],
    },
  });
});

test("what is gone is not left, and a node that is not drained has no drain", async () => {
  const gone = await nodeAfter((world) => {
    drain(world);
    for (const workload of [first, second])
      world.append(subjects.fact("n1"), "agent:n1", [
        { type: "ContainerRemoved", node: "n1", workload, generation: 2, ordered: true },
      ]);
  });
  expect(gone["drain"]).toMatchObject({ left: 0, leaving: 0, lost: 0, stuckTotal: 0, stuck: [] });
  const cancelled = await nodeAfter((world) => {
    drain(world);
    world.append(subjects.node("n1"), userActor, [{ type: "DrainCancelled", node: "n1" }]);
  });
  expect(cancelled).toMatchObject({ draining: false, drainReason: null, drain: null });
});

test("a drain says how long it may take, and who paused it", async () => {
  const after = (...more: EruEvent[]) =>
    nodeAfter((world) => {
      const begun = { type: "DrainRequested", node: "n1", reason: "", deadlineMs: 60_000 } as const;
      world.append(subjects.node("n1"), userActor, [begun]);
      for (const event of more)
        world.append(
          event.type === "DrainOverdue" ? subjects.decision("p1") : subjects.node("n1"),
          userActor,
          [event],
        );
    });
  const overdue = { type: "DrainOverdue", pod: "p1", node: "n1", left: 2 } as const;
  const resumed = { type: "DrainResumed", node: "n1" } as const;
  expect(await after()).toMatchObject({ drain: { deadlineMs: 60_000, paused: null } });
  expect(await after({ type: "DrainPaused", node: "n1" })).toMatchObject({ drain: { paused: "user" } });
  expect(await after(overdue)).toMatchObject({ drain: { paused: "deadline" } });
  expect(await after(overdue, resumed)).toMatchObject({ drain: { paused: null } });
});

test("a deployment that has all it wants is running, also while one of its workloads waits to be moved", async () => {
  const node = await nodeAfter((world) => {
    world.append(subjects.fact("n1"), "agent:n1", [
      { type: "ContainerHealthy", node: "n1", workload: second, generation: 1, attempt: 2 },
    ]);
    world.append(subjects.deployment("p1", deployment), userActor, [
      { type: "ScaleRequested", deployment, count: 2 },
    ]);
    drain(world);
    world.append(subjects.decision("p1"), "scheduler", [
      {
        type: "PlacementDeferred",
        ...{ deployment, waiting: 2 },
        reasons: reasons(world.seq, {
          wanted: 2,
          rejectedTotals: { cpu: 1 },
          rejected: [{ node: "n2", filter: "cpu", detail: "cpu: 1 wanted, 0.4 of 2 free" }],
        }),
      },
    ]);
  });
  expect(node["drain"]).toMatchObject({
    ...{ left: 2, stuckTotal: 2 },
    stuck: [
      { deployment, state: "running", reason: expect.stringContaining("n2 cpu: 1 wanted, 0.4 of 2 free") },
    ],
  });
});
