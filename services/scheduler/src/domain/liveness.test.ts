import { expect, test } from "vitest";
import { World } from "../testkit/world.ts";
import { Heartbeats } from "./liveness.ts";
import { podOf } from "./zone.ts";

/** Nodes that send heartbeats every second while `sending`, against a clock that the test moves. */
class Beating {
  readonly world = new World();
  readonly beats: Heartbeats;
  sending: Set<string>;
  connected = true;
  now = 1_000_000;

  constructor(...nodes: string[]) {
    for (const node of nodes) this.world.node(node, 9);
    this.sending = new Set(nodes);
    this.beats = new Heartbeats(this.now);
  }

  /** Seconds pass, looked at four times a second; what changes is recorded as a pass would. */
  seconds(count: number) {
    const changes = [];
    for (const end = this.now + count * 1_000; this.now < end; this.now += 250) {
      if (this.now % 1_000 === 0) for (const node of this.sending) this.beats.hearNode(node, this.now);
      this.beats.look(this.now, this.connected);
      const found = this.beats.changes(podOf(this.world.zone, "p"), this.now);
      changes.push(...found);
      this.world.passes({ liveness: found });
    }
    return changes;
  }
}

test("three seconds of silence make a node suspect, six make it lost, a heartbeat brings it back", () => {
  const beating = new Beating("n1", "n2", "n3");
  expect(beating.seconds(10)).toEqual([]);
  beating.sending.delete("n1");
  const heardAt = beating.now - 1_000;
  expect(beating.seconds(1)).toEqual([]);
  expect(beating.now - heardAt).toBe(2_000);
  expect(beating.seconds(2)).toEqual([{ node: "n1", to: "suspect", silentMs: 3_000 }]);
  expect(beating.seconds(3)).toEqual([{ node: "n1", to: "lost", silentMs: 6_000 }]);
  expect(beating.seconds(20)).toEqual([]);
  beating.sending.add("n1");
  expect(beating.seconds(1)).toEqual([{ node: "n1", to: "alive" }]);
});

test("a node that was never heard is not lost, and alive from its first heartbeat", () => {
  const beating = new Beating("n1");
  beating.world.nodeEvent({ type: "NodeAdded", node: "n2", pod: "p", labels: {} });
  expect(beating.seconds(20)).toEqual([]);
  beating.sending.add("n2");
  expect(beating.seconds(1)).toEqual([{ node: "n2", to: "alive" }]);
});

test("when most of a pod falls silent at once nothing is moved, and it is said once", () => {
  const beating = new Beating("n1", "n2", "n3");
  beating.seconds(5);
  beating.sending = new Set(["n3"]);
  const changes = beating.seconds(30);
  expect(changes.filter((change) => "held" in change)).toEqual([{ held: ["n1", "n2"], nodesTotal: 3 }]);
  expect(changes.filter((change) => "to" in change && change.to === "lost")).toEqual([]);
  beating.sending.add("n1").add("n2");
  expect(beating.seconds(2)).toHaveLength(2);
  expect(podOf(beating.world.zone, "p").held).toBe(false);
});

test("half of a pod is not most of it; of a held pod, what stays away when the others return is lost", () => {
  const half = new Beating("n1", "n2", "n3", "n4");
  half.seconds(5);
  half.sending = new Set(["n3", "n4"]);
  expect(half.seconds(10).filter((change) => "to" in change && change.to === "lost")).toHaveLength(2);
  const beating = new Beating("n1", "n2", "n3");
  beating.seconds(5);
  beating.sending = new Set(["n3"]);
  beating.seconds(10);
  beating.sending.add("n1");
  expect(beating.seconds(10)).toContainEqual(expect.objectContaining({ node: "n2", to: "lost" }));
});

test("both nodes of a pod of two are held, one of two is lost", () => {
  const beating = new Beating("n1", "n2");
  const other = new Beating("n1", "n2");
  beating.seconds(5);
  other.seconds(5);
  // Another pod's node shows that heartbeats flow.
  beating.sending = new Set(["elsewhere"]);
  other.sending.delete("n1");
  expect(beating.seconds(10)).toContainEqual({ held: ["n1", "n2"], nodesTotal: 2 });
  expect(other.seconds(10)).toContainEqual(expect.objectContaining({ node: "n1", to: "lost" }));
});

test("nobody is judged while no heartbeat of anyone arrives, and everybody gets fresh grace after", () => {
  const beating = new Beating("n1", "n2", "n3");
  beating.seconds(5);
  beating.sending.clear();
  expect(beating.seconds(30).filter((change) => "to" in change && change.to === "lost")).toEqual([]);
  beating.sending.add("n1");
  expect(beating.seconds(2).filter((change) => "to" in change && change.to === "lost")).toEqual([]);
});

test("nobody is judged while we are cut off from the broker", () => {
  const beating = new Beating("n1", "n2", "n3");
  beating.seconds(5);
  beating.connected = false;
  beating.sending.delete("n1");
  expect(beating.seconds(30)).toEqual([]);
  beating.connected = true;
  expect(beating.seconds(2)).toEqual([]);
});

test("a pause of our own is nobody's silence", () => {
  const beating = new Beating("n1", "n2", "n3");
  beating.seconds(5);
  beating.now += 60_000;
  expect(beating.seconds(10)).toEqual([]);
});

test("the first heartbeat after a pause of our own does not condemn those that come a moment later", () => {
  const beating = new Beating("n1", "n2", "n3", "n4");
  beating.seconds(5);
  beating.now += 60_000;
  beating.beats.hearNode("n1", beating.now);
  beating.beats.hearNode("n2", beating.now);
  beating.beats.look(beating.now, true);
  expect(beating.beats.changes(podOf(beating.world.zone, "p"), beating.now)).toEqual([]);
});

test("a load balancer is alive while it is heard; after a pause of ours the known ones get grace", () => {
  const beats = new Heartbeats(0);
  const applied = new Map([["edge", 7]]);
  expect(beats.liveElbs(applied, 4_999)).toEqual(new Map([["edge", 7]]));
  expect(beats.liveElbs(applied, 5_000)).toEqual(new Map());
  beats.hearElb("edge", 9, 5_000);
  beats.hearElb("edge2", 3, 6_000);
  expect(beats.liveElbs(applied, 10_000)).toEqual(new Map([["edge2", 3]]));
  expect(beats.liveElbs(applied, 9_999)).toEqual(
    new Map([
      ["edge", 9],
      ["edge2", 3],
    ]),
  );
});

test("strangers are forgotten", () => {
  const beats = new Heartbeats(0);
  beats.hearNode("stranger", 0);
  beats.forget(new Map(), 60_001);
  const world = new World();
  world.nodeEvent({ type: "NodeAdded", node: "stranger", pod: "p", labels: {} });
  expect(beats.changes(podOf(world.zone, "p"), 1)).toEqual([]);
});

test("a load balancer that says it is gone is not waited for, until it is heard again", () => {
  const beats = new Heartbeats(0);
  const applied = new Map([["edge", 7]]);
  beats.hearElb("edge", 8, 1_000, true);
  expect(beats.liveElbs(applied, 1_000)).toEqual(new Map());
  beats.hearElb("edge", 9, 2_000);
  expect(beats.liveElbs(applied, 2_000)).toEqual(new Map([["edge", 9]]));
});
