import type { Bytes } from "./bytes.ts";

/** A request's path as conditions see it, and its query as it was sent. */
export type RequestTarget = { path: Bytes; query: Bytes };

/**
 * Path and query of a request line, the path as nginx normalises it: decoded once, slashes merged, dot segments resolved,
 * everything behind `#` cut off. Undefined for what nginx answers with 400.
 */
export function requestTarget(raw: Bytes): RequestTarget | undefined {
  if (!raw.startsWith("/") || /[\0-\x20\x7f]/.test(raw)) return undefined;
  const [whole = ""] = raw.split("#", 1);
  const at = whole.indexOf("?");
  const path = normalPath(at < 0 ? whole : whole.slice(0, at));
  return path === undefined ? undefined : { path, query: at < 0 ? "" : whole.slice(at + 1) };
}

/** Decoding comes first, but what was `%2F` or `%2e` counts as a slash or a dot; a decoded `?` or `#` is a mere character. */
function normalPath(raw: Bytes): Bytes | undefined {
  const decoded = decodedOnce(raw);
  if (decoded === undefined) return undefined;
  const kept: string[] = [];
  const segments = decoded.split("/").slice(1);
  const last = segments.at(-1);
  for (const segment of segments) {
    if (segment === "" || segment === ".") continue;
    if (segment !== "..") kept.push(segment);
    else if (kept.pop() === undefined) return undefined;
  }
  const open = last === "" || last === "." || last === "..";
  return kept.length === 0 ? "/" : `/${kept.join("/")}${open ? "/" : ""}`;
}

function decodedOnce(raw: Bytes): Bytes | undefined {
  if (/%(?![0-9A-Fa-f]{2})|%00/.test(raw)) return undefined;
  return raw.replaceAll(/%([0-9A-Fa-f]{2})/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
}
