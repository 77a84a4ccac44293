/**
 * What nginx sees: one character for each byte, U+0000 to U+00FF. Conditions are turned into it once, so that everything
 * that is compared, hashed or searched means the same there and here.
 */
export type Bytes = string;

/** A text as the bytes of its UTF-8. */
export const bytesOf = (text: string): Bytes => Buffer.from(text, "utf8").toString("latin1");

/** Bytes as text, undefined when they are not UTF-8. */
export function textOf(bytes: Bytes): string | undefined {
  const text = Buffer.from(bytes, "latin1").toString("utf8");
  return bytesOf(text) === bytes ? text : undefined;
}

/** Lower case of ASCII letters only, as nginx and PCRE without UTF know it. */
export const lowerCase = (bytes: Bytes): Bytes => bytes.replaceAll(/[A-Z]+/g, (part) => part.toLowerCase());
