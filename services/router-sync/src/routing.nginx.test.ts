// How requests travel: match, forward, retry, fail. Real nginx, servers in this process.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, expect, test } from "vitest";
import { type Ask, Client, openUpgraded, type Reply } from "./testing-client.ts";
import { type Elb, freePort, startElb, tableOf, until } from "./testing-nginx.ts";
import { atEnd, backend, endAll } from "./testing-service.ts";

afterEach(endAll);

async function elbWith(table: Map<string, string>): Promise<Elb> {
  const elb = await startElb(table);
  atEnd(elb.stop);
  return elb;
}
async function ask(elb: Elb, what: Ask = {}): Promise<Reply> {
  const client = new Client(elb.port);
  try {
    return await client.ask(what);
  } finally {
    client.close();
  }
}

test("exact host before nearest wildcard before default; a host that is known decides alone about its paths", async () => {
  const names = ["exact", "near", "far", "any"];
  const all = await Promise.all(names.map((id) => backend(id)));
  const pools = Object.fromEntries(all.map(({ endpoint }) => [`${endpoint.id}/web`, [endpoint]]));
  const elb = await elbWith(
    tableOf(pools, {
      "a.b.org": ["/api near/web", "/ exact/web"],
      "*.b.org": ["/ near/web"],
      "*.org": ["/only far/web"],
      "*": ["/ any/web"],
    }),
  );
  const answers = async (host: string, path = "/") => {
    const { seen, headers } = await ask(elb, { host, path });
    return seen?.id ?? headers["x-eru-reason"];
  };
  expect(await answers("a.b.org")).toBe("exact");
  expect(await answers("A.B.org:8080")).toBe("exact");
  expect(await answers("a.b.org", "/api/x")).toBe("near");
  expect(await answers("x.b.org")).toBe("near");
  expect(await answers("x.y.b.org")).toBe("near");
  expect(await answers("b.org", "/only")).toBe("far");
  expect(await answers("b.org", "/else")).toBe("no_such_path");
  expect(await answers("localhost")).toBe("any");
  expect(await answers("127.0.0.1")).toBe("any");
});

test("the rule in nginx is the first in order whose prefix ends at a border of the path, for any rules and path", async () => {
  // Few segments, so that prefixes and paths meet.
  const path = fc
    .array(fc.constantFrom("a", "b", "ab"), { maxLength: 3 })
    .chain((parts) =>
      fc.boolean().map((slash) => `/${parts.join("/")}${slash && parts.length > 0 ? "/" : ""}`),
    );
  const cases = fc.sample(
    fc.record({
      prefixes: fc.uniqueArray(path, { minLength: 1, maxLength: 8 }),
      paths: fc.array(path, { minLength: 4, maxLength: 6 }),
    }),
    { numRuns: 150, seed: 7 },
  );
  const covers = (prefix: string, text: string) =>
    text.startsWith(prefix) &&
    (prefix.endsWith("/") || text.length === prefix.length || text[prefix.length] === "/");
  const elb = await elbWith(
    tableOf(
      {},
      Object.fromEntries(
        cases.map(({ prefixes }, index) => [`h${index}.org`, prefixes.map((prefix) => `${prefix} p/p`)]),
      ),
    ),
  );
  for (const [index, { prefixes, paths }] of cases.entries())
    for (const text of paths) {
      const { json } = await elb.call(
        "POST",
        "/v1/explain",
        JSON.stringify({ host: `h${index}.org`, path: text }),
      );
      const [outcome] = json["outcomes"] as { rule: string }[];
      expect(outcome?.rule, `${text} among ${prefixes}`).toBe(
        prefixes.find((prefix) => covers(prefix, text)),
      );
    }
});

test("the upstream gets the request as it was, with who asked, how and under which id", async () => {
  const one = await backend("one");
  const elb = await elbWith(tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] }));
  const { seen, headers } = await ask(elb, {
    host: "hello.org:8080",
    path: "/p%20a/../b?q=1",
    method: "PUT",
    headers: {
      "x-forwarded-for": "1.2.3.4",
      "x-request-id": "mine-1",
      "x-other": "kept",
      upgrade: "h2c",
      connection: "upgrade",
    },
    body: "text",
  });
  expect(seen).toMatchObject({ method: "PUT", url: "/p%20a/../b?q=1", body: "text" });
  expect(seen?.headers).toMatchObject({
    host: "hello.org:8080",
    "x-forwarded-for": "1.2.3.4, 127.0.0.1",
    "x-forwarded-proto": "http",
    "x-forwarded-host": "hello.org:8080",
    "x-real-ip": "127.0.0.1",
    "x-request-id": "mine-1",
    "x-other": "kept",
  });
  expect(seen?.headers).not.toHaveProperty("upgrade");
  expect(headers["x-request-id"]).toBe("mine-1");
  const odd = await ask(elb, { headers: { "x-request-id": "no spaces allowed" } });
  expect(odd.headers["x-request-id"]).toMatch(/^[0-9a-f]{32}$/);
  expect(odd.seen?.headers["x-request-id"]).toBe(odd.headers["x-request-id"]);
});

