import { assert } from "@eru/events";
import { Books } from "@eru/resources";
import { BytesOut } from "./snapshot-bytes.ts";
import { constants, integerMax, kinds, pieceValues, sections, tags } from "./snapshot-format.ts";
import type { Zone } from "./zone.ts";

type Plain = Record<string, unknown>;

/** Objects with the same fields in the same order. */
type Shape = { at: number; keys: readonly string[]; first: Plain };

/**
 * A zone as bytes, block by block; the zone must not change meanwhile. What is written is the graph of its objects, each
 * once, whatever fields they have: who adds one to the zone need not know of it, and what two share is shared again after
 * reading. Pure: the same zone, folded the same way, gives the same bytes.
 */
export const snapshotBlocks = (zone: Zone): Generator<Uint8Array> => new Writer(zone).blocks();

class Writer {
  readonly #out = new BytesOut();
  readonly #objects: object[] = [];
  readonly #ids = new Map<object, number>();
  readonly #texts = new Map<string, number>();
  readonly #numbers = new Map<number, number>();
  readonly #shapes = new Map<string, Shape>();
  readonly #shapeOf: (Shape | undefined)[] = [];
  readonly #kept = new Map<Books, unknown[]>();
  #lastShape: Shape | undefined;

  constructor(zone: Zone) {
    this.#note(zone);
    // What an object holds is noted behind those that are known: the list grows while it is gone through.
    for (let at = 0; at < this.#objects.length; at++) this.#noteContents(this.#objects[at] as object, at);
  }

  *blocks(): Generator<Uint8Array> {
    yield* this.#section(sections.texts, this.#texts.keys(), (text) => this.#out.text(text));
    yield* this.#section(sections.numbers, this.#numbers.keys(), (number) => this.#out.double(number));
    yield* this.#section(sections.shapes, this.#shapes.values(), (shape) => this.#writeShape(shape));
    yield* this.#section(sections.kinds, this.#objects.keys(), (at) => this.#out.integer(this.#kindAt(at)));
    yield* this.#contents();
  }

  /** Blocks of whole entries, each behind the name of its section. */
  *#section<T>(section: number, entries: Iterable<T>, write: (entry: T) => void): Generator<Uint8Array> {
    for (const entry of entries) {
      this.#begin(section);
      write(entry);
      if (this.#out.full) yield this.#out.take();
    }
    if (!this.#out.empty) yield this.#out.take();
  }

  #begin(section: number): void {
    if (this.#out.empty) this.#out.integer(section);
  }

  #note(value: unknown): void {
    if (typeof value === "string") {
      if (!this.#texts.has(value)) this.#texts.set(value, this.#texts.size);
    } else if (typeof value === "number") {
      if (!isPlainInteger(value) && !Object.is(value, -0) && !this.#numbers.has(value))
        this.#numbers.set(value, this.#numbers.size);
    } else if (typeof value === "object" && value !== null && !this.#ids.has(value)) {
      this.#ids.set(value, this.#objects.length);
      this.#objects.push(value);
    }
  }

  #noteContents(object: object, at: number): void {
    if (object instanceof Map || object instanceof Set || object instanceof Books || Array.isArray(object)) {
      for (const value of this.#valuesOf(object)) this.#note(value);
      return;
    }
    const shape = this.#shapeFor(object as Plain);
    this.#shapeOf[at] = shape;
    for (const key of shape.keys) this.#note((object as Plain)[key]);
  }

  #shapeFor(object: Plain): Shape {
    assert(
      Object.getPrototypeOf(object) === Object.prototype,
      "a zone holds plain values, maps, sets and books",
    );
    const keys = Object.keys(object);
    const last = this.#lastShape;
    if (last && sameTexts(last.keys, keys)) return last;
    const named = keys.join("\n");
    let shape = this.#shapes.get(named);
    if (!shape) {
      shape = { at: this.#shapes.size, keys, first: object };
      this.#shapes.set(named, shape);
      for (const key of keys) this.#note(key);
    }
    this.#lastShape = shape;
    return shape;
  }

  /** The fields and what most have there: the plain values of the first one. */
  #writeShape({ keys, first }: Shape): void {
    this.#out.integer(keys.length);
    for (const key of keys) {
      this.#out.integer(this.#texts.get(key) ?? 0);
      this.#value(usual(first[key]));
    }
  }

  #kindAt(at: number): number {
    const shape = this.#shapeOf[at];
    if (shape) return kinds.shaped + shape.at;
    const object = this.#objects[at];
    if (object instanceof Map) return kinds.map;
    if (object instanceof Set) return kinds.set;
    return object instanceof Books ? kinds.books : kinds.array;
  }

  *#contents(): Generator<Uint8Array> {
    for (const [at, object] of this.#objects.entries()) {
      const shape = this.#shapeOf[at];
      if (!shape) {
        yield* this.#collection(object);
        continue;
      }
      this.#begin(sections.contents);
      this.#writeFields(object as Plain, shape);
      if (this.#out.full) yield this.#out.take();
    }
    if (!this.#out.empty) yield this.#out.take();
  }

  /** In pieces, each with how many values it has and whether there are more. */
  *#collection(object: object): Generator<Uint8Array> {
    let left = this.#sizeOf(object);
    let inPiece = 0;
    const open = (): void => {
      inPiece = Math.min(left, pieceValues);
      left -= inPiece;
      this.#begin(sections.contents);
      this.#out.integer(inPiece * 2 + (left > 0 ? 1 : 0));
    };
    if (left === 0) open();
    for (const value of this.#valuesOf(object)) {
      if (inPiece === 0) open();
      this.#value(value);
      inPiece--;
      if (inPiece === 0 && this.#out.full) yield this.#out.take();
    }
  }

  #sizeOf(object: object): number {
    if (object instanceof Map) return 2 * object.size;
    if (object instanceof Set) return object.size;
    return object instanceof Books ? this.#keptOf(object).length : (object as readonly unknown[]).length;
  }

  #valuesOf(object: object): Iterable<unknown> {
    if (object instanceof Map) return keysAndValues(object);
    return object instanceof Books ? this.#keptOf(object) : (object as Iterable<unknown>);
  }

