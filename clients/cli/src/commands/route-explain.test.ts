import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { contextFor, eru } from "../testkit/eru.ts";
import { FakeServer, problem } from "../testkit/fake-server.ts";

const to = (app: string) => ({ app, entrypoint: "web" });
const shop = {
  host: "shop.org",
  rules: [
    {
      id: "beta",
      when: [{ headers: { "x-beta": { present: true } } }],
      action: { forward: { backends: [{ to: to("beta") }] } },
    },
    { id: "old", when: [{ path: { prefix: "/old" } }], action: { redirect: { location: "/new$query" } } },
    {
      id: "all",
      action: {
        forward: {
          backends: [
            { to: to("shop"), weight: 9 },
            { to: { ...to("shop"), release: "v2" }, weight: 1 },
          ],
        },
      },
    },
  ],
};
const target = { workload: "shop-web-abc123-1", node: "n1", release: "v1", ip: "10.0.0.1", port: 8080 };
const shown = {
  ...shop,
  section: null,
  declaredSeq: 3,
  declaredAt: "2026-01-01T00:00:00Z",
  declaredBy: "user:me",
  pools: [
    { pool: "beta/web", endpoints: [], endpointsTotal: 0 },
    { pool: "shop/web", endpoints: [target], endpointsTotal: 1 },
    { pool: "shop/web=v2", endpoints: [{ ...target, workload: "shop-web-abc123-2" }], endpointsTotal: 1 },
  ],
};
const unknown = problem(404, "route_unknown", "there is no such route");

async function world() {
  const server = await FakeServer.start();
  server.on("GET /v1/routes/shop.org", { json: shown });
  for (const host of ["*.org", "*", "www.shop.org", "*.shop.org", "x.net", "*.net"])
    server.on(`GET /v1/routes/${encodeURIComponent(host)}`, unknown);
  return { server, place: contextFor(server.url) };
}

test("a load balancer is asked, and its answer says who answered, where the request goes and why not elsewhere", async () => {
  const { server, place } = await world();
  await using _ = server;
  const explanation = {
    route: "shop.org",
    outcomes: [
      {
        rule: "all",
        share: 0.9,
        action: "forward",
        backends: [
          {
            pool: "shop/web",
            share: 1,
            endpoints: [
              { id: "w-1", ip: "10.0.0.1", port: 80, w: 1, s: "a" },
              { id: "w-2", ip: "fd00::1", port: 80, w: 1, s: "d" },
            ],
          },
        ],
      },
      { rule: "canary", share: 0.1, action: "respond", status: 204 },
    ],
    skipped: [{ rule: "beta", because: ["headers.x-beta", "path"] }],
  };
  server.on("POST /v1/routes/explain", { json: { elb: "edge", appliedSeq: 12, explanation } });
  const ran = await eru(place, [
    "route",
    "explain",
    "https://Shop.org/a//b?x=1",
    "-X",
    "POST",
    "-H",
    "X-A: 1",
    "--source",
    "10.0.0.9",
  ]);
  expect(ran).toMatchObject({ code: 0, err: "" });
  expect(ran.out).toBe(`load balancer edge says, by the table as of sequence 12:
host shop.org
rule all (90 % of such requests, by chance)
  100 % to shop/web: 1 endpoint, 1 draining
    w-1  10.0.0.1:80
rule canary (10 % of such requests, by chance)
  answered with 204

rules before that did not match:
  beta: headers.x-beta; path
`);
  expect(server.asked("POST /v1/routes/explain")[0]?.body).toEqual({
    request: {
      host: "shop.org",
      method: "POST",
      scheme: "https",
      port: 443,
      path: "/a/b",
      query: "x=1",
      headers: { "x-a": "1" },
      source: "10.0.0.9",
    },
  });
});

test("without a load balancer the declared routes answer, and it is said", async () => {
  const { server, place } = await world();
  await using _ = server;
  server.on("POST /v1/routes/explain", problem(504, "no_load_balancer", "no load balancer answered"));
  const ran = await eru(place, ["route", "explain", "http://shop.org/"]);
  expect(ran.out).toContain(
    "matched by this program, from the declared routes (no load balancer answered):\nhost shop.org\nrule all\n",
  );
  expect(ran.out).toContain(
    "  90 % to shop/web: 1 endpoint\n    shop-web-abc123-1  10.0.0.1:8080\n  10 % to shop/web=v2: 1 endpoint\n",
  );
  expect(ran.out).toContain("rules before that did not match:\n  old: path\n  beta: headers.x-beta\n");
  const offline = await eru(place, ["--json", "route", "explain", "http://x.net/", "--offline"]);
  expect(JSON.parse(offline.out)).toEqual({
    engine: "this program",
    why: "--offline",
    outcomes: [],
    skipped: [],
    reason: "no_such_host",
  });
  const named = await eru(place, ["route", "explain", "http://shop.org/", "--elb", "edge"]);
  expect(named).toMatchObject({ code: 4, out: "" });
});

