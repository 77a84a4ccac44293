import { Rule } from "@eru/events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type ByteRegex, byteRegex } from "../byte-regex.ts";
import { lowerCase } from "../bytes.ts";
import { compileHost, explain, type HttpRequest, httpRequest } from "../index.ts";
import { type ImportedHost, importGraphs } from "./import-graphs.ts";
import type { ImportedRule } from "./to-rules.ts";

const one = (graph: unknown, name = "www.example.org"): ImportedHost => {
  const [host] = importGraphs({ [name]: graph });
  if (!host) throw new Error("no host");
  return host;
};

const rulesOf = (graph: unknown): ImportedRule[] => {
  const host = one(graph);
  if (!host.ok) throw new Error(host.faults.join("; "));
  return host.route.rules;
};

const faultsOf = (graph: unknown, name?: string): string => {
  const host = one(graph, name);
  return host.ok ? "" : host.faults.join("; ");
};

const backend = (servername: string, more = {}) => ({ type: "backend", args: { servername, ...more } });
const ua = (pattern: string, succ?: string, fail?: string) => ({ type: "ua", args: { pattern, succ, fail } });
const path = (pattern: string, succ?: string, fail?: string, more = {}) => ({
  type: "path",
  args: { pattern, succ, fail, ...more },
});

test("one rule for each way to a backend, with what failed under `not`", () => {
  const graph = {
    init: "r1",
    rules: {
      r1: ua("httpie(\\S+)$", "r4", "r3"),
      r4: path("^\\/blog\\/(\\S+)$", "r2", "r3", { regex: true, rewrite: true }),
      r2: backend("blog___web___east"),
      r3: backend("shop___web___east___abc1234", { "x-from": "elb" }),
    },
  };
  const curl = { userAgent: { regex: "httpie(\\S+)$", ignoreCase: true } };
  const blog = { path: { regex: "^\\/blog\\/(\\S+)$" } };
  const shop = { app: "shop", entrypoint: "web", pod: "east", release: "abc1234" };
  const toShop = { forward: { backends: [{ to: shop }], requestHeaders: { set: { "x-from": "elb" } } } };
  expect(rulesOf(graph)).toEqual([
    {
      id: "r2",
      priority: 3,
      when: [{ ...blog, ...curl }],
      action: {
        forward: {
          backends: [{ to: { app: "blog", entrypoint: "web", pod: "east" } }],
          rewrite: { regex: { pattern: "^(?s:.*?)(?:^\\/blog\\/(\\S+)$)(?s:.*)$", replacement: "/$1" } },
        },
      },
    },
    { id: "r3", priority: 2, when: [{ ...curl, not: [blog] }], action: toShop },
    { id: "r3@2", priority: 1, when: [{ not: [curl] }], action: toShop },
  ]);
  const host = one(graph);
  expect(host.ok && host.notes).toEqual([
    "r4: a path that the regex does not match takes the fail branch; the original took it for success",
    "r4: the rewritten path gets a slash before it, which the original left out",
    "release abc1234: it must be registered under exactly this name",
  ]);
});

test("a missing branch is 403, a backend without a name 404", () => {
  const graph = { init: "a", rules: { a: path("/x", "b"), b: { type: "backend", args: {} } } };
  expect(rulesOf(graph).map(({ action }) => action)).toMatchObject([
    { respond: { status: 404 } },
    { respond: { status: 403 } },
  ]);
});

test("a graph of one backend is one rule without conditions", () => {
  expect(rulesOf({ init: "a", rules: { a: backend("a___b___c") } })).toEqual([
    { id: "a", action: { forward: { backends: [{ to: { app: "a", entrypoint: "b", pod: "c" } }] } } },
  ]);
});

test("upstreams with other names are told by hand", () => {
  const names = new Map([["up1", { app: "shop", entrypoint: "web" }]]);
  const [host] = importGraphs({ "a.org": { init: "a", rules: { a: backend("up1") } } }, names);
  expect(host).toMatchObject({
    ok: true,
    route: { rules: [{ action: { forward: { backends: [{ to: { app: "shop" } }] } } }] },
  });
});

