import { type CertificateMaterial, type EruEvent, type RouteTls, rulesFrom } from "@eru/events";
import { expect, test } from "vitest";
import { recorder } from "../testing.ts";
import { Certificates } from "./certificates.ts";
import { RouteFold } from "./route-fold.ts";

const material = (hosts: string[], year = 2027): CertificateMaterial => ({
  chainPem: "PEM",
  sealedKey: `eru1.k1.${"A".repeat(16)}.AAAA`,
  hosts,
  notBefore: "2026-01-01T00:00:00.000Z",
  notAfter: `${year}-01-01T00:00:00.000Z`,
  issuer: "CN=Test",
  fingerprint: "0".repeat(64),
  keyType: "EC prime256v1",
});
const stored = (certificate: string, hosts: string[], year?: number): EruEvent => ({
  type: "CertificateStored",
  certificate,
  ...material(hosts, year),
});
const gone = (certificate: string): EruEvent => ({ type: "CertificateRemoved", certificate });
const route = (host: string, tls?: RouteTls, groups?: string[]): EruEvent => ({
  type: "RouteDeclared",
  host,
  rules: rulesFrom([{ app: "hello", entrypoint: "web" }]),
  ...(tls && { tls }),
  ...(groups && { groups }),
});
const named = (name: string, minVersion: RouteTls["minVersion"] = "1.2"): RouteTls => ({
  certificate: { name },
  redirectHttp: false,
  minVersion,
});

/** The lines of TLS after these events, by the names of certificates; every line that differs was touched. */
function linesAfter(...events: EruEvent[]): Record<string, string> {
  const fold = new Certificates();
  const lines = new Map<string, string>();
  for (const event of events) {
    const touched = new Set(fold.apply(event));
    for (const key of new Set([...lines.keys(), ...touched])) {
      const json = fold.json(key);
      if (json !== lines.get(key)) expect(touched, `${event.type} changes ${key}`).toContain(key);
      if (json === undefined) lines.delete(key);
      else lines.set(key, json);
    }
  }
  return Object.fromEntries(
    [...lines].map(([key, json]) => {
      const { name, min, answer } = JSON.parse(json);
      return [key, name ?? min ?? answer];
    }),
  );
}

test("a certificate has a line for each of its hosts, and none any more when it goes", () => {
  const www = stored("www", ["a.org", "*.a.org"]);
  expect(linesAfter(www)).toEqual({ "c:a.org": "www", "c:*.a.org": "www" });
  expect(linesAfter(www, stored("www", ["b.org"]))).toEqual({ "c:b.org": "www" });
  expect(linesAfter(www, gone("www"))).toEqual({});
});

test("of two that are good for a host, the one that is good for longer is taken, then the first by name", () => {
  const [old, young] = [stored("old", ["a.org"], 2027), stored("young", ["a.org"], 2028)];
  expect(linesAfter(old, young)).toEqual({ "c:a.org": "young" });
  expect(linesAfter(young, old)).toEqual({ "c:a.org": "young" });
  expect(linesAfter(young, old, gone("young"))).toEqual({ "c:a.org": "old" });
  expect(linesAfter(stored("b", ["a.org"]), stored("a", ["a.org"]))).toEqual({ "c:a.org": "a" });
});

test("a route's certificate wins, also a wildcard's for one host; without it the others serve", () => {
  const [wild, own] = [stored("wild", ["*.a.org"], 2027), stored("own", ["www.a.org"], 2028)];
  const declared = route("www.a.org", named("wild"));
  const both = { "c:*.a.org": "wild", "t:www.a.org": "1.2" };
  expect(linesAfter(wild, own, declared)).toEqual({ ...both, "c:www.a.org": "wild" });
  expect(linesAfter(declared, wild, own)).toEqual({ ...both, "c:www.a.org": "wild" });
  expect(linesAfter(wild, own, declared, gone("wild"))).toEqual({
    "c:www.a.org": "own",
    "t:www.a.org": "1.2",
  });
  expect(linesAfter(wild, own, declared, route("www.a.org"))).toEqual({
    "c:*.a.org": "wild",
    "c:www.a.org": "own",
  });
  expect(linesAfter(wild, declared, { type: "RouteRemoved", host: "www.a.org" })).toEqual({
    "c:*.a.org": "wild",
  });
});

test("a host below a wildcard that wants TLS 1.3 decides alone", () => {
  const wide = route("*.a.org", named("wild", "1.3"));
  expect(linesAfter(route("www.a.org"), wide)).toEqual({ "t:*.a.org": "1.3", "t:www.a.org": "1.2" });
  expect(linesAfter(wide, route("www.a.org"))).toEqual({ "t:*.a.org": "1.3", "t:www.a.org": "1.2" });
  expect(linesAfter(wide, route("www.a.org"), { type: "RouteRemoved", host: "*.a.org" })).toEqual({});
  expect(linesAfter(route("a.org"), wide)).toEqual({ "t:*.a.org": "1.3" });
});

test("a load balancer has the hosts of its group, and those that name none", () => {
  const record = recorder();
  const keysOf = (group: string, ...events: EruEvent[]) => {
    const fold = new RouteFold(group);
    for (const event of events) fold.apply(record(event));
    return [...fold.table.keys()].filter((key) => key.startsWith("r:")).sort();
  };
  const events = [
    route("all.org"),
    route("in.org", undefined, ["inside", "edge"]),
    route("out.org", undefined, ["outside"]),
  ];
  expect(keysOf("inside", ...events)).toEqual(["r:all.org", "r:in.org"]);
  expect(keysOf("outside", ...events)).toEqual(["r:all.org", "r:out.org"]);
  expect(keysOf("default", ...events)).toEqual(["r:all.org"]);
  // A route that moves to another group leaves this one.
  expect(keysOf("inside", ...events, route("in.org", undefined, ["outside"]))).toEqual(["r:all.org"]);
});
