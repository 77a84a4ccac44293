import { blockBytes, SnapshotDamagedError } from "./snapshot-format.ts";

const low = 0x7f;
const more = 0x80;
const perByte = 128;
const doubleBytes = 8;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** Integers and texts as bytes, collected into blocks. */
export class BytesOut {
  #bytes = new Uint8Array(2 * blockBytes);
  #at = 0;

  get full(): boolean {
    return this.#at >= blockBytes;
  }

  get empty(): boolean {
    return this.#at === 0;
  }

  /** An integer from 0 on, seven bits a byte. */
  integer(value: number): void {
    this.#reserve(doubleBytes);
    let left = value;
    while (left >= perByte) {
      this.#bytes[this.#at++] = (left % perByte) | more;
      left = Math.floor(left / perByte);
    }
    this.#bytes[this.#at++] = left;
  }

  text(value: string): void {
    const bytes = encoder.encode(value);
    this.integer(bytes.length);
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  double(value: number): void {
    this.#reserve(doubleBytes);
    new DataView(this.#bytes.buffer).setFloat64(this.#at, value);
    this.#at += doubleBytes;
  }

  /** What was written since the last time. */
  take(): Uint8Array {
    const block = this.#bytes.slice(0, this.#at);
    this.#at = 0;
    return block;
  }

  #reserve(many: number): void {
    if (this.#at + many <= this.#bytes.length) return;
    const larger = new Uint8Array(2 * (this.#at + many));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }
}

/** Reads what `BytesOut` wrote. */
export class BytesIn {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get ended(): boolean {
    return this.#at >= this.#bytes.length;
  }

  integer(): number {
    const bytes = this.#bytes;
    let byte = this.#next(bytes);
    if (byte < more) return byte;
    let value = byte & low;
    let scale = perByte;
    do {
      byte = this.#next(bytes);
      value += (byte & low) * scale;
      scale *= perByte;
    } while (byte >= more);
    return value;
  }

  text(): string {
    const length = this.integer();
    const bytes = this.#part(length);
    return decoder.decode(bytes);
  }

  double(): number {
    const { buffer, byteOffset } = this.#part(doubleBytes);
    return new DataView(buffer, byteOffset).getFloat64(0);
  }

  #next(bytes: Uint8Array): number {
    const byte = bytes[this.#at++];
    if (byte === undefined) throw new SnapshotDamagedError("a block ends within a value");
    return byte;
  }

  #part(length: number): Uint8Array {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new SnapshotDamagedError("a block ends within a value");
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }
}