  /** Asked for once: what it tells is part of the graph. */
  #keptOf(books: Books): readonly unknown[] {
    const kept = this.#kept.get(books) ?? books.kept();
    this.#kept.set(books, kept);
    return kept;
  }

  /** Only what is not as usual. */
  #writeFields(object: Plain, { keys, first }: Shape): void {
    let differing = 0;
    for (const key of keys) if (!Object.is(object[key], usual(first[key]))) differing++;
    this.#out.integer(differing);
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at] as string;
      const value = object[key];
      if (Object.is(value, usual(first[key]))) continue;
      this.#out.integer(at);
      this.#value(value);
    }
  }

  #value(value: unknown): void {
    this.#out.integer(this.#codeOf(value));
  }

  #codeOf(value: unknown): number {
    if (typeof value === "number" && !Object.is(value, -0)) {
      if (isPlainInteger(value)) return value * 4 + tags.integer;
      return (constants.length + (this.#numbers.get(value) ?? 0)) * 4 + tags.constant;
    }
    if (typeof value === "string") return (this.#texts.get(value) ?? 0) * 4 + tags.text;
    if (typeof value === "object" && value !== null) return (this.#ids.get(value) ?? 0) * 4 + tags.object;
    const constant = constants.findIndex((one) => Object.is(one, value));
    assert(constant >= 0, `a zone holds no ${typeof value}`);
    return constant * 4 + tags.constant;
  }
}

function* keysAndValues(map: ReadonlyMap<unknown, unknown>): Generator<unknown> {
  for (const [key, value] of map) {
    yield key;
    yield value;
  }
}

const isPlainInteger = (value: number): boolean =>
  Number.isInteger(value) && value >= 0 && value < integerMax && !Object.is(value, -0);

/** Objects are made before they are filled: no shape can hold one. */
const usual = (value: unknown): unknown => (typeof value === "object" && value !== null ? undefined : value);

const sameTexts = (a: readonly string[], b: readonly string[]): boolean =>
  a.length === b.length && a.every((text, at) => text === b[at]);
