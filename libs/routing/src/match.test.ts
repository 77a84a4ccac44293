import type { Explanation, Match } from "@eru/events";
import { describe, expect, test } from "vitest";
import { compileHost, explain, httpRequest, type TableHost, type TablePool } from "./index.ts";

const ask = (url: string, options: { headers?: string[]; method?: string; source?: string } = {}) => {
  const asked = httpRequest({ url, ...options });
  if (!asked.ok) throw new Error(asked.reason);
  return asked.request;
};

const pool = (...states: ("a" | "d")[]): TablePool => ({
  eps: states.map((s, index) => ({ id: `w-${index}`, ip: "10.0.0.1", port: 80 + index, w: 1, s })),
});

function table(hosts: Record<string, TableHost>, pools: Record<string, TablePool> = {}) {
  const compiled = new Map(Object.entries(hosts).map(([host, value]) => [host, compileHost(value)]));
  return { host: (name: string) => compiled.get(name), pool: (name: string) => pools[name] };
}

const answering = (...rules: [id: string, when?: Match[]][]): TableHost => ({
  rules: rules.map(([id, when]) => ({ id, ...(when && { when }), respond: { status: 200, body: id } })),
});

const matched = (when: Match, request: ReturnType<typeof ask>): boolean =>
  explain(request, table({ "*": answering(["it", [when]]) })).outcomes.length === 1;

describe("the host", () => {
  const hosts = table({
    "www.example.org": answering(["exact"]),
    "*.example.org": answering(["wildcard"]),
    "*.org": answering(["above"]),
    "*": answering(["default"]),
  });
  test.each([
    ["http://www.example.org/", "www.example.org"],
    ["http://WWW.Example.Org.:8080/", "www.example.org"],
    ["http://a.b.example.org/", "*.example.org"],
    ["http://example.org/", "*.org"],
    ["http://localhost/", "*"],
    ["http://[::1]:80/", "*"],
  ])("%s is served as %s", (url, route) => {
    expect(explain(ask(url), hosts).route).toBe(route);
  });

  test("without a default another name finds nothing", () => {
    const only = table({ "*.org": answering(["x"]) });
    expect(explain(ask("http://org/"), only)).toEqual({ outcomes: [], skipped: [], reason: "no_such_host" });
  });
});

test.each<[string, Match, string, Parameters<typeof ask>[1], boolean]>([
  ["a prefix ends at a segment", { path: { prefix: "/a" } }, "http://h/ab", {}, false],
  ["a prefix is the path itself", { path: { prefix: "/a" } }, "http://h/a", {}, true],
  ["a raw prefix ends anywhere", { path: { prefix: "/a", raw: true } }, "http://h/ab", {}, true],
  ["a prefix with a slash is not the path before it", { path: { prefix: "/a/" } }, "http://h/a", {}, false],
  ["the path is decoded", { path: { exact: "/é" } }, "http://h/%C3%A9", {}, true],
  ["a query value is decoded", { query: { q: { exact: "a b" } } }, "http://h/?q=a+%62", {}, true],
  ["the first query value counts", { query: { q: { exact: "1" } } }, "http://h/?q=2&q=1", {}, false],
  ["a name without value is empty", { query: { q: { exact: "" } } }, "http://h/?q", {}, true],
  ["what is absent is not empty", { query: { q: { exact: "" } } }, "http://h/", {}, false],
  ["what is absent is not present", { query: { q: { present: false } } }, "http://h/", {}, true],
  ["a cookie", { cookies: { b: { suffix: "2" } } }, "http://h/", { headers: ["Cookie: a=1; b=02"] }, true],
  [
    "a header's name in any case",
    { headers: { "X-A": { in: ["1"] } } },
    "http://h/",
    { headers: ["x-a: 1"] },
    true,
  ],
  [
    "a header nginx drops",
    { headers: { x_a: { present: true } } },
    "http://h/",
    { headers: ["x_a: 1"] },
    false,
  ],
  [
    "a user agent",
    { userAgent: { regex: "chrome", ignoreCase: true } },
    "http://h/",
    { headers: ["user-agent: CHROME/1"] },
    true,
  ],
  ["a method", { methods: ["PUT", "POST"] }, "http://h/", { method: "POST" }, true],
  ["a scheme", { scheme: "https" }, "https://h/", {}, true],
  ["a port", { port: 443 }, "https://h/", {}, true],
  ["a block", { source: ["10.0.0.0/8"] }, "http://h/", { source: "10.1.2.3" }, true],
  ["a v4 block has no v6 address", { source: ["0.0.0.0/0"] }, "http://h/", { source: "::1" }, false],
  ["a v6 block", { source: ["fd00::/8"] }, "http://h/", { source: "fd12::1" }, true],
  [
    "gRPC",
    { grpc: { service: "s.S" } },
    "http://h/s.S/M",
    { method: "POST", headers: ["content-type: application/grpc+proto"] },
    true,
  ],
  [
    "gRPC is not gRPC-Web",
    { grpc: { service: "s.S" } },
    "http://h/s.S/M",
    { method: "POST", headers: ["content-type: application/grpc-web"] },
    false,
  ],
  ["not", { path: { prefix: "/" }, not: [{ path: { prefix: "/a" } }] }, "http://h/a/b", {}, false],
])("%s", (_title, when, url, options, holds) => {
  expect(matched(when, ask(url, options))).toBe(holds);
});

