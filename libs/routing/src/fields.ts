import type { Bytes } from "./bytes.ts";

/** Names and values of a query: the first value of each name, decoded, `+` as a space. */
export function queryValues(query: Bytes): Map<Bytes, Bytes> {
  const values = new Map<Bytes, Bytes>();
  for (const pair of query.split("&")) {
    if (pair === "") continue;
    const at = pair.indexOf("=");
    const name = decoded(at < 0 ? pair : pair.slice(0, at));
    if (!values.has(name)) values.set(name, at < 0 ? "" : decoded(pair.slice(at + 1)));
  }
  return values;
}

const decoded = (text: Bytes): Bytes =>
  text.replaceAll(/\+|%([0-9A-Fa-f]{2})/g, (part, digits?: string) =>
    part === "+" ? " " : String.fromCharCode(Number.parseInt(digits ?? "", 16)),
  );

/** Names and values of a Cookie header: the first value of each name, as it is. */
export function cookieValues(header: Bytes | undefined): Map<Bytes, Bytes> {
  const values = new Map<Bytes, Bytes>();
  for (const pair of (header ?? "").split(";")) {
    const at = pair.indexOf("=");
    if (at < 0) continue;
    const name = trimmed(pair.slice(0, at));
    if (name !== "" && !values.has(name)) values.set(name, trimmed(pair.slice(at + 1)));
  }
  return values;
}

const trimmed = (text: Bytes): Bytes => text.replaceAll(/^[ \t]+|[ \t]+$/g, "");
