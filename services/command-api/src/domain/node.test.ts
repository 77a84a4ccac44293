import { specify } from "@eru/testing";
import { expect, test } from "vitest";
import { node } from "./node.ts";

const { given } = specify(node);
const resources = { cpu: 2, memoryMib: 512 };
const added = { type: "NodeAdded", node: "n1", pod: "demo", labels: { zone: "a" }, resources } as const;
const removed = { type: "NodeRemoved", node: "n1" } as const;
const add = {
  type: "AddNode",
  node: "n1",
  pod: "demo",
  labels: { zone: "a" },
  resources,
  podPhase: "present",
  workloads: [],
} as const;
const remove = { type: "RemoveNode", node: "n1", workloads: [], force: false } as const;

test("a new node is recorded", () => {
  given().when(add).records(added);
});

test("a node without amounts is recorded without: its agent reports them", () => {
  given()
    .when({ ...add, resources: undefined })
    .records({ type: "NodeAdded", node: "n1", pod: "demo", labels: { zone: "a" } });
});

test("adding the same node again records nothing", () => {
  given(added).when(add).recordsNothing();
});

test.each([
  [{ pod: "prod" }, "pod"],
  [{ labels: {} }, "labels"],
  [{ resources: { cpu: 3, memoryMib: 512 } }, "resources"],
  [{ resources: undefined }, "resources"],
] as const)("adding it again with %j is refused and says what differs", (change, differs) => {
  given(added)
    .when({ ...add, ...change })
    .refuses({ code: "node_exists", pod: "demo", differs });
});

test.each(["absent", "removed"] as const)("a node cannot join a pod that is %s", (podPhase) => {
  given()
    .when({ ...add, podPhase })
    .refuses({ code: "pod_unknown", pod: "demo", removed: podPhase === "removed" });
});

test.each([
  { type: "SetNodeResources", node: "n1", resources },
  { type: "SetNodeLabels", node: "n1", labels: {} },
  { type: "CordonNode", node: "n1", reason: "" },
  { type: "UncordonNode", node: "n1" },
  { type: "DrainNode", node: "n1", reason: "" },
  { type: "CancelDrain", node: "n1" },
  remove,
] as const)("$type of a node that never was is refused", (command) => {
  given().when(command).refuses({ code: "node_unknown", removed: false });
});

test("a removed node takes no changes", () => {
  given(added, removed)
    .when({ type: "UncordonNode", node: "n1" })
    .refuses({ code: "node_unknown", removed: true });
});

test("amounts and labels are replaced as a whole", () => {
  const less = { cpu: 1, memoryMib: 256 };
  given(added)
    .when({ type: "SetNodeResources", node: "n1", resources: less })
    .records({ type: "NodeResourcesSet", node: "n1", resources: less });
  given(added)
    .when({ type: "SetNodeLabels", node: "n1", labels: { disk: "ssd" } })
    .records({ type: "NodeLabelled", node: "n1", labels: { disk: "ssd" } });
});

test("some amounts are changed and others stay; null leaves one to the agent", () => {
  const changes = { cpu: null, storageMib: 100 };
  const resources = { memoryMib: 512, storageMib: 100 };
  const set = { type: "NodeResourcesSet", node: "n1", resources } as const;
  given(added).when({ type: "ChangeNodeResources", node: "n1", changes }).records(set);
  given(added, set).when({ type: "ChangeNodeResources", node: "n1", changes }).recordsNothing();
});

test("amounts and labels that are so already record nothing, whatever the order of keys", () => {
  given(added)
    .when({ type: "SetNodeResources", node: "n1", resources: { memoryMib: 512, cpu: 2 } })
    .recordsNothing();
  given(added)
    .when({ type: "SetNodeLabels", node: "n1", labels: { zone: "a" } })
    .recordsNothing();
});

test("cordoning records the reason; the same reason again records nothing, another one does", () => {
  const cordoned = { type: "NodeCordoned", node: "n1", reason: "disk" } as const;
  given(added).when({ type: "CordonNode", node: "n1", reason: "disk" }).records(cordoned);
  given(added, cordoned).when({ type: "CordonNode", node: "n1", reason: "disk" }).recordsNothing();
  given(added, cordoned)
    .when({ type: "CordonNode", node: "n1", reason: "fan" })
    .records({ type: "NodeCordoned", node: "n1", reason: "fan" });
});