test("a request that names one host in its line and another in its header is forwarded under the one it was routed by", async () => {
  const one = await backend("one");
  const elb = await elbWith(tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] }));
  const { seen } = await ask(elb, { host: "victim.org", path: "http://hello.org/x" });
  expect(seen?.headers["host"]).toBe("hello.org");
});

test("what cannot be routed is answered with status, reason and a sentence", async () => {
  const elb = await elbWith(
    tableOf({ "empty/web": [] }, { "hello.org": ["/empty empty/web", "/gone no/pool"] }),
  );
  const expected: [Ask, number, string][] = [
    [{ host: "else.org" }, 404, "no_such_host"],
    [{ path: "/nothing" }, 404, "no_such_path"],
    [{ path: "/empty" }, 503, "no_endpoint"],
    [{ path: "/gone" }, 503, "no_such_pool"],
  ];
  for (const [what, status, reason] of expected) {
    const answer = await ask(elb, what);
    expect(answer).toMatchObject({
      status,
      headers: { "x-eru-reason": reason, "content-type": "text/plain; charset=utf-8" },
    });
    expect(answer.text).toMatch(/^[A-Z].*\.\n$/);
    expect(answer.headers["retry-after"]).toBe(status === 503 ? "1" : undefined);
  }
  expect((await ask(elb, { host: "else.org", method: "POST", body: "x" })).status).toBe(404);
});

test("an answer of the upstream is passed on as it is, also an error", async () => {
  const failing = await backend("one", (_request, response) =>
    response.writeHead(503, { "x-mine": "1" }).end("mine"),
  );
  const elb = await elbWith(tableOf({ "a/web": [failing.endpoint] }, { "hello.org": ["/ a/web"] }));
  expect(await ask(elb)).toMatchObject({ status: 503, text: "mine", headers: { "x-mine": "1" } });
  expect(failing.requests()).toBe(1);
});

test("requests are shared by weight, evenly over time", async () => {
  const [light, heavy] = [await backend("light"), await backend("heavy")];
  const pool = [light.endpoint, { ...heavy.endpoint, w: 3 }];
  const elb = await elbWith(tableOf({ "a/web": pool }, { "hello.org": ["/ a/web"] }));
  const client = new Client(elb.port);
  atEnd(() => client.close());
  const order: string[] = [];
  for (let count = 0; count < 40; count++) order.push((await client.ask()).seen?.id ?? "none");
  expect(order.filter((id) => id === "light")).toHaveLength(10);
  expect(order.join(" ")).not.toMatch(/heavy heavy heavy heavy/);
});

test("draining endpoints get nothing new", async () => {
  const [going, staying] = [await backend("going"), await backend("staying")];
  const pool = [{ ...going.endpoint, s: "d" as const }, staying.endpoint];
  const elb = await elbWith(tableOf({ "a/web": pool }, { "hello.org": ["/ a/web"] }));
  for (let count = 0; count < 10; count++) expect((await ask(elb)).seen?.id).toBe("staying");
  expect(going.requests()).toBe(0);
});

test("an endpoint that refuses connections costs no request, and is left out after two", async () => {
  const alive = await backend("alive");
  const dead = { ...alive.endpoint, id: "dead", port: await freePort() };
  const elb = await elbWith(tableOf({ "a/web": [dead, alive.endpoint] }, { "hello.org": ["/ a/web"] }));
  const client = new Client(elb.port);
  atEnd(() => client.close());
  for (let count = 0; count < 30; count++) {
    const what = count % 2 === 0 ? {} : { method: "POST", body: "x" };
    expect((await client.ask(what)).seen?.id).toBe("alive");
  }
  // This connection's worker has tried it twice, and then never again.
  const counts = { connect_failures_total: "2", retries_total: "2", ejections_total: "1" };
  for (const [name, count] of Object.entries(counts))
    await until(`${name} is ${count}`, async () => {
      const { text } = await elb.call("GET", "/metrics");
      return new RegExp(`eru_elb_${name}{pool="a/web"} (\\d+)`).exec(text)?.[1] === count;
    });
});

test("when all endpoints refuse connections each is tried, and none is left out for ever", async () => {
  const dead = await Promise.all(
    ["d-1", "d-2"].map(async (id) => ({
      id,
      ip: "127.0.0.1",
      port: await freePort(),
      w: 1,
      s: "a" as const,
    })),
  );
  const elb = await elbWith(tableOf({ "a/web": dead }, { "hello.org": ["/ a/web"] }));
  for (let count = 0; count < 6; count++)
    expect(await ask(elb)).toMatchObject({ status: 502, headers: { "x-eru-reason": "endpoint_failed" } });
  await until("the log has them", async () => {
    const log = await accessLog(elb);
    return log.length === 6 && log.every(({ tries }) => tries === 2);
  });
});

