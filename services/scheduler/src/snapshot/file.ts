import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate as immediate } from "node:timers/promises";
import { z } from "zod";
import { SnapshotReader } from "../domain/snapshot-read.ts";
import type { Zone } from "../domain/zone.ts";

// A line of JSON that says what it is of, the blocks of the zone, each behind its length, a length of 0, and the digest of
// all that stands before it.

/** Grows with every change of how a snapshot is written. */
const format = 1;
const headBytesMax = 4_096;
const lengthBytes = 4;
const digest = "sha256";
const digestBytes = 32;
const readBytes = 1024 * 1024;

/** What a snapshot is of. All of it must be so when it is read. */
export const Head = z.strictObject({
  format: z.literal(format),
  /** The program that folded: another one might fold otherwise. */
  code: z.string(),
  /** The log. */
  epoch: z.string(),
  /** The newest message that was folded, by place and id. */
  seq: z.int().min(1),
  messageId: z.string(),
});
export type Head = z.infer<typeof Head>;

/** A file that is no snapshot, not a whole one, or one of another format. */
class UnusableSnapshotError extends Error {
  override readonly name = "UnusableSnapshotError";
}

const fileOf = (folder: string): string => join(folder, "zone.snapshot");

/** Takes the place of the snapshot before it in one step, when all of it is on the disk. The number of its bytes. */
export async function writeSnapshot(
  folder: string,
  head: Omit<Head, "format">,
  blocks: Iterable<Uint8Array>,
): Promise<number> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const draft = `${fileOf(folder)}.new`;
  const file = await open(draft, "w", 0o600);
  const hash = createHash(digest);
  let bytes = 0;
  const write = async (part: Uint8Array): Promise<void> => {
    hash.update(part);
    await file.writeFile(part);
    bytes += part.length;
  };
  try {
    await write(Buffer.from(`${JSON.stringify({ format, ...head })}\n`));
    for (const block of blocks) {
      await write(lengthOf(block.length));
      await write(block);
    }
    await write(lengthOf(0));
    await file.writeFile(hash.digest());
    await file.sync();
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  } finally {
    await file.close();
  }
  await rename(draft, fileOf(folder));
  await syncFolder(folder);
  return bytes + digestBytes;
}

function lengthOf(bytes: number): Uint8Array {
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32LE(bytes);
  return length;
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A snapshot that is open. */
export class SnapshotFile {
  readonly head: Head;
  readonly #bytes: FileBytes;

  private constructor(head: Head, bytes: FileBytes) {
    this.head = head;
    this.#bytes = bytes;
  }

  /**
   * Opens the snapshot of a folder; undefined when there is none.
   * @throws UnusableSnapshotError
   */
  static async open(folder: string): Promise<SnapshotFile | undefined> {
    const bytes = await FileBytes.open(fileOf(folder));
    if (!bytes) return undefined;
    try {
      const head = Head.safeParse(parsed(await bytes.line(headBytesMax)));
      if (head.success) return new SnapshotFile(head.data, bytes);
      throw new UnusableSnapshotError("it is of another format");
    } catch (error) {
      await bytes.close();
      throw error;
    }
  }

  /**
   * Reads the zone, once; everything else goes on meanwhile.
   * @throws UnusableSnapshotError, SnapshotDamagedError
   */
  async zone(): Promise<Zone> {
    const reader = new SnapshotReader();
    for (;;) {
      const length = (await this.#bytes.take(lengthBytes)).readUInt32LE();
      if (length === 0) break;
      reader.take(await this.#bytes.take(length));
      await immediate();
    }
    await this.#bytes.end();
    return reader.zone();
  }

  async close(): Promise<void> {
    await this.#bytes.close();
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The bytes of a file from its beginning, and their digest. */
class FileBytes {
  readonly #file: FileHandle;
  readonly #hash = createHash(digest);
  #ahead = Buffer.alloc(0);

  private constructor(file: FileHandle) {
    this.#file = file;
  }

  static async open(path: string): Promise<FileBytes | undefined> {
    try {
      return new FileBytes(await open(path, "r"));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
  }

  async line(most: number): Promise<string> {
    await this.#fill(most);
    const end = this.#ahead.subarray(0, most).indexOf("\n");
    if (end < 0) throw new UnusableSnapshotError("it does not say what it is");
    return (await this.take(end + 1)).toString();
  }

  async take(many: number): Promise<Buffer> {
    const taken = await this.#next(many);
    this.#hash.update(taken);
    return taken;
  }

  /** What is left is the digest of what was taken. */
  async end(): Promise<void> {
    const written = await this.#next(digestBytes);
    if (!this.#hash.digest().equals(written)) throw new UnusableSnapshotError("its checksum is not right");
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  async #next(many: number): Promise<Buffer> {
    await this.#fill(many);
    if (this.#ahead.length < many) throw new UnusableSnapshotError("it is not whole");
    const next = this.#ahead.subarray(0, many);
    this.#ahead = this.#ahead.subarray(many);
    return next;
  }

  /** Reads ahead until there are so many bytes, or the file ends. */
  async #fill(many: number): Promise<void> {
    while (this.#ahead.length < many) {
      const part = Buffer.allocUnsafe(Math.min(readBytes, Math.max(many, headBytesMax)));
      const { bytesRead } = await this.#file.read(part, 0, part.length);
      if (bytesRead === 0) return;
      this.#ahead = Buffer.concat([this.#ahead, part.subarray(0, bytesRead)]);
    }
  }
}
