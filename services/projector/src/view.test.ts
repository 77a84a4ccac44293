import { copyFileSync, writeFileSync } from "node:fs";
import { decodeMessage, eventSchemas, subjects, UnreadableEventError } from "@eru/events";
import type { StoredMessage } from "@eru/log";
import Database from "better-sqlite3";
import fc from "fast-check";
import { expect, test } from "vitest";
import { LogGapError, ProjectionError } from "./errors.ts";
import { dump } from "./testkit/compare.ts";
import { temporaryFolder } from "./testkit/folder.ts";
import { chooseBySeed, makeHistory } from "./testkit/histories.ts";
import { World } from "./testkit/world.ts";
import { View } from "./view.ts";

const epoch = "2026-01-01T00:00:00.000Z";

/** The tables after the log was taken in page by page; `pages` are their lengths, over and over. */
function tablesAfter(log: readonly StoredMessage[], pages: readonly number[], path: string) {
  const view = View.create(path);
  for (let at = 0, n = 0; at < log.length; n++) {
    const length = pages[n % pages.length] ?? 1;
    view.apply(log.slice(at, at + length), epoch);
    at += length;
  }
  view.close();
  return dump(path);
}

const someHistory = fc.integer({ min: 1 }).map((seed) => makeHistory(chooseBySeed(seed), 400));
const somePages = fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 5 });

test("every message twice is as if once", () => {
  fc.assert(
    fc.property(someHistory, somePages, (log, pages) => {
      using folder = temporaryFolder();
      const once = tablesAfter(log, pages, folder.file("once.db"));
      const twice = log.flatMap((message, n) =>
        n === 0 ? [message] : [log[n - 1] as StoredMessage, message],
      );
      expect(tablesAfter(twice, pages, folder.file("twice.db"))).toEqual(once);
    }),
    { numRuns: 8, seed: 7 },
  );
});

test("where pages end makes no difference to any row", () => {
  fc.assert(
    fc.property(someHistory, somePages, (log, pages) => {
      using folder = temporaryFolder();
      const whole = tablesAfter(log, [log.length], folder.file("whole.db"));
      expect(tablesAfter(log, pages, folder.file("pages.db"))).toEqual(whole);
    }),
    { numRuns: 8, seed: 7 },
  );
});

test("a view whose process was killed between pages goes on to the same rows", () => {
  fc.assert(
    fc.property(someHistory, fc.array(fc.nat({ max: 400 }), { maxLength: 4 }), (log, kills) => {
      using folder = temporaryFolder();
      let path = folder.file("0.db");
      let view = View.create(path);
      const ends = kills.map((at) => Math.min(at, log.length)).toSorted((a, b) => a - b);
      for (const [n, end] of ends.entries()) {
        view.apply(log.slice(view.seq, end), epoch);
        // The files as they are now are what a killed process leaves.
        const left = folder.file(`${n + 1}.db`);
        for (const suffix of ["", "-wal"]) copyFileSync(path + suffix, left + suffix);
        view.abandon();
        const opened = View.open(left);
        if (opened.is !== "current") throw new Error(opened.is);
        view = opened.view;
        path = left;
      }
      view.apply(log.slice(view.seq), epoch);
      view.close();
      expect(dump(path)).toEqual(tablesAfter(log, [7], folder.file("fresh.db")));
    }),
    { numRuns: 8, seed: 7 },
  );
});

test("the histories of these tests hold every type of event there is", () => {
  const types = new Set<string>();
  for (const seed of [1, 2, 3, 4])
    for (const stored of makeHistory(chooseBySeed(seed), 1_500))
      for (const { event } of decodeMessage(stored)) types.add(event.type);
  const all = Object.values(eventSchemas).flatMap((kind) =>
    kind.options.map((option) => option.shape.type.value as string),
  );
  expect([...types].toSorted()).toEqual(all.toSorted());
});

test("a message that skips a sequence is refused, and all before it kept", () => {
  using folder = temporaryFolder();
  const log = makeHistory(chooseBySeed(1), 20);
  const view = View.create(folder.file("v.db"));
  const holed = log.filter(({ seq }) => seq !== 8);
  expect(() => view.apply(holed, epoch)).toThrow(LogGapError);
  expect(view.seq).toBe(7);
  view.apply(log, epoch);
  expect(view.seq).toBe(log.length);
  view.close();
  expect(dump(folder.file("v.db"))).toEqual(tablesAfter(log, [3], folder.file("fresh.db")));
});

test("a message nobody can read stops the view right before it", () => {
  using folder = temporaryFolder();
  const log = makeHistory(chooseBySeed(1), 10);
  const view = View.create(folder.file("v.db"));
  const poison = { ...(log[4] as StoredMessage), body: '{"id":"x"}' };
  expect(() => view.apply(log.with(4, poison), epoch)).toThrow(UnreadableEventError);
  expect(view.seq).toBe(4);
  view.close();
});

test("what a projection cannot take in names the projection and the message", () => {
  using folder = temporaryFolder();
  const path = folder.file("v.db");
  View.create(path).close();
  const db = new Database(path);
  db.exec("create trigger refuse before insert on pods begin select raise(abort, 'no pods here'); end");
  db.close();
  const opened = View.open(path);
  if (opened.is !== "current") throw new Error("the view must open");
  const world = new World();
  world.append(subjects.user("ada"), "command-api", [{ type: "UserAdded", user: "ada" }]);
  world.append(subjects.pod("p1"), "user:ada", [{ type: "PodAdded", pod: "p1", description: "" }]);
  expect(() => opened.view.apply(world.log, epoch)).toThrow(ProjectionError);
  expect(() => opened.view.apply(world.log, epoch)).toThrow(
    "projection pods cannot apply eru.pod.p1 at sequence 2",
  );
  expect(opened.view.seq).toBe(1);
  opened.view.close();
});

test("a file that is no database, empty, or of other tables is unusable and says why", () => {
  using folder = temporaryFolder();
  const path = folder.file("v.db");
  expect(View.open(path)).toEqual({ is: "unusable", why: "there is no file" });
  writeFileSync(path, "certainly not a database, but long enough to be looked at ".repeat(20));
  expect(View.open(path)).toMatchObject({ is: "unusable", why: expect.stringContaining("not a database") });
  writeFileSync(path, "");
  expect(View.open(path)).toMatchObject({ is: "unusable", why: expect.stringContaining("no such table") });
});

test("a damaged file is found at opening", () => {
  using folder = temporaryFolder();
  const path = folder.file("v.db");
  const view = View.create(path);
  view.apply(makeHistory(chooseBySeed(5), 300), epoch);
  view.close();
  const db = new Database(path);
  db.unsafeMode(true);
  db.pragma("writable_schema = on");
  // Two tables in the same pages: as wrong as a file can be.
  db.exec(
    "update sqlite_schema set rootpage = (select rootpage from sqlite_schema where name = 'pods') where name = 'apps'",
  );
  db.close();
  expect(View.open(path)).toMatchObject({ is: "unusable" });
});
