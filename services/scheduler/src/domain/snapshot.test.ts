import type { RecordedEvent } from "@eru/events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { history, play, playOptions } from "../testkit/histories.ts";
import { World } from "../testkit/world.ts";
import { apply } from "./apply.ts";
import { SnapshotDamagedError } from "./snapshot-format.ts";
import { SnapshotReader } from "./snapshot-read.ts";
import { snapshotBlocks } from "./snapshot-write.ts";
import { emptyZone, type Zone } from "./zone.ts";
import { passNotes, zoneDifferences } from "./zone-differences.ts";

// Goal: a scheduler that starts from a snapshot is the one that folded the whole log. Method: random histories, cut at a
// random place; what is restored there and folded on must be the same zone in every field, and what happens then must have
// the same answers, message by message.

/** Milliseconds; these tests take seconds on a quiet machine. */
const timeout = 120_000;

const restored = (blocks: Iterable<Uint8Array>): Zone => {
  const reader = new SnapshotReader();
  for (const block of blocks) reader.take(block);
  return reader.zone();
};

/** Folds all of it, with the times at which a log would have stored it. */
function folded(log: readonly RecordedEvent[], zone: Zone = emptyZone()): Zone {
  for (const recorded of log) {
    zone.storedMs = 1_700_000_000_000 + recorded.seq;
    apply(zone, recorded);
  }
  return zone;
}

/** A world with that zone and that log behind it. */
function worldOf(zone: Zone, { log }: World): World {
  const world = new World(playOptions, zone);
  world.log.push(...log);
  return world;
}

test("a scheduler from a snapshot and the rest of the log is the one from the whole log", { timeout }, () => {
  fc.assert(
    fc.property(history, history, fc.double({ min: 0, max: 1, noNaN: true }), (before, after, part) => {
      const world = play(before);
      const log = world.log.flatMap(({ recorded }) => recorded);
      const cut = Math.round(part * world.seq);
      const snapshot = snapshotBlocks(folded(log.filter(({ seq }) => seq <= cut)));
      const whole = worldOf(folded(log), world);
      const short = worldOf(
        folded(
          log.filter(({ seq }) => seq > cut),
          restored(snapshot),
        ),
        world,
      );
      expect(zoneDifferences(short.zone, whole.zone)).toEqual([]);
      for (const step of after) {
        step(whole);
        step(short);
      }
      expect(short.log).toEqual(whole.log);
      expect(zoneDifferences(short.zone, whole.zone)).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test("a snapshot of what was restored is the same, byte by byte", { timeout }, () => {
  fc.assert(
    fc.property(history, (steps) => {
      const blocks = [...snapshotBlocks(play(steps).zone)];
      expect([...snapshotBlocks(restored(blocks))]).toEqual(blocks);
    }),
    { numRuns: 20 },
  );
});

test("a snapshot that is cut short, or is none, is refused", () => {
  const world = new World().node("n1", 2).deploy("shop-web-a", 2).now();
  const blocks = [...snapshotBlocks(world.zone)];
  for (let many = 0; many < blocks.length; many++)
    expect(() => restored(blocks.slice(0, many))).toThrow(SnapshotDamagedError);
  const last = blocks.at(-1) as Uint8Array;
  for (let many = 0; many < last.length; many++)
    expect(() => restored([...blocks.slice(0, -1), last.subarray(0, many)])).toThrow(SnapshotDamagedError);
  expect(() => restored([new Uint8Array([9])])).toThrow("there is no section 9");
});

test("whatever a field holds comes back as it was", () => {
  const zone = emptyZone();
  const shared = { seq: 3 };
  const odd = {
    numbers: [
      0,
      -1,
      0.5,
      -0,
      2 ** 50 - 1,
      2 ** 50,
      2 ** 31,
      1_700_000_000_123,
      Number.NaN,
      Infinity,
      -Infinity,
    ],
    texts: ["", "ü €", "a".repeat(600_000)],
    nothing: [undefined, null, true, false],
    shared: [shared, shared],
    large: new Map(Array.from({ length: 12_345 }, (_, n) => [`key ${n}`, new Set([n])])),
  };
  Object.assign(zone, { odd });
  const again = restored(snapshotBlocks(zone)) as Zone & { odd: typeof odd };
  expect(again.odd).toEqual(odd);
  expect(again.odd.shared[0]).toBe(again.odd.shared[1]);
  expect(Object.keys(again)).toEqual(Object.keys(zone));
});

test("what is no plain value has no place in a zone", () => {
  const zone = emptyZone();
  Object.assign(zone, { time: new Date(0) });
  expect(() => [...snapshotBlocks(zone)]).toThrow("a zone holds plain values, maps, sets and books");
  Object.assign(zone, { time: () => 0 });
  expect(() => [...snapshotBlocks(zone)]).toThrow("a zone holds no function");
});

test("a zone that decided is one that was only folded, save for what passes note", { timeout }, () => {
  fc.assert(
    fc.property(history, (steps) => {
      const { zone, log } = play(steps);
      const again = emptyZone();
      for (const { recorded } of log) for (const one of recorded) apply(again, one);
      expect(zoneDifferences(zone, again, { without: passNotes })).toEqual([]);
    }),
    { numRuns: 40 },
  );
});

test("two zones are compared in everything, by name", () => {
  const make = () => new World().node("n1", 2).node("n2", 2).deploy("shop-web-a", 2).now().zone;
  const [one, other] = [make(), make()];
  expect(zoneDifferences(one, other)).toEqual([]);
  const [first] = [...other.workloads.values()];
  if (!first) throw new Error("two workloads were deployed");
  first.phase = "healthy";
  other.nodes.get("n1")?.books.book(first.amounts, {});
  other.rollouts.add(first.deployment);
  expect(
    zoneDifferences(one, other)
      .map(({ at }) => at)
      .sort(),
  ).toEqual([
    "node n1: books: 0: booked",
    "node n1: books: 1: booked",
    "workload shop-web-a-1: phase",
    "zone: rollouts",
  ]);
});
