/** Of a value, in the lowest two bits of its code. What stands above them says which one. */
export const tags = { constant: 0, integer: 1, text: 2, object: 3 } as const;

/** The first codes of constants; those after them count into the table of numbers. */
export const constants = [undefined, null, false, true, -0] as const;

/** Kinds of objects. From `shaped` on they count into the table of shapes. */
export const kinds = { array: 0, map: 1, set: 2, books: 3, shaped: 4 } as const;

/** What a block holds. Blocks come in this order. */
export const sections = { texts: 0, numbers: 1, shapes: 2, kinds: 3, contents: 4 } as const;

/** Bytes after which a block is closed. */
export const blockBytes = 256 * 1024;

/** Values of a map, set or list that are written in one piece; more come in several, so that no block is long. Even: a map's keys stand with their values. */
export const pieceValues = 10_000;

/** Integers below it are written in their code; others, and fractions, stand in the table of numbers. */
export const integerMax = 2 ** 50;

/** A snapshot that cannot be read. */
export class SnapshotDamagedError extends Error {
  override readonly name = "SnapshotDamagedError";
}