test("a cordon without a reason is a cordon", () => {
  const cordoned = { type: "NodeCordoned", node: "n1", reason: "" } as const;
  given(added).when({ type: "CordonNode", node: "n1", reason: "" }).records(cordoned);
  given(added, cordoned)
    .when({ type: "UncordonNode", node: "n1" })
    .records({ type: "NodeUncordoned", node: "n1" });
});

test("uncordoning a node that takes workloads records nothing", () => {
  given(added).when({ type: "UncordonNode", node: "n1" }).recordsNothing();
});

test("a drain is recorded once, with another reason again, and cancelled once", () => {
  const drained = { type: "DrainRequested", node: "n1", reason: "" } as const;
  const cancelled = { type: "DrainCancelled", node: "n1" } as const;
  const drain = { type: "DrainNode", node: "n1", reason: "" } as const;
  const cancel = { type: "CancelDrain", node: "n1" } as const;
  given(added).when(drain).records(drained);
  given(added, drained).when(drain).recordsNothing();
  given(added, drained)
    .when({ ...drain, reason: "fan" })
    .records({ ...drained, reason: "fan" });
  given(added, drained).when(cancel).records(cancelled);
  given(added, drained, cancelled).when(cancel).recordsNothing();
  given(added).when(cancel).recordsNothing();
});

test("a drain is paused once, resumed whenever asked, and refused without one", () => {
  const drained = { type: "DrainRequested", node: "n1", reason: "", deadlineMs: 60_000 } as const;
  const paused = { type: "DrainPaused", node: "n1" } as const;
  const resumed = { type: "DrainResumed", node: "n1" } as const;
  const pause = { type: "PauseDrain", node: "n1" } as const;
  const resume = { type: "ResumeDrain", node: "n1" } as const;
  given(added).when({ type: "DrainNode", node: "n1", reason: "", deadlineMs: 60_000 }).records(drained);
  given(added, drained).when({ type: "DrainNode", node: "n1", reason: "" }).records({
    type: "DrainRequested",
    node: "n1",
    reason: "",
  });
  given(added, drained).when(pause).records(paused);
  given(added, drained, paused).when(pause).recordsNothing();
  given(added, drained, paused, resumed).when(pause).records(paused);
  given(added, drained).when(resume).records(resumed); // The scheduler may have paused it at its deadline.
  for (const command of [pause, resume])
    given(added).when(command).refuses({ code: "drain_unknown", node: "n1" });
});

test("a node that comes back under its name is not being drained", () => {
  const drained = { type: "DrainRequested", node: "n1", reason: "" } as const;
  given(added, drained, removed, added).when({ type: "DrainNode", node: "n1", reason: "" }).records(drained);
});

test("an empty node can be removed, and removing it again records nothing", () => {
  given(added).when(remove).records(removed);
  given(added, removed).when(remove).recordsNothing();
});

test("a node with workloads stays unless forced", () => {
  const workloads = ["web-http-abc123-1"];
  given(added)
    .when({ ...remove, workloads })
    .refuses({ code: "node_has_workloads", workloads: { shown: workloads, total: 1 } });
  given(added)
    .when({ ...remove, workloads, force: true })
    .records(removed);
});

test("a removed node can come back, also to another pod, unless that one would book it as empty", () => {
  const moved = { ...add, pod: "prod" } as const;
  given(added, removed).when(add).records(added);
  given(added, removed)
    .when(moved)
    .records({ ...added, pod: "prod" });
  given(added, removed)
    .when({ ...moved, workloads: ["w-1"] })
    .refuses({ code: "node_still_occupied", pod: "demo" });
  given(added, removed)
    .when({ ...add, workloads: ["w-1"] })
    .records(added);
});

test("facts about a node that is not there change nothing: they happened too late", () => {
  const late = { type: "NodeCordoned", node: "n1", reason: "" } as const;
  expect(node.evolve(node.initial, late)).toEqual(node.initial);
});