test("a request that nginx would refuse is refused here", async () => {
  const { server, place } = await world();
  await using _ = server;
  const ran = await eru(place, ["route", "explain", "http://shop.org/%zz"]);
  expect(ran).toMatchObject({ code: 2, err: expect.stringContaining("nginx answers 400") });
});

const cases = `- request: http://shop.org/
  expect: { host: shop.org, rule: all, pool: { shop/web: 90, shop/web=v2: 10 } }
- request: GET http://shop.org/old?a=1
  expect: { rule: old, status: 302, location: /new?a=1 }
- request: POST http://shop.org/
  headers: { X-Beta: yes }
  expect: { rule: beta }
- request: http://x.net/
  expect: { status: 404 }
`;

test("expectations are held against the declared routes, or a file of routes before it is applied", async () => {
  const { server, place } = await world();
  await using _ = server;
  writeFileSync(join(place.cwd, "cases.yaml"), cases.replace("yes", '"yes"'));
  const ran = await eru(place, ["route", "test", "cases.yaml"]);
  expect(ran).toEqual({ code: 0, err: "", out: "4 requests of 4 as expected\n" });
  writeFileSync(join(place.cwd, "routes.json"), JSON.stringify(shop));
  const before = await eru({ cwd: place.cwd }, ["route", "test", "cases.yaml", "--routes", "routes.json"]);
  expect(before).toMatchObject({ code: 0, out: "4 requests of 4 as expected\n" });
});

test("what is otherwise than expected is said with its line, and ends with 1", async () => {
  const { server, place } = await world();
  await using _ = server;
  writeFileSync(
    join(place.cwd, "cases.yaml"),
    "- request: http://shop.org/\n  expect: { rule: old }\n- request: http://shop.org/\n  expect: { status: 200, pool: shop/web }\n",
  );
  const ran = await eru(place, ["route", "test", "cases.yaml"]);
  expect(ran.code).toBe(1);
  expect(ran.out).toBe(`not so: http://shop.org/ (cases.yaml, line 1)
  the rule is all, expected old
  rule old did not match: path
  rule beta did not match: headers.x-beta
not so: http://shop.org/ (cases.yaml, line 3)
  the pool is shop/web 90 %, shop/web=v2 10 %, expected shop/web
  the status is the endpoint's, expected 200
  rule old did not match: path
  rule beta did not match: headers.x-beta
0 requests of 2 as expected
`);
  const json = await eru(place, ["--json", "route", "test", "cases.yaml"]);
  expect(JSON.parse(json.out)).toMatchObject([
    { line: 1, ok: false, deviations: ["the rule is all, expected old"] },
    { ok: false },
  ]);
});

test.each([
  ["- request: 1\n", "0.request"],
  ["- request: http://h/\n  expect: {}\n", "there is no expectation in it"],
  ["- request: h\n  expect: { rule: a }\n", "is not a URL"],
  ["a: [\n", "line 2"],
])("a file of expectations that is none is refused at its line: %j", async (text, message) => {
  const place = contextFor("http://127.0.0.1:1");
  writeFileSync(join(place.cwd, "cases.yaml"), text);
  expect(await eru(place, ["route", "test", "cases.yaml"])).toMatchObject({
    code: 2,
    err: expect.stringContaining(message),
  });
});

test("graphs of the original become a file of routes; what cannot be is said", async () => {
  const place = contextFor("http://127.0.0.1:1");
  const graph = (servername: string) => ({
    init: "p",
    rules: {
      p: { type: "path", args: { pattern: "^/api/", regex: true, succ: "b", fail: "b2" } },
      b: { type: "backend", args: { servername } },
      b2: { type: "backend", args: { servername: "shop___web___east" } },
    },
  });
  writeFileSync(
    join(place.cwd, "elb.json"),
    JSON.stringify({ "shop.org": graph("up1"), "x.net": graph("up2") }),
  );
  const ran = await eru(place, [
    "route",
    "import",
    "elb.json",
    "-o",
    "routes.yaml",
    "--backend",
    "up1=api/web@west",
  ]);
  expect(ran.code).toBe(1);
  expect(ran.err).toContain(
    "shop.org: 2 rules\n  p: a path that the regex does not match takes the fail branch",
  );
  expect(ran.err).toContain(`x.net: not translated\n  the rule "b" sends to "up2"`);
  expect(ran.out).toContain("1 of 2 hosts translated; see routes.yaml");
  expect(readFileSync(join(place.cwd, "routes.yaml"), "utf8")).toContain(
    "host: shop.org\nrules:\n  - id: b\n    priority: 2\n",
  );
  writeFileSync(
    join(place.cwd, "cases.yaml"),
    "- request: http://shop.org/api/x\n  expect: { pool: api/web@west }\n",
  );
  const tested = await eru(place, ["route", "test", "cases.yaml", "--routes", "routes.yaml"]);
  expect(tested).toMatchObject({ code: 0 });
});
