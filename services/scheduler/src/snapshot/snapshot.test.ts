import { mkdtemp, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryLog } from "@eru/log/memory";
import { createLog } from "@eru/service";
import { afterEach, beforeEach, expect, test } from "vitest";
import { emptyZone, type Zone } from "../domain/zone.ts";
import { zoneDifferences } from "../domain/zone-differences.ts";
import { foldInto } from "../fold.ts";
import { addNode, deploy } from "../testkit/running.ts";
import { codeVersion } from "./code.ts";
import { writeSnapshot } from "./file.ts";
import { makeSnapshot } from "./make.ts";
import { restoreZone } from "./restore.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "eru-snapshot-"));
});
afterEach(async () => await rm(folder, { recursive: true }));

const never = new AbortController().signal;
const fileIn = (where: string) => join(where, "zone.snapshot");

/** What is said while something is done with snapshots. */
function listener() {
  const said: string[] = [];
  const logger = createLog("scheduler", "info", { write: (line: string) => void said.push(line) });
  return { logger, heard: () => said.splice(0).join("") };
}

/** A log with a node and some deployments, and how its snapshots are made and read. */
async function someLog(log = new MemoryLog()) {
  await addNode(log, "n1", 9);
  for (const name of ["a", "b"]) await deploy(log, `shop-web-${name}`, 2);
  return at(log);
}

function at(log: MemoryLog, { code = "1", where = folder } = {}) {
  const { logger, heard } = listener();
  const froms: number[] = [];
  const seen = {
    epoch: () => log.epoch(),
    lastSeq: () => log.lastSeq(),
    follow: (options: Parameters<MemoryLog["follow"]>[0]) => {
      froms.push(options.fromSeq);
      return log.follow(options);
    },
  };
  const deps = { folder: where, code, log: seen, logger };
  return {
    ...{ log, froms, heard },
    make: () => makeSnapshot(deps, never),
    restore: (seqMax?: number) => restoreZone(deps, never, seqMax),
  };
}

async function wholeFold(log: MemoryLog, seqMax = Number.POSITIVE_INFINITY): Promise<Zone> {
  const zone = emptyZone();
  for await (const { messages } of log.follow({ fromSeq: 1, signal: never })) {
    foldInto(
      zone,
      messages.filter(({ seq }) => seq <= seqMax),
    );
    break;
  }
  return zone;
}

async function restoredOf({ restore }: { restore: () => Promise<Zone | undefined> }): Promise<Zone> {
  const zone = await restore();
  if (!zone) throw new Error("there is a snapshot that fits");
  return zone;
}

test("a snapshot that was made is the fold of the log up to its end", async () => {
  const zone = await someLog();
  expect(await zone.restore()).toBeUndefined();
  expect(zone.heard()).toBe("");
  expect(await zone.make()).toMatchObject({ seq: 4 });
  expect(zoneDifferences(await restoredOf(zone), await wholeFold(zone.log))).toEqual([]);
});

test("the next one goes on from the one before, and none is made when nothing is new", async () => {
  const zone = await someLog();
  await zone.make();
  await deploy(zone.log, "shop-web-c", 2);
  zone.froms.splice(0);
  expect(await zone.make()).toMatchObject({ seq: 5 });
  expect(zone.froms).toEqual([4, 5]); // Message 4 is still the one that the snapshot ends with.
  expect(zoneDifferences(await restoredOf(zone), await wholeFold(zone.log))).toEqual([]);
  expect(await zone.make()).toBeUndefined();
});

test("a snapshot that is newer than asked for is left alone", async () => {
  const zone = await someLog();
  await zone.make();
  expect(await zone.restore(3)).toBeUndefined();
  expect((await zone.restore(4))?.seq).toBe(4);
  expect(zone.heard()).toBe("");
});

test("a snapshot of another program, another log or another past of the log is set aside", async () => {
  const zone = await someLog();
  await zone.make();
  expect(await at(zone.log, { code: "2" }).restore()).toBeUndefined();
  const others = [
    [await someLog(new MemoryLog({ epoch: "2026-01-01T00:00:00.000Z" })), "it is of another log"],
    [await someLog(), "the log has another message at sequence 4"], // The same by name, with other message ids.
    [at(new MemoryLog()), "the log has another message at sequence 4"],
  ] as const;
  for (const [other, reason] of others) {
    expect(await other.restore()).toBeUndefined();
    expect(other.heard()).toContain(reason);
  }
  expect(await zone.restore()).toBeDefined();
});

test("a file that is damaged anywhere, cut anywhere, or none of ours is set aside", async () => {
  const zone = await someLog();
  await zone.make();
  const whole = await readFile(fileIn(folder));
  for (let place = 0; place < whole.length; place += 37) {
    const damaged = Buffer.from(whole);
    damaged.writeUInt8(damaged.readUInt8(place) ^ 0x10, place);
    await writeFile(fileIn(folder), damaged);
    expect(await zone.restore(), `byte ${place} of ${whole.length}`).toBeUndefined();
    expect(zone.heard()).toContain("set aside");
  }
  await writeFile(fileIn(folder), whole);
  for (let left = whole.length - 1; left > 0; left -= 101) {
    await truncate(fileIn(folder), left);
    expect(await zone.restore(), `${left} of ${whole.length} bytes`).toBeUndefined();
    expect(zone.heard()).toContain("set aside");
  }
  await writeFile(fileIn(folder), "not a snapshot\n");
  expect(await zone.restore()).toBeUndefined();
  expect(zone.heard()).toContain("it is of another format");
});

test("a snapshot that cannot be written leaves the one before in its place", async () => {
  const zone = await someLog();
  await zone.make();
  function* broken(): Generator<Uint8Array> {
    yield new Uint8Array(9);
    throw new Error("no space left");
  }
  const head = { code: "1", epoch: await zone.log.epoch(), seq: 9, messageId: "m" };
  await expect(writeSnapshot(folder, head, broken())).rejects.toThrow("no space left");
  expect((await zone.restore())?.seq).toBe(4);
});

test("a log that cannot be reached leaves the snapshot for later", async () => {
  const zone = await someLog();
  await zone.make();
  zone.log.setReachable(false);
  expect(await zone.restore()).toBeUndefined();
  zone.log.setReachable(true);
  expect((await zone.restore())?.seq).toBe(4);
});

test("the program is named by its sources, the same every time", async () => {
  expect(codeVersion()).toMatch(/^[0-9a-f]{64}$/);
  expect(codeVersion()).toBe(codeVersion());
});
