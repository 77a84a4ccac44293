// Which rule a request meets: every condition, and precedence.
import type { Match } from "@eru/events";
import { afterEach, expect, test } from "vitest";
import type { Ask } from "./testing-client.ts";
import { until } from "./testing-nginx.ts";
import { ask, elbWith, explain, named, ruleTable } from "./testing-rules.ts";
import { endAll } from "./testing-service.ts";

afterEach(endAll);

const header = (name: string, value: string): Ask => ({ headers: { [name]: value } });
const at = (path: string): Ask => ({ path });

/** A condition, requests that meet it, and requests that do not. */
const cases: Record<string, [Match, Ask[], Ask[]]> = {
  exact: [{ path: { exact: "/a/b" } }, [at("/a/b"), at("/a//b"), at("/a/x/../b?q")], [at("/a"), at("/a/b/")]],
  prefix: [{ path: { prefix: "/a" } }, [at("/a"), at("/a/"), at("/a/b")], [at("/ab"), at("/")]],
  below: [{ path: { prefix: "/a/" } }, [at("/a/"), at("/a/b")], [at("/a"), at("/ab")]],
  raw: [{ path: { prefix: "/a", raw: true } }, [at("/a"), at("/ab/c")], [at("/b"), at("/")]],
  regex: [{ path: { regex: "^/v[12]/|x$" } }, [at("/v1/a"), at("/ax")], [at("/v3/"), at("/xy")]],
  decoded: [{ path: { exact: "/é b" } }, [at("/%C3%A9%20b")], [at("/%25C3")]],
  methods: [{ methods: ["PUT", "POST"] }, [{ method: "PUT" }], [{}, { method: "HEAD" }]],
  scheme: [{ scheme: "https" }, [], [{}]],
  port: [{ port: 1 }, [], [{}]],
  agent: [
    { userAgent: { regex: "curl|WGET", ignoreCase: true } },
    [header("user-agent", "wget/1"), header("user-agent", "a Curl")],
    [{}, header("user-agent", "chrome")],
  ],
  headerExact: [
    { headers: { "X-Beta": { exact: "on" } } },
    [header("x-beta", "on")],
    [{}, header("x-beta", "ON")],
  ],
  headerPrefix: [{ headers: { "x-a": { prefix: "ab" } } }, [header("x-a", "abc")], [header("x-a", "a")]],
  headerSuffix: [{ headers: { "x-a": { suffix: "bc" } } }, [header("x-a", "abc")], [header("x-a", "c")]],
  headerRegex: [{ headers: { "x-a": { regex: "^a.c$" } } }, [header("x-a", "abc")], [header("x-a", "xabc")]],
  headerPresent: [{ headers: { "x-a": { present: true } } }, [header("x-a", "")], [{}]],
  headerAbsent: [{ headers: { "x-a": { present: false } } }, [{}], [header("x-a", "")]],
  headerIn: [
    { headers: { "x-a": { in: ["b", "c"] } } },
    [header("x-a", "b"), header("x-a", "c")],
    [{}, header("x-a", "bc")],
  ],
  cannotArrive: [{ headers: { x_a: { present: true } } }, [], [header("x-a", "1"), header("x_a", "1")]],
  query: [
    { query: { "a b": { exact: "c&d" } } },
    [at("/?a+b=c%26d"), at("/?x&a%20b=c%26d&a+b=other")],
    [at("/"), at("/?a+b=c"), at("/?a+b=other&a+b=c%26d")],
  ],
  queryEmpty: [{ query: { a: { exact: "" } } }, [at("/?a"), at("/?a="), at("/?&a&")], [at("/?b"), at("/?A")]],
  queryMalformed: [{ query: { a: { exact: "%zz" } } }, [at("/?a=%zz")], [at("/?a=zz")]],
  cookie: [
    { cookies: { Beta: { exact: '"1"' } } },
    [header("cookie", 'x=y; Beta="1"'), header("cookie", 'Beta = "1" ;Beta=2')],
    [{}, header("cookie", 'beta="1"'), header("cookie", 'Beta=2; Beta="1"')],
  ],
  source: [{ source: ["10.0.0.0/8", "127.0.0.0/30"] }, [{}], []],
  notSource: [{ source: ["127.0.0.2", "::1", "::/0"] }, [], [{}]],
  grpc: [
    { grpc: { service: "pkg.Greeter" } },
    [{ path: "/pkg.Greeter/Hi", method: "POST", headers: { "content-type": "application/grpc+proto" } }],
    [
      { path: "/pkg.Greeter/Hi", method: "POST", headers: { "content-type": "application/grpc-web" } },
      { path: "/pkg.Greeter/Hi", headers: { "content-type": "application/grpc" } },
      { path: "/pkg.Greeter/Hi/x", method: "POST", headers: { "content-type": "application/grpc" } },
    ],
  ],
  all: [{ percent: { of: 100, key: "random" } }, [{}], []],
  none: [{ percent: { of: 0, key: "random" } }, [], [{}]],
  both: [
    { methods: ["GET"], headers: { "x-a": { exact: "1" }, "x-b": { exact: "2" } } },
    [{ headers: { "x-a": "1", "x-b": "2" } }],
    [header("x-a", "1"), { method: "PUT", headers: { "x-a": "1", "x-b": "2" } }],
  ],
  not: [
    {
      path: { prefix: "/a" },
      not: [{ path: { prefix: "/a/b" } }, { methods: ["PUT"], query: { f: { present: true } } }],
    },
    [at("/a"), { path: "/a/c", method: "PUT" }, at("/a?f")],
    [at("/a/b/c"), { path: "/a?f", method: "PUT" }, at("/b")],
  ],
};

