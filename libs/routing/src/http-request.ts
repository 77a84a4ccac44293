import type { ExplainQuestion } from "@eru/events";
import { type Bytes, bytesOf, lowerCase, textOf } from "./bytes.ts";
import { requestTarget } from "./request-target.ts";

/** A request as far as rules look at it, already read the way nginx reads it. */
export type HttpRequest = {
  /** Without port, lower case. */
  host: Bytes;
  method: string;
  scheme: "http" | "https";
  /** The port the client connected to. */
  port: number;
  /** Normalised. */
  path: Bytes;
  /** As in the request line, without `?`. */
  query: Bytes;
  /** The first value of each name, in lower case. */
  headers: ReadonlyMap<string, Bytes>;
  /** The client's address. */
  source: string;
};

/** A request in the words of a person. */
export type AskedRequest = {
  url: string;
  method?: string | undefined;
  /** Lines `Name: value`, in order. */
  headers?: readonly string[] | undefined;
  source?: string | undefined;
};

/** Reads a request as nginx would, or says why it would refuse it. */
export function httpRequest({
  url,
  method = "GET",
  headers = [],
  source = "127.0.0.1",
}: AskedRequest): { ok: true; request: HttpRequest } | { ok: false; reason: string } {
  const no = (reason: string) => ({ ok: false, reason }) as const;
  const [, scheme, authority, rest = ""] = /^(https?):\/\/([^/?#]+)(.*)$/is.exec(url) ?? [];
  if (scheme === undefined || authority === undefined)
    return no(`${JSON.stringify(url)} is not a URL like https://www.example.org/path`);
  const place = hostAndPort(authority);
  if (!place) return no(`${JSON.stringify(authority)} is not a host, or a host and a port`);
  if (!/^[A-Z]{1,32}$/.test(method))
    return no(`${JSON.stringify(method)} is not a method: write it in capitals, as GET`);
  const target = requestTarget(targetOf(rest));
  if (!target) return no(`nginx answers 400 to the path of ${url}: a broken %, or a .. above the root`);
  const read = headersOf(headers);
  if (typeof read === "string") return no(read);
  const secure = scheme.toLowerCase() === "https";
  const host = read.get("host") === undefined ? place : hostAndPort(read.get("host") ?? "");
  if (!host) return no(`${JSON.stringify(read.get("host"))} is not a host, or a host and a port`);
  const request = {
    host: host.host,
    method,
    scheme: secure ? "https" : "http",
    port: place.port ?? (secure ? 443 : 80),
    ...target,
    headers: read,
    source,
  } as const;
  return { ok: true, request };
}

/** What a client sends of a URL's end: characters that may not stand in a request line are percent-encoded. */
function targetOf(rest: string): Bytes {
  const [path = ""] = rest.split("#", 1);
  const encoded = path.replaceAll(/[^\x21-\x7e]+/gu, (part) => encodeURIComponent(part));
  return encoded.startsWith("/") ? encoded : `/${encoded}`;
}

/** Host and port of a Host header; undefined for what nginx refuses. */
function hostAndPort(text: string): { host: Bytes; port?: number } | undefined {
  const [, name, port] = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]/\s\\]+):?(\d{1,5})?$/.exec(text) ?? [];
  if (name === undefined || name.includes("..") || name.startsWith(".")) return undefined;
  const host = lowerCase(bytesOf(name)).replace(/\.$/, "");
  return { host: asciiHost(host), ...(port !== undefined && { port: Number(port) }) };
}

/** A host in unicode as browsers send it. */
function asciiHost(host: Bytes): Bytes {
  if (/^[\0-\x7f]*$/.test(host)) return host;
  const url = URL.parse(`http://${Buffer.from(host, "latin1").toString("utf8")}/`);
  return url?.hostname ?? host;
}

function headersOf(lines: readonly string[]): Map<string, Bytes> | string {
  const headers = new Map<string, Bytes>();
  for (const line of lines) {
    const [, name, value] = /^([^:\s]+):[ \t]*(.*?)[ \t]*$/s.exec(line) ?? [];
    if (name === undefined || value === undefined || /[\r\n\0]/.test(value))
      return `${JSON.stringify(line)} is not a header: write 'Name: value'`;
    const key = name.toLowerCase();
    // nginx drops names with other characters.
    if (/^[a-z0-9-]+$/.test(key) && !headers.has(key)) headers.set(key, bytesOf(value));
  }
  return headers;
}

/** A request as a load balancer is asked about it; undefined when its path or a value is not UTF-8. */
export function questionOf({ headers, ...request }: HttpRequest): ExplainQuestion | undefined {
  const values = [...headers].map(([name, value]) => [name, textOf(value)] as const);
  const host = textOf(request.host);
  const path = textOf(request.path);
  const query = textOf(request.query);
  if (host === undefined || path === undefined || query === undefined) return undefined;
  const given = values.filter((pair): pair is [string, string] => pair[1] !== undefined);
  if (given.length < values.length) return undefined;
  return { ...request, host, path, query, headers: Object.fromEntries(given) };
}