async function accessLog(elb: Elb): Promise<Record<string, unknown>[]> {
  const text = await readFile(join(elb.dir, "logs", "access.log"), "utf8");
  return text
    .trim()
    .split("\n")
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

test("a POST that was sent is not sent again when the upstream dies over it; a GET is", async () => {
  const dying = await backend("dying", (request) => request.socket.destroy());
  const alive = await backend("alive");
  const elb = await elbWith(
    tableOf({ "a/web": [dying.endpoint, alive.endpoint] }, { "hello.org": ["/ a/web"] }),
  );
  const client = new Client(elb.port);
  atEnd(() => client.close());
  const gets = await Promise.all(Array.from({ length: 10 }, () => client.ask()));
  expect(gets.map(({ status }) => status)).toEqual(Array(10).fill(200));
  const posts: number[] = [];
  for (let count = 0; count < 10; count++)
    posts.push((await client.ask({ method: "POST", body: "x" })).status);
  expect(posts.filter((status) => status === 502)).toHaveLength(5);
  expect(posts.filter((status) => status === 200)).toHaveLength(5);
});

test("an upstream that is too slow is given up after the time the table says", async () => {
  const silent = await backend("silent", () => undefined);
  const table = tableOf({ "a/web": [silent.endpoint] }, { "hello.org": ["/ a/web"] });
  table.set(
    "g:forward",
    JSON.stringify({ tries: 1, connectMs: 500, sendMs: 500, readMs: 100, upgradedMs: 60_000 }),
  );
  const elb = await elbWith(table);
  expect(await ask(elb)).toMatchObject({ status: 504, headers: { "x-eru-reason": "endpoint_timeout" } });
});

test("an upgraded connection passes bytes both ways, is counted in flight and outlives the read timeout", async () => {
  const one = await backend("one");
  const table = tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] });
  table.set(
    "g:forward",
    JSON.stringify({ tries: 1, connectMs: 500, sendMs: 500, readMs: 50, upgradedMs: 60_000 }),
  );
  const elb = await elbWith(table);
  const open = await openUpgraded(elb.port);
  expect(await open.echo("ping")).toBe("ping");
  const inFlight = async () => (await elb.admin.drain(["one"])).endpoints["one"];
  expect(await inFlight()).toEqual({ http: 0, upgraded: 1 });
  const answered = performance.now();
  await until("the read timeout is over", () => performance.now() - answered > 150);
  expect(await open.echo("pong")).toBe("pong");
  open.close();
  await until("it is counted out", async () => (await inFlight())?.upgraded === 0);
});

test("the access log says of each request where it went, without its query", async () => {
  const one = await backend("one");
  const elb = await elbWith(tableOf({ "a/web": [one.endpoint] }, { "*.org": ["/ a/web"] }));
  await ask(elb, { path: "/x?token=secret", headers: { "x-request-id": "id-1", "user-agent": 'a"b' } });
  await ask(elb, { host: "else.net" });
  // Each worker writes when its buffer is due, so the order is open.
  const log = await until("both are written", async () => {
    const found = await accessLog(elb);
    return found.length === 2 && found;
  });
  const [first, second] = log.toSorted((a, b) => Number(a["status"]) - Number(b["status"]));
  expect(first).toMatchObject({
    id: "id-1",
    method: "GET",
    host: "hello.org",
    path: "/x",
    status: 200,
    route: "*.org",
    rule: "/",
    pool: "a/web",
    endpoint: "one",
    tries: 1,
    reason: "",
    upstreamStatus: "200",
    userAgent: 'a"b',
  });
  expect(second).toMatchObject({
    host: "else.net",
    status: 404,
    reason: "no_such_host",
    tries: 0,
    endpoint: "",
  });
  expect(JSON.stringify(first)).not.toContain("secret");
});

test("metrics count by host, rule, pool and class of status, in buckets that add up", async () => {
  const one = await backend("one");
  const elb = await elbWith(tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] }));
  for (let count = 0; count < 3; count++) await ask(elb);
  await ask(elb, { host: 'evil"} 1' }).catch(() => undefined);
  const labels = 'host="hello.org",rule="/",pool="a/web"';
  const text = await until("all workers have counted", async () => {
    const { text: found } = await elb.call("GET", "/metrics");
    return found.includes(`eru_elb_requests_total{${labels},class="2xx"} 3`) && found;
  });
  expect(text).toContain(`eru_elb_request_seconds_bucket{${labels},le="+Inf"} 3`);
  expect(text).toContain(`eru_elb_request_seconds_count{${labels}} 3`);
  expect(text).toMatch(/\neru_elb_table_seq 10\n/);
  expect(text).not.toContain("evil");
});