test("each condition holds for the requests it describes and for no others", async () => {
  const hosts = Object.fromEntries(
    Object.entries(cases).map(([name, [match]]) => [`${name.toLowerCase()}.org`, [named("met", match)]]),
  );
  const elb = await elbWith(ruleTable({}, hosts));
  for (const [name, [, meet, miss]] of Object.entries(cases))
    for (const what of [...meet, ...miss]) {
      const { headers } = await ask(elb, { ...what, host: `${name.toLowerCase()}.org` });
      const reason = meet.includes(what) ? undefined : "no_such_path";
      expect(headers["x-eru-reason"], `${name}: ${JSON.stringify(what)}`).toBe(reason);
    }
});

test("the first rule in order decides, however its path is looked up; one of several matches is enough", async () => {
  const order = [
    named("flag", { query: { flag: { present: true } }, path: { regex: "^/a" } }),
    named("put", { methods: ["PUT"] }),
    named("exact", { path: { exact: "/a/b" } }),
    named("raw", { path: { prefix: "/a/bc", raw: true } }),
    named("either", { path: { exact: "/x" } }, { path: { prefix: "/y" }, methods: ["GET"] }),
    named("long", { path: { prefix: "/a/b" } }),
    named("short", { path: { prefix: "/a" } }),
    named("late", { path: { exact: "/a/c" } }),
    named("rest"),
  ];
  const elb = await elbWith(ruleTable({}, { "hello.org": order }));
  const rule = async (path: string, method = "GET") => (await ask(elb, { path, method })).text;
  expect(await rule("/a/b?flag")).toBe("flag");
  expect(await rule("/a/b", "PUT")).toBe("put");
  expect(await rule("/a/b")).toBe("exact");
  expect(await rule("/a/bcd")).toBe("raw");
  expect(await rule("/a/b/c")).toBe("long");
  expect(await rule("/a/c")).toBe("short");
  expect(await rule("/x")).toBe("either");
  expect(await rule("/y/z")).toBe("either");
  expect(await rule("/y/z", "DELETE")).toBe("rest");
  expect(await rule("/")).toBe("rest");
});

test("a percentage is stable per value, as large as it says, and differs by salt", async () => {
  const key = { header: "x-user" };
  const elb = await elbWith(
    ruleTable(
      {},
      {
        "hello.org": [named("some", { percent: { of: 12.5, key } }), named("rest")],
        "salted.org": [named("some", { percent: { of: 12.5, key, salt: "other" } }), named("rest")],
      },
    ),
  );
  const users = Array.from({ length: 800 }, (_, index) => `user-${index}`);
  const chosen = async (host: string) => {
    const answers = await Promise.all(
      users.map((user) => explain(elb, { host, path: "/", headers: { "x-user": user } })),
    );
    return users.filter((_, index) => JSON.stringify(answers[index]?.["outcomes"]).includes('"some"'));
  };
  const first = await chosen("hello.org");
  expect(first.length).toBeGreaterThan(70);
  expect(first.length).toBeLessThan(130);
  expect(await chosen("salted.org")).not.toEqual(first);
  for (const user of first.slice(0, 3))
    expect((await ask(elb, { headers: { "x-user": user } })).text).toBe("some");
});

test("a pattern that explodes is no match, is counted, and stalls nobody", async () => {
  const elb = await elbWith(
    ruleTable(
      {},
      {
        "hello.org": [
          ...Array.from({ length: 100 }, (_, index) =>
            named(`bad"${index}`, { headers: { "x-a": { regex: `^(a+)+(x{${index}})?$` } } }),
          ),
          named("rest"),
        ],
      },
    ),
  );
  const startedMs = performance.now();
  const answer = await ask(elb, header("x-a", `${"a".repeat(60)}!`));
  expect(answer).toMatchObject({ status: 200, text: "rest" });
  expect(performance.now() - startedMs).toBeLessThan(20_000);
  await until("it is counted", async () =>
    (await elb.call("GET", "/metrics")).text.includes(
      'eru_elb_regex_failures_total{route="hello.org",rule="bad\\"7"} 1',
    ),
  );
});

test("a rule that asks for what it excludes never holds, and the next one serves", async () => {
  const elb = await elbWith(
    ruleTable(
      {},
      {
        "hello.org": [
          named("both", { scheme: "http", not: [{ scheme: "http" }] }),
          named("two methods", { methods: ["GET"], not: [{ methods: ["GET", "HEAD"] }] }),
          named("no path", { path: { exact: "/a" }, not: [{ path: { prefix: "/" } }] }),
          named("first", { path: { exact: "/a" } }),
          named("second", { path: { exact: "/a" } }),
          named("rest"),
        ],
      },
    ),
  );
  expect(await ask(elb, { path: "/a" })).toMatchObject({ text: "first" });
  expect(await ask(elb, { path: "/b" })).toMatchObject({ text: "rest" });
});

test("hosts: port, case and the last dot do not count; what is no host is refused", async () => {
  const elb = await elbWith(ruleTable({}, { "hello.org": [named("it")] }));
  for (const host of ["hello.org", "HELLO.org:81", "hello.org.", "hello.org.:8"])
    expect(await ask(elb, { host }), host).toMatchObject({ status: 200 });
  for (const host of ["", "h\u00e9llo.org", "hello.org.evil", "xhello.org", "1.2.3.4", "[::1]:80"])
    expect(await ask(elb, { host: Buffer.from(host).toString("latin1") }), host).toMatchObject({
      status: 404,
    });
  for (const host of ["a..b", "a/b", "hello.org/"])
    expect(await ask(elb, { host }), host).toMatchObject({ status: 400 });
});
