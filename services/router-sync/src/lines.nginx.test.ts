// What a host's line must not hold, and what becomes of the table when it does.
import { afterEach, expect, test } from "vitest";
import { ask, elbWith, named, ruleTable, to } from "./testing-rules.ts";
import { endAll } from "./testing-service.ts";

afterEach(endAll);

const line = (host: object) => `+\tr:a.org\t${JSON.stringify(host)}\n`;
const rule = (more: object) => line({ rules: [{ id: "r", ...more }] });
const when = (...matches: object[]) => rule({ when: matches, respond: { status: 200 } });
const forward = (more: object) => rule({ forward: { backends: [{ pool: "a/web", weight: 1 }], ...more } });
const header = (value: object) => when({ headers: { "x-a": value } });

const wrong: [string, string, RegExp][] = [
  ["no action", rule({}), /rules\[0\] is .*wanted exactly one of forward, redirect, respond/],
  ["two actions", rule({ respond: { status: 200 }, redirect: {} }), /has redirect and respond/],
  ["an unknown action", rule({ reject: {} }), /wanted exactly one of/],
  ["an unknown key", rule({ respond: { status: 200 }, until: 1 }), /unknown key "until"/],
  ["an empty when", when(), /when is empty/],
  ["an empty match", when({}), /when\[0\] has no condition/],
  ["65 matches", when(...Array(65).fill({ port: 1 })), /65 entries, at most 64/],
  ["an unknown condition", when({ cookie: {} }), /unknown key "cookie"/],
  ["a path of two kinds", when({ path: { exact: "/", prefix: "/" } }), /has exact and prefix/],
  ["a path without a slash", when({ path: { exact: "a" } }), /begins with \//],
  ["a path nginx would change", when({ path: { prefix: "/a//b" } }), /has no \/\//],
  ["an empty regex", when({ path: { regex: "" } }), /1 to 512 bytes/],
  ["a long regex", when({ path: { regex: "x".repeat(513) } }), /1 to 512 bytes/],
  [
    "a regex that does not compile",
    when({ path: { regex: "a(b" } }),
    /path.regex is "a\(b", which does not compile: missing \)/,
  ],
  ["look-behind without bound", header({ regex: "(?<=a+)b" }), /does not compile: lookbehind/],
  ["a small method", when({ methods: ["get"] }), /methods\[0\] is "get", wanted a method in capitals/],
  ["no method", when({ methods: [] }), /methods is empty/],
  ["another scheme", when({ scheme: "ftp" }), /"http" or "https"/],
  ["port 0", when({ port: 0 }), /port is 0/],
  ["a value of no kind", header({ equals: "x" }), /wanted exactly one of exact, prefix/],
  ["present as text", header({ present: "yes" }), /present is "yes", wanted true or false/],
  ["null", header({ exact: null }), /exact is null/],
  ["in nothing", header({ in: [] }), /in is empty/],
  ["a header that is no name", when({ headers: { "x a": { exact: "" } } }), /key "x a"/],
  ["a header twice", when({ headers: { A: { exact: "" }, a: { exact: "" } } }), /has a twice/],
  ["half an address", when({ source: ["10.0.0"] }), /source\[0\] is "10.0.0"/],
  ["a block too long", when({ source: ["10.0.0.0/33"] }), /CIDR/],
  ["101 percent", when({ percent: { of: 101, key: "random" } }), /of is 101, wanted a number from 0 to 100/],
  ["a key of no kind", when({ percent: { of: 1, key: "user" } }), /key is "user"/],
  ["an empty not", when({ not: [{}] }), /not\[0\] has no condition/],
  ["not in not", when({ not: [{ not: [{ port: 1 }] }] }), /unknown key "not"/],
  ["no backend", rule({ forward: { backends: [] } }), /backends is empty/],
  [
    "33 backends",
    rule({ forward: { backends: Array(33).fill({ pool: "a/web", weight: 1 }) } }),
    /at most 32/,
  ],
  ["weights of zero", rule({ forward: { backends: [{ pool: "a/web", weight: 0 }] } }), /no weight above 0/],
  ["a pool that is no name", rule({ forward: { backends: [{ pool: "a web", weight: 1 }] } }), /a pool name/],
  [
    "a hop-by-hop header",
    forward({ requestHeaders: { set: { Connection: "x" } } }),
    /key "Connection", wanted the name of a header that is not/,
  ],
  [
    "a framing header",
    forward({ responseHeaders: { remove: ["content-length"] } }),
    /remove\[0\] is "content-length"/,
  ],
  ["a header of ours", forward({ requestHeaders: { add: { "x-real-ip": "1.2.3.4" } } }), /key "x-real-ip"/],
  [
    "a header with a line end",
    forward({ responseHeaders: { set: { a: "b\r\nc: d" } } }),
    /without line ends/,
  ],
  ["a rewrite of nothing known", forward({ rewrite: { to: "/" } }), /unknown key "to"/],
  ["no tries", forward({ retry: { tries: 0 } }), /tries is 0/],
  ["retries of 500", forward({ retry: { tries: 2, on: ["500"] } }), /on\[0\] is "500"/],
  ["another protocol", forward({ protocol: "ftp" }), /protocol is "ftp"/],
  ["certificates without TLS", forward({ endpointTls: { verify: true } }), /for protocol https and grpcs/],
  [
    "a certificate for a port",
    forward({ protocol: "https", endpointTls: { verify: true, name: "a.org:443" } }),
    /name is "a.org:443", wanted the name of a host/,
  ],
  ["a mirror of gRPC", forward({ protocol: "grpc", mirror: "a/web" }), /mirror cannot be with protocol grpc/],
  ["a sticky cookie that is no name", forward({ sticky: { cookie: "a b" } }), /a cookie name/],
  ["a hash without key", forward({ balance: { hash: {} } }), /wanted exactly one of header/],
  ["a rate of nothing", forward({ limits: { rate: { perSecond: 0 } } }), /above 0/],
  ["a redirect with a line end", rule({ redirect: { location: "/\n", status: 302 } }), /without line ends/],
  ["a redirect of 200", rule({ redirect: { location: "/", status: 200 } }), /status is 200, wanted 301/],
  ["an answer of 100", rule({ respond: { status: 100 } }), /status is 100/],
  ["a long body", rule({ respond: { status: 200, body: "x".repeat(8_193) } }), /at most 8192 bytes/],
  ["no rule", line({ rules: [] }), /rules is empty/],
  ["an unknown key of the host", line({ rules: [named("a")], cert: "x" }), /unknown key "cert"/],
  ["an old TLS", line({ rules: [named("a")], tls: { minVersion: "1.1" } }), /minVersion is "1.1"/],
  ["the same id twice", line({ rules: [named("a"), named("a")] }), /rule a is there twice/],
];

test("a line with a fault is refused with the place and the reason, and the table before stays", async () => {
  const elb = await elbWith(ruleTable({}, { "a.org": [named("before")] }));
  for (const [what, text, reason] of wrong) {
    const head = `${JSON.stringify({ epoch: "e1", base: 10, seq: 11 })}\n`;
    const answer = await elb.call("POST", "/v1/delta", head + text);
    expect(answer, what).toMatchObject({
      status: 422,
      json: { key: "r:a.org", line: 1, reason: expect.stringMatching(reason) },
    });
  }
  expect(await ask(elb, { host: "a.org" })).toMatchObject({ text: "before" });
  expect((await elb.call("GET", "/v1/status")).json).toMatchObject({ token: 1, seq: 10 });
});

test("the limits of a host are kept to the last one that is allowed", async () => {
  const elb = await elbWith(ruleTable({}, {}));
  const validate = async (rules: object[]) => {
    const { status, json } = await elb.call("POST", "/v1/validate", line({ rules }));
    return status === 200 ? "taken" : json["reason"];
  };
  const short = (count: number) =>
    Array.from({ length: count }, (_, id) => ({ id: `${id}`, respond: { status: 200 } }));
  // 2,000 rules are more than fit into 64 KiB, unless they are very short: 3,000 meet both limits.
  expect(await validate(short(1_500))).toBe("taken");
  expect(await validate(short(3_000))).toMatch(/bytes, at most 65536/);
  const regexes = (count: number) =>
    Array.from({ length: count }, (_, id) => named(`${id}`, { path: { regex: `^/${id}$` } }));
  expect(await validate(regexes(100))).toBe("taken");
  expect(await validate(regexes(101))).toMatch(/one regular expression more than the 100/);
  expect(
    await validate([...regexes(100), to("a/web", { rewrite: { regex: { pattern: "a", replacement: "" } } })]),
  ).toMatch(/more than the 100/);
});

test("a pool's check may leave out which codes are good", async () => {
  const elb = await elbWith(ruleTable({}, {}));
  const check = { path: "/", intervalMs: 1_000, timeoutMs: 100, unhealthyAfter: 1, healthyAfter: 1 };
  const pool = (more: object) => `+\tp:a/web\t${JSON.stringify({ eps: [], check: { ...check, ...more } })}\n`;
  for (const more of [{}, { codes: [200, 204] }])
    expect((await elb.call("POST", "/v1/validate", pool(more))).json).toEqual({ n: 1 });
  const wrong = await elb.call("POST", "/v1/validate", pool({ codes: [99] }));
  expect(wrong.json["reason"]).toMatch(/check\.codes\[0\] is 99/);
});

test("two lines of one delta each have their own hundred patterns", async () => {
  const elb = await elbWith(ruleTable({}, {}));
  const rules = Array.from({ length: 60 }, (_, id) => named(`${id}`, { path: { regex: `^/${id}$` } }));
  const both = ["a.org", "b.org"].map((host) => `+\tr:${host}\t${JSON.stringify({ rules })}\n`).join("");
  expect((await elb.call("POST", "/v1/validate", both)).json).toEqual({ n: 2 });
});