const end = backend("a___b___c");
test.each<[string, unknown, string]>([
  [
    "a circle",
    { init: "a", rules: { a: ua("x", "b", "z"), b: ua("y", "z", "a"), z: end } },
    "run in a circle: a → b → a",
  ],
  ["a rule that tests itself", { init: "a", rules: { a: ua("x", "a") } }, "run in a circle: a → a"],
  ["a branch into nothing", { init: "a", rules: { a: ua("x", "b") } }, 'the rule "a" names the rule "b"'],
  ["a beginning that is not there", { init: "a", rules: { b: end } }, '`init` names the rule "a"'],
  ["another backend's name", { init: "a", rules: { a: backend("up1") } }, "--backend 'up1="],
  ["an unknown type", { init: "a", rules: { a: { type: "lua", args: {} } } }, "rules.a.type"],
  [
    "look-ahead",
    { init: "a", rules: { a: ua("(?=x)", "b", "b"), b: end } },
    'the rule "a" searches for "(?=x)"',
  ],
  [
    "a header that is none",
    { init: "a", rules: { a: backend("a___b___c", { "x y": "1" }) } },
    'request header "x y"',
  ],
  [
    "a test of a rewritten path",
    {
      init: "a",
      rules: { a: path("^/(x)", "b", "z", { regex: true, rewrite: true }), b: path("/y", "z", "z"), z: end },
    },
    'the rule "b" tests the path that "a" has rewritten',
  ],
  ["no graph", 1, "(all)"],
])("%s is refused", (_title, graph, reason) => {
  expect(faultsOf(graph)).toContain(reason);
});

test("a graph with too many ways is refused, not written", () => {
  const rules: Record<string, unknown> = { z: end };
  for (let n = 0; n < 20; n++) {
    rules[`n${n}`] = ua(`x${n}`, `n${n + 1}`, `n${n + 1}`);
  }
  rules["n20"] = end;
  expect(faultsOf({ init: "n0", rules })).toContain("more than 2000 ways");
  const chain: Record<string, unknown> = { z: end };
  for (let n = 0; n < 70; n++) chain[`n${n}`] = ua(`x${n}`, "z", n === 69 ? "z" : `n${n + 1}`);
  expect(faultsOf({ init: "n0", rules: chain })).toContain("at most 64 under `not`");
});

test("a host's port and case are left out, a name that is none is refused", () => {
  const graph = { init: "a", rules: { a: end } };
  const host = one(graph, "/ELB/rules/WWW.example.org:8080");
  expect(host).toMatchObject({ ok: true, route: { host: "www.example.org" } });
  expect(faultsOf(graph, "a_b.org")).toContain("a host is lower-case");
  expect(importGraphs([])).toMatchObject([{ ok: false, faults: [expect.stringContaining("wanted {host:")] }]);
});

const compiled = new Map<string, ByteRegex>();
const search = (pattern: string): ByteRegex => {
  const regex = compiled.get(pattern) ?? byteRegex(pattern);
  compiled.set(pattern, regex);
  return regex;
};

// The graph's own meaning, node by node: as the original walked it, but for the regex that does not match.
type Node = ReturnType<typeof ua> | ReturnType<typeof path> | typeof end;
function walk({ init, rules }: { init: string; rules: Record<string, Node> }, request: HttpRequest): string {
  let rewritten = "";
  for (let name: string | undefined = init; name !== undefined; ) {
    const node: Node | undefined = rules[name];
    if (!node || node.type === "backend") return `${name}${rewritten}`;
    const args = node.args as {
      pattern: string;
      regex?: boolean;
      rewrite?: boolean;
      succ?: string;
      fail?: string;
    };
    const agent = request.headers.get("user-agent");
    const holds: boolean =
      node.type === "ua"
        ? agent !== undefined && search(args.pattern).test(lowerCase(agent))
        : args.regex === true
          ? search(args.pattern).test(request.path)
          : request.path.startsWith(args.pattern);
    if (holds && args.rewrite) rewritten = ` as ${search(args.pattern).exec(request.path)?.[1]}`;
    name = holds ? args.succ : args.fail;
  }
  return "403";
}

