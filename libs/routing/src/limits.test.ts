import { RouteContent } from "@eru/events";
import { expect, test } from "vitest";
import { routeFaults } from "./limits.ts";

const host = "shop.example.org";
const backends = [{ to: { app: "shop", entrypoint: "web" } }];
const forward = (more: object = {}) => ({ forward: { backends, ...more } });
const rule = (more: object = {}) => ({ id: "a", action: forward(), ...more });
const faults = (...rules: object[]) =>
  routeFaults(host, RouteContent.parse({ rules })).map(({ at, message }) => `${at.join(".")}: ${message}`);

test("a plain route has no fault", () => {
  expect(faults(rule({ when: [{ path: { prefix: "/" } }] }))).toEqual([]);
  expect(faults(rule({ when: [{ path: { regex: "^/v(\\d+)/" } }] }))).toEqual([]);
});

test.each<[string, object, string]>([
  ["a look-ahead", { when: [{ path: { regex: "^/(?=a)" } }] }, "rules.0.when.0.path.regex: not a regex of"],
  ["a back-reference", { when: [{ userAgent: { regex: "(a)\\1" } }] }, "rules.0.when.0.userAgent.regex: not"],
  [
    "a bracket that never closes",
    { when: [{ not: [{ headers: { "x-a": { regex: "(a" } } }] }] },
    "rules.0.when.0.not.0.headers.x-a.regex: not",
  ],
  [
    "a rewrite that is no regex",
    { action: forward({ rewrite: { regex: { pattern: "*", replacement: "/" } } }) },
    "rules.0.action.forward.rewrite.regex.pattern: not",
  ],
  [
    "a group that is not there",
    { action: forward({ rewrite: { regex: { pattern: "^/(a)", replacement: "/$2" } } }) },
    "rules.0.action.forward.rewrite.regex.replacement: $2 is wanted, and the pattern has 1 groups",
  ],
  [
    "a redirect to a group without a regex",
    { action: { redirect: { location: "/$1" } } },
    "rules.0.action.redirect.location: $1",
  ],
  [
    "0 percent",
    { when: [{ percent: { of: 0, key: "source" } }] },
    "rules.0.when.0.percent.of: 0 percent matches nothing: set `enabled: false`",
  ],
  ["a path that is not normal", { when: [{ path: { exact: "/a/../b" } }] }, "rules.0.when.0.path: requests"],
  [
    "one header twice",
    { when: [{ headers: { "X-A": { exact: "1" }, "x-a": { exact: "2" } } }] },
    "rules.0.when.0.headers.x-a: header x-a stands twice",
  ],
  [
    "wanted and excluded",
    { when: [{ headers: { "X-A": { exact: "1" } }, not: [{ headers: { "x-a": { exact: "1" } } }] }] },
    "rules.0.when.0.not.0: what is wanted is excluded again",
  ],
  [
    "gRPC by GET",
    { when: [{ grpc: { service: "a.B" }, methods: ["GET"] }] },
    "rules.0.when.0.methods: a gRPC",
  ],
  [
    "a header that frames messages",
    { action: forward({ requestHeaders: { set: { "Transfer-Encoding": "chunked" } } }) },
    "rules.0.action.forward.requestHeaders.set: header Transfer-Encoding is the load balancer's own",
  ],
  [
    "the Host header",
    { action: forward({ requestHeaders: { remove: ["Host"] } }) },
    "rules.0.action.forward.requestHeaders.remove: the Host header is changed with `rewrite.host`",
  ],
  [
    "an answer with a length of its own",
    { action: { respond: { status: 200, headers: { "content-length": "0" } } } },
    "rules.0.action.respond.headers: header content-length",
  ],
  [
    "retries of what is not kept",
    { action: forward({ requestBuffering: false, retry: { tries: 2 } }) },
    "rules.0.action.forward.retry.tries: a body",
  ],
  [
    "certificates of endpoints without TLS",
    { action: forward({ endpointTls: { name: "inner.example.org" } }) },
    "rules.0.action.forward.endpointTls: endpoints have no certificates without TLS",
  ],
  [
    "a mirror of gRPC",
    { action: forward({ protocol: "grpc", mirror: backends[0]?.to }) },
    "rules.0.action.forward.mirror: calls of gRPC",
  ],
])("%s is a fault that says where and what to do", (_what, more, expected) => {
  const [only, ...others] = faults(rule(more));
  expect(only).toContain(expected);
  expect(others).toEqual([]);
});

test("of two rules with the same conditions the later can never match, unless its priority says that it is meant", () => {
  const when = [{ path: { prefix: "/" } }];
  expect(faults(rule({ id: "b", when }), rule({ id: "a", when }))).toEqual([
    "rules.0.when: rule `b` can never match: `a` has the same conditions and comes first; remove one of the two, or give one of them a higher priority",
  ]);
  expect(faults(rule({ id: "b", when, priority: 1 }), rule({ id: "a", when }))).toEqual([]);
  expect(faults(rule({ id: "b", when, enabled: false }), rule({ id: "a", when }))).toEqual([]);
});

test("a route without an enabled rule is none", () => {
  expect(faults(rule({ enabled: false }))[0]).toContain("rules: no rule is enabled");
});

const path = (index: number, make: (text: string) => object) => ({
  id: `r${index}`,
  when: [{ path: make(`/${index}`) }],
  action: { respond: { status: 200 } },
});

test("100 regexes are a host's most", () => {
  const rules = Array.from({ length: 101 }, (_, index) => path(index, (regex) => ({ regex })));
  expect(faults(...rules.slice(1))).toEqual([]);
  expect(faults(...rules)).toEqual([
    "rules: the rules have 101 regexes, a host has at most 100: use prefix, suffix or in where they will do",
  ]);
});

test("64 KiB of table are a host's most, counted in bytes", () => {
  const most = RouteContent.parse({ rules: [rule({ action: { respond: { status: 200, body: "" } } })] });
  const rules = Array.from({ length: 8 }, (_, index) => ({
    ...path(index, (exact) => ({ exact })),
    action: { respond: { status: 200, body: "ü".repeat(4_000) } },
  }));
  expect(routeFaults(host, most)).toEqual([]);
  expect(faults(...rules.slice(1))).toEqual([]);
  expect(faults(...rules, { ...rules[0], id: "z", when: undefined })[0]).toMatch(
    /take 7\d{4} bytes .* 65536/,
  );
});
