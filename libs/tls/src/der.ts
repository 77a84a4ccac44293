// As much of DER (X.690) as requests and self-signed certificates need to be written. Nothing is ever read with it.

/** One element: its tag, and the elements or bytes it holds. */
export function element(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Buffer.from([tag, body.length]), body]);
  const length = Buffer.from(body.length.toString(16).replace(/^(?=(..)*.$)/, "0"), "hex");
  return Buffer.concat([Buffer.from([tag, 0x80 | length.length]), length, body]);
}

export const sequence = (...content: readonly Uint8Array[]): Buffer => element(0x30, ...content);
export const set = (...content: readonly Uint8Array[]): Buffer => element(0x31, ...content);
export const octets = (...content: readonly Uint8Array[]): Buffer => element(0x04, ...content);
export const utf8 = (text: string): Buffer => element(0x0c, Buffer.from(text));

/** A whole number from its bytes, highest first; never negative. */
export const integer = (bytes: Uint8Array): Buffer =>
  element(0x02, (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes);

/** Bytes as a string of bits, none of them unused. */
export const bits = (bytes: Uint8Array): Buffer => element(0x03, Buffer.from([0]), bytes);

/** `1.2.840` and so on. */
export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const base128 = (value: number): number[] => {
    const bytes = [value & 0x7f];
    for (let left = value >>> 7; left > 0; left >>>= 7) bytes.unshift((left & 0x7f) | 0x80);
    return bytes;
  };
  return element(0x06, Buffer.from([first * 40 + second, ...rest].flatMap(base128)));
}

/** A time as certificates have it: with two digits of the year before 2050, with four from then on. */
export const time = (date: Date): Buffer => {
  const digits = date.toISOString().replaceAll(/[-:T]|\.\d+/g, "");
  return date.getUTCFullYear() < 2050
    ? element(0x17, Buffer.from(digits.slice(2)))
    : element(0x18, Buffer.from(digits));
};