/** Where the rules send a request, in the words of `walk`. */
function router(rules: readonly ImportedRule[]): (request: HttpRequest) => string {
  const parsed = Rule.array().parse(rules);
  const ordered = parsed.toSorted((a, b) => b.priority - a.priority);
  const table = compileHost({
    rules: ordered.map(({ id, when }) => ({ id, ...(when && { when }), respond: { status: 200, body: "" } })),
  });
  return (request) => {
    const { outcomes } = explain(request, { host: () => table, pool: () => undefined });
    expect(outcomes).toHaveLength(1);
    const rule = ordered.find(({ id }) => id === outcomes[0]?.rule);
    if (!rule || !("forward" in rule.action)) return "403";
    const { rewrite } = rule.action.forward;
    const name = rule.id.replace(/@\d+$/, "");
    if (!rewrite?.regex) return name;
    const [whole, group] = search(rewrite.regex.pattern).exec(request.path) ?? [];
    expect(whole).toBe(request.path);
    return `${name} as ${rewrite.regex.replacement.replace("$1", group ?? "")}`;
  };
}

// Few tests, related to each other, so that ways contradict and imply themselves.
const pathTests = ["", "/", "/a", "/a", "/a/b", "/b", "/b", "x"].map((pattern) => ({
  pattern,
  regex: false,
}));
const pathRegexes = ["^/a", "b$", "^/(?:a|b)/", "^.b?/b"].map((pattern) => ({ pattern, regex: true }));
const names = ["n0", "n1", "n2", "n3", "n4", "n5"];

/** Acyclic: a node leads to later ones only. Rewriting nodes lead to backends. */
const graphs = fc
  .tuple(
    ...names.map((_, index) => {
      const later = fc.constantFrom(...names.slice(index + 1), "x", "y", "z", undefined);
      const ends = fc.constantFrom("x", "y", undefined);
      return fc.oneof(
        fc
          .record({ pattern: fc.constantFrom("chrome", "^c", "[0-9]$", "e"), succ: later, fail: later })
          .map(({ pattern, succ, fail }) => ua(pattern, succ, fail)),
        fc
          .record({
            test: fc.constantFrom(...pathTests, ...pathTests, ...pathRegexes),
            succ: later,
            fail: later,
          })
          .map(({ test, succ, fail }) => path(test.pattern, succ, fail, { regex: test.regex })),
        fc
          .record({ pattern: fc.constantFrom("^(/a)", "(/b)$", "(/.)"), succ: ends, fail: later })
          .map(({ pattern, succ, fail }) => path(pattern, succ, fail, { regex: true, rewrite: true })),
      );
    }),
  )
  .map((nodes) => ({
    init: "n0",
    rules: {
      ...Object.fromEntries(nodes.map((node, index) => [`n${index}`, node])),
      x: end,
      y: end,
      z: end,
    } as Record<string, Node>,
  }));

const requests = fc
  .record({
    path: fc.constantFrom("/", "/a", "/ab", "/a/b", "/b", "/b/a", "/a/", "/c/b"),
    agent: fc.constantFrom(undefined, "Chrome/1", "ie", "c0", ""),
  })
  .map(({ path: asked, agent }) => {
    const read = httpRequest({
      url: `http://h${asked}`,
      headers: agent === undefined ? [] : [`User-Agent: ${agent}`],
    });
    if (!read.ok) throw new Error(read.reason);
    return read.request;
  });

test("flattened rules send every request where the graph's walk sends it", () => {
  let translated = 0;
  fc.assert(
    fc.property(graphs, fc.array(requests, { minLength: 8, maxLength: 8 }), (graph, asked) => {
      const host = one(graph);
      // Only a path that was rewritten cannot be tested again.
      if (!host.ok) {
        expect(host.faults.join()).toContain("has rewritten");
        return;
      }
      translated++;
      const routed = router(host.route.rules);
      for (const request of asked) expect(routed(request)).toBe(walk(graph, request));
    }),
    { numRuns: 250 },
  );
  expect(translated).toBeGreaterThan(100);
}, 60_000);
