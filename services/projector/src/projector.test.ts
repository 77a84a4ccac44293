import { readFileSync, writeFileSync } from "node:fs";
import { subjects } from "@eru/events";
import { LogUnavailableError, NotPermittedError } from "@eru/log";
import Database from "better-sqlite3";
import { expect, test } from "vitest";
import { viewVersion } from "./projections/index.ts";
import { dump } from "./testkit/compare.ts";
import { temporaryFolder } from "./testkit/folder.ts";
import { chooseBySeed, makeHistory } from "./testkit/histories.ts";
import { MemoryZone, startProjector, until, withLog } from "./testkit/zone.ts";

const pod = (name: string) =>
  [subjects.pod(name), [{ type: "PodAdded", pod: name, description: "" } as const]] as const;

/** Changes a closed view's file. */
function change(path: string, statement: string): void {
  const db = new Database(path);
  db.exec(statement);
  db.close();
}

test("a new projector answers once it has read the log, and says before why not", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  zone.broker.setReachable(false);
  await using projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  const early = await projector.get("/v1/pods");
  expect(early.statusCode).toBe(503);
  expect(early.headers["retry-after"]).toBe("1");
  expect((await projector.app.inject({ url: "/readyz" })).json()).toMatchObject({
    reason: expect.stringContaining("being built"),
  });
  zone.broker.setReachable(true);
  await until("ready", async () => (await projector.app.inject({ url: "/readyz" })).statusCode === 200);
  expect((await projector.get("/v1/pods")).json()).toEqual({ seq: 1, items: [], next: null });
});

test("what is appended is seen, and queries go on while the log is away", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  await using projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  await projector.ready();
  const seq = await zone.append(...pod("p1"));
  expect((await projector.get(`/v1/pods?after=${seq}`)).json().items).toMatchObject([{ pod: "p1" }]);
  zone.broker.setReachable(false);
  expect((await projector.get("/v1/pods")).statusCode).toBe(200);
  expect((await projector.app.inject({ url: "/readyz" })).statusCode).toBe(200);
  zone.broker.setReachable(true);
  const later = await zone.append(...pod("p2"));
  expect((await projector.get(`/v1/pods?after=${later}`)).json().items).toHaveLength(2);
});

test("a restarted projector goes on where it was, and answers before the log is there", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  const path = folder.file("v.db");
  const first = await startProjector({ path, connect: zone.connect });
  await zone.append(...pod("p1"));
  await until("applied", () => first.progress.seq === 2);
  await first.stop();
  zone.broker.setReachable(false);
  await using second = await startProjector({ path, connect: zone.connect });
  expect((await second.get("/v1/pods")).json()).toMatchObject({ seq: 2, items: [{ pod: "p1" }] });
});

test("a broker that is not there, or fails, is waited out", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  let failures = 5;
  const fail = () => {
    if (failures-- > 0) throw new LogUnavailableError("testing");
  };
  const broker = withLog(zone.broker, {
    async *follow(options) {
      for await (const page of zone.broker.log.follow(options)) {
        fail();
        yield page;
      }
    },
  });
  const connect = async () => {
    if (failures > 3) fail();
    return broker;
  };
  await using projector = await startProjector({ path: folder.file("v.db"), connect });
  await projector.ready();
  expect(failures).toBeLessThan(0);
  expect((await projector.get("/v1/users")).json().items).toMatchObject([{ user: "ada" }]);
});

test("a broker that refuses us, and a bug, end the process", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  const refuse = async () => {
    throw new NotPermittedError("projector", "connect");
  };
  await using refused = await startProjector({ path: folder.file("a.db"), connect: refuse });
  expect(await refused.ended).toBeInstanceOf(NotPermittedError);
  const follow = () => {
    throw new TypeError("a bug");
  };
  const connect = async () => withLog(zone.broker, { follow });
  await using broken = await startProjector({ path: folder.file("b.db"), connect });
  expect(await broken.ended).toBeInstanceOf(TypeError);
});

test("a message nobody can read stops the view with a reason, and queries go on", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  const broker = withLog(zone.broker, {
    async *follow(options) {
      for await (const page of zone.broker.log.follow(options))
        yield {
          ...page,
          messages: page.messages.map((message) =>
            message.seq === 2
              ? { ...message, body: message.body.replace("PodAdded", "PodInvented") }
              : message,
          ),
        };
    },
  });
  await using projector = await startProjector({ path: folder.file("v.db"), connect: async () => broker });
  await projector.ready();
  await zone.append(...pod("p1"));
  await zone.append(...pod("p2"));
  await until("stopped", () => projector.progress.stopped !== undefined);
  const readiness = await projector.app.inject({ url: "/readyz" });
  expect(readiness.statusCode).toBe(503);
  expect(readiness.json().reason).toContain("cannot read eru.pod.p1 at sequence 2");
  expect((await projector.get("/v1/users")).json()).toMatchObject({ seq: 1, items: [{ user: "ada" }] });
  const waiting = await projector.get("/v1/pods?after=2");
  expect(waiting.statusCode).toBe(503);
  expect(waiting.json().code).toBe("view_stopped");
  const metrics = (await projector.app.inject({ url: "/metrics" })).body;
  expect(metrics).toMatch(/eru_projector_stops_total{code="unreadable_event"[^}]*} 1/);
});

