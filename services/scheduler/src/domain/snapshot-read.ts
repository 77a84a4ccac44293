import { Books } from "@eru/resources";
import { BytesIn } from "./snapshot-bytes.ts";
import { constants, kinds, SnapshotDamagedError, sections, tags } from "./snapshot-format.ts";
import { emptyZone, type Zone } from "./zone.ts";

type Plain = Record<string, unknown>;
type Shape = { keys: readonly string[]; usual: Plain };

/**
 * Reads the blocks that `snapshotBlocks` wrote, in their order, one at a time: whoever reads a large one can do something
 * else in between.
 */
export class SnapshotReader {
  readonly #texts: string[] = [];
  readonly #numbers: number[] = [];
  readonly #shapes: Shape[] = [];
  readonly #kinds: number[] = [];
  readonly #objects: object[] = [];
  /** By its books, what is still filled of them. */
  readonly #kept = new Map<object, unknown[]>();
  /** Objects whose contents were read. */
  #filled = 0;

  /** @throws SnapshotDamagedError */
  take(block: Uint8Array): void {
    const bytes = new BytesIn(block);
    const section = bytes.integer();
    const read = this.#readers[section];
    if (!read) throw new SnapshotDamagedError(`there is no section ${section}`);
    while (!bytes.ended) read(bytes);
  }

  /**
   * The zone, when all blocks were read.
   * @throws SnapshotDamagedError
   */
  zone(): Zone {
    if (this.#filled === 0 || this.#filled < this.#objects.length)
      throw new SnapshotDamagedError(`${this.#filled} of ${this.#objects.length} objects were read`);
    const zone = this.#objects[0] as Zone;
    const missing = Object.keys(emptyZone()).filter((key) => !Object.hasOwn(zone, key));
    if (missing.length > 0) throw new SnapshotDamagedError(`the zone has no ${missing.join(", ")}`);
    return zone;
  }

  readonly #readers: Record<number, (bytes: BytesIn) => void> = {
    [sections.texts]: (bytes) => void this.#texts.push(bytes.text()),
    [sections.numbers]: (bytes) => void this.#numbers.push(bytes.double()),
    [sections.shapes]: (bytes) => void this.#shapes.push(this.#shape(bytes)),
    [sections.kinds]: (bytes) => this.#make(bytes.integer()),
    [sections.contents]: (bytes) => this.#fill(bytes),
  };

  #shape(bytes: BytesIn): Shape {
    const fields = Array.from({ length: bytes.integer() }, () => {
      const key = known(this.#texts, bytes.integer());
      return [key, this.#value(bytes)] as const;
    });
    return { keys: fields.map(([key]) => key), usual: Object.fromEntries(fields) };
  }

  #make(kind: number): void {
    this.#kinds.push(kind);
    this.#objects.push(this.#empty(kind));
  }

  #empty(kind: number): object {
    switch (kind) {
      case kinds.array:
        return [];
      case kinds.map:
        return new Map();
      case kinds.set:
        return new Set();
      case kinds.books: {
        const kept: unknown[] = [];
        const books = Books.from(kept);
        this.#kept.set(books, kept);
        return books;
      }
      default:
        return { ...known(this.#shapes, kind - kinds.shaped).usual };
    }
  }

  /** One object, or a piece of it: then the next piece is of the same. */
  #fill(bytes: BytesIn): void {
    const object = known(this.#objects, this.#filled);
    const kind = known(this.#kinds, this.#filled);
    if (kind >= kinds.shaped) {
      const { keys } = known(this.#shapes, kind - kinds.shaped);
      for (let left = bytes.integer(); left > 0; left--) {
        const key = known(keys, bytes.integer());
        (object as Plain)[key] = this.#value(bytes);
      }
      this.#filled++;
      return;
    }
    const head = bytes.integer();
    const more = head % 2;
    this.#add(object, (head - more) / 2, bytes);
    this.#filled += 1 - more;
  }

  #add(object: object, many: number, bytes: BytesIn): void {
    if (object instanceof Map)
      for (let left = many; left > 0; left -= 2) {
        const key = this.#value(bytes);
        object.set(key, this.#value(bytes));
      }
    else if (object instanceof Set) for (let left = many; left > 0; left--) object.add(this.#value(bytes));
    else {
      const list = this.#listOf(object);
      for (let left = many; left > 0; left--) list.push(this.#value(bytes));
    }
  }

  #listOf(object: object): unknown[] {
    const list = Array.isArray(object) ? object : this.#kept.get(object);
    if (!list) throw new SnapshotDamagedError("it holds what cannot be filled");
    return list;
  }

  #value(bytes: BytesIn): unknown {
    const code = bytes.integer();
    const tag = code % 4;
    const rest = (code - tag) / 4;
    if (tag === tags.integer) return rest;
    if (tag === tags.text) return known(this.#texts, rest);
    if (tag === tags.object) return known(this.#objects, rest);
    return rest < constants.length ? constants[rest] : known(this.#numbers, rest - constants.length);
  }
}

function known<T>(all: readonly T[], at: number): T {
  const one = all[at];
  if (one === undefined) throw new SnapshotDamagedError(`there is no entry ${at} of ${all.length}`);
  return one;
}