test("rules tried before say which condition failed, of each alternative", () => {
  const host = answering(
    ["first", [{ path: { exact: "/x" } }, { not: [{ methods: ["GET"] }] }]],
    ["second", [{ headers: { "x-beta": { present: true } } }]],
    ["third"],
  );
  expect(explain(ask("http://h/"), table({ "*": host }))).toEqual<Explanation>({
    route: "*",
    outcomes: [{ rule: "third", share: 1, action: "respond", status: 200 }],
    skipped: [
      { rule: "first", because: ["path", "not.0"] },
      { rule: "second", because: ["headers.x-beta"] },
    ],
  });
});

describe("chance", () => {
  test("is told as a share, and what is left goes on to the next rule", () => {
    const percent = { of: 25, key: "random" as const };
    const host = answering(["canary", [{ percent }]], ["twice", [{ percent }, { percent }]], ["rest"]);
    const shares = explain(ask("http://h/"), table({ "*": host })).outcomes.map(({ rule, share }) => [
      rule,
      share,
    ]);
    expect(shares).toEqual([
      ["canary", 0.25],
      ["twice", 0.75 * (1 - 0.75 ** 2)],
      ["rest", 0.75 ** 3],
    ]);
  });

  test("stands in for a value that is absent; a value decides", () => {
    const host = answering(["canary", [{ percent: { of: 50, key: { cookie: "id" } } }]], ["rest"]);
    const outcomes = (headers: string[]) =>
      explain(ask("http://h/", { headers }), table({ "*": host })).outcomes;
    expect(outcomes([])).toHaveLength(2);
    for (let id = 0; id < 20; id++) expect(outcomes([`Cookie: id=${id}`])).toHaveLength(1);
  });

  test("a stable percentage takes about its part, and all of what a smaller one took", () => {
    const taken = (of: number) => {
      const host = answering(["canary", [{ percent: { of, key: { query: "u" }, salt: "s" } }]], ["rest"]);
      const served = table({ "*": host });
      return Array.from({ length: 2_000 }, (_, user) => user).filter(
        (user) => explain(ask(`http://h/?u=${user}`), served).outcomes[0]?.rule === "canary",
      );
    };
    const ten = taken(10);
    const twenty = new Set(taken(20));
    expect(ten.length).toBeGreaterThan(140);
    expect(ten.length).toBeLessThan(260);
    expect(ten.every((user) => twenty.has(user))).toBe(true);
  });
});

describe("forwarding", () => {
  const to = (
    forward: Omit<NonNullable<TableHost["rules"][number]["forward"]>, "backends">,
    ...weights: number[]
  ) => ({
    rules: [
      {
        id: "r",
        forward: { backends: weights.map((weight, index) => ({ pool: `p${index}`, weight })), ...forward },
      },
    ],
  });

  test("shares follow the weights, and weight 0 gets nothing", () => {
    const pools = { p0: pool("a"), p1: pool("a"), p2: pool("a") };
    const [outcome] = explain(ask("http://h/"), table({ "*": to({}, 1, 0, 3) }, pools)).outcomes;
    expect(outcome?.backends?.map(({ pool, share }) => [pool, share])).toEqual([
      ["p0", 0.25],
      ["p2", 0.75],
    ]);
  });

  test("a split by a value is decided", () => {
    const host = to({ split: { query: "u" } }, 1, 1);
    const pools = { p0: pool("a"), p1: pool("a") };
    const pick = (user: number) =>
      explain(ask(`http://h/?u=${user}`), table({ "*": host }, pools)).outcomes[0]?.backends;
    const picks = Array.from({ length: 20 }, (_, user) => pick(user));
    for (const backends of picks) expect(backends).toMatchObject([{ share: 1 }]);
    expect(new Set(picks.map((backends) => backends?.[0]?.pool))).toEqual(new Set(["p0", "p1"]));
  });

  test("the fallback takes over when no backend has an endpoint", () => {
    const host = to({ fallback: "sorry" }, 1);
    const pools = { p0: pool("d"), sorry: pool("a") };
    expect(explain(ask("http://h/"), table({ "*": host }, pools)).outcomes).toMatchObject([
      { fallback: true, backends: [{ pool: "sorry", share: 1 }] },
    ]);
  });

  test("a pool without endpoints and one that is missing are told apart", () => {
    const reason = (pools: Record<string, TablePool>) =>
      explain(ask("http://h/"), table({ "*": to({}, 1) }, pools)).reason;
    expect(reason({ p0: pool() })).toBe("no_endpoint");
    expect(reason({})).toBe("no_such_pool");
    expect(reason({ p0: pool("a") })).toBeUndefined();
  });
});

test("a redirect fills in what it takes from the request", () => {
  const host: TableHost = {
    rules: [
      {
        id: "old",
        when: [{ path: { regex: "^/old/([a-z]+)" } }],
        redirect: { location: "https://$host/new/$1$query#$2", status: 308 },
      },
    ],
  };
  expect(explain(ask("http://h:81/old/abc/d?x=1"), table({ "*": host })).outcomes).toEqual([
    { rule: "old", share: 1, action: "redirect", status: 308, location: "https://h/new/abc?x=1#" },
  ]);
});

test.each([
  [{ url: "ftp://h/" }, "is not a URL"],
  [{ url: "http://h/%" }, "nginx answers 400"],
  [{ url: "http://h/../.." }, "nginx answers 400"],
  [{ url: "http://a b/" }, "is not a host"],
  [{ url: "http://h/", method: "get" }, "write it in capitals"],
  [{ url: "http://h/", headers: ["x"] }, "is not a header"],
])("%j cannot be asked", (asked, reason) => {
  const read = httpRequest(asked);
  expect(read.ok ? "" : read.reason).toContain(reason);
});