test("a head that moves without the view for ten seconds turns readiness red", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  const broker = withLog(zone.broker, {
    async *follow(options) {
      for await (const page of zone.broker.log.follow(options))
        if (!page.messages.some(({ seq }) => seq > 1)) yield page;
    },
  });
  await using projector = await startProjector({ path: folder.file("v.db"), connect: async () => broker });
  await projector.ready();
  await zone.append(...pod("p1"));
  await until("head seen", () => projector.progress.headSeq === 2);
  projector.passMs(5_000);
  expect(projector.progress.notReady()).toBeUndefined();
  projector.passMs(5_500);
  expect(projector.progress.notReady()).toContain("the log is at sequence 2, the view has stood at 1");
});

test("a view of an older version answers until the new one has caught up, then equals a fresh one", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  await zone.copy(makeHistory(chooseBySeed(11), 300));
  const last = await zone.broker.log.lastSeq();
  const path = folder.file("v.db");
  const first = await startProjector({ path, connect: zone.connect });
  await until("applied", () => first.progress.seq === last);
  await first.stop();
  change(
    path,
    `update view set version = ${viewVersion - 1}; delete from pods; update checkpoint set seq = 200`,
  );
  zone.broker.setReachable(false);
  const second = await startProjector({ path, connect: zone.connect });
  expect((await second.get("/v1/status")).json()).toMatchObject({ seq: 200, rebuilding: true, ready: false });
  zone.broker.setReachable(true);
  await until("rebuilt", () => !second.views.rebuilding);
  expect((await second.get("/v1/status")).json()).toMatchObject({ seq: last, rebuilding: false, lag: 0 });
  await second.stop();
  const fresh = folder.file("fresh.db");
  const third = await startProjector({ path: fresh, connect: zone.connect });
  await until("applied", () => third.progress.seq === last);
  await third.stop();
  expect(dump(path)).toEqual(dump(fresh));
});

test.each([
  ["no database", (path: string) => writeFileSync(path, "x".repeat(10_000))],
  ["of other tables", (path: string) => change(path, "update view set shape = 'other'")],
  [
    "cut off",
    (path: string) => {
      const whole = readFileSync(path);
      writeFileSync(path, whole.subarray(0, whole.length / 2));
    },
  ],
])("a file that is %s is built again", async (_how, spoil) => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  await zone.copy(makeHistory(chooseBySeed(2), 200));
  const last = await zone.broker.log.lastSeq();
  const path = folder.file("v.db");
  const first = await startProjector({ path, connect: zone.connect });
  await until("applied", () => first.progress.seq === last);
  await first.stop();
  const sound = dump(path);
  spoil(path);
  const second = await startProjector({ path, connect: zone.connect });
  await until("rebuilt", () => second.progress.seq === last);
  await second.stop();
  expect(dump(path)).toEqual(sound);
});

test.each([
  ["shorter", undefined, 0],
  ["of the same length, with another message", undefined, 1],
  ["longer, with the same message ids", "2026-02-02T00:00:00.000Z", 2],
])("a log that was replaced by one %s is noticed, and the view built from it", async (_what, epoch, more) => {
  using folder = temporaryFolder();
  const path = folder.file("v.db");
  const old = await MemoryZone.open();
  await old.append(...pod("old"), "user:ada", "idempotent");
  const first = await startProjector({ path, connect: old.connect });
  await until("applied", () => first.progress.seq === 2);
  await first.stop();
  const other = await MemoryZone.open(epoch);
  for (let n = 0; n < more; n++)
    await other.append(...pod(`new${n}`), "user:ada", epoch && n === 0 ? "idempotent" : undefined);
  await using second = await startProjector({ path, connect: other.connect });
  const pods = async () =>
    (await second.get("/v1/pods")).json().items?.map((item: { pod: string }) => item.pod) as string[];
  await until("rebuilt", async () => !(await pods())?.includes("old") && second.progress.seq === 1 + more);
  expect(await pods()).toEqual(["new0", "new1"].slice(0, more));
});

test("damage met by a query leads to a rebuild", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  await zone.append(...pod("p1"));
  await using projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  await until("applied", () => projector.progress.seq === 2);
  const before = projector.views.serving;
  projector.views.reportDamage();
  await until(
    "another view answers",
    () => projector.views.serving !== before && !projector.views.rebuilding,
  );
  expect((await projector.get("/v1/pods")).json().items).toMatchObject([{ pod: "p1" }]);
});
