// What becomes of a request that met a rule: where it goes, and how it and its answer change.
import { afterEach, expect, test } from "vitest";
import { Client } from "./testing-client.ts";
import { freePort, until } from "./testing-nginx.ts";
import { ask, elbWith, explain, forwarding, named, ruleTable, to } from "./testing-rules.ts";
import { atEnd, backend, endAll } from "./testing-service.ts";

afterEach(endAll);

const counted = async (count: number, answer: () => Promise<string | undefined>) => {
  const seen: Record<string, number> = {};
  for (let index = 0; index < count; index++) {
    const id = (await answer()) ?? "none";
    seen[id] = (seen[id] ?? 0) + 1;
  }
  return seen;
};

test("a split by weight is by chance, weight 0 gets nothing; with a key the same user stays", async () => {
  const [one, two, three] = [await backend("one"), await backend("two"), await backend("three")];
  const backends = [
    { pool: "a/web=v1", weight: 3, release: "v1" },
    { pool: "a/web=v2", weight: 1, release: "v2", track: "canary" },
    { pool: "a/web=v3", weight: 0 },
  ];
  const split = { cookie: "user" };
  const elb = await elbWith(
    ruleTable(
      { "a/web=v1": [one.endpoint], "a/web=v2": [two.endpoint], "a/web=v3": [three.endpoint] },
      {
        "hello.org": [{ id: "all", forward: { backends } }],
        "keyed.org": [{ id: "all", forward: { backends, split } }],
      },
    ),
  );
  const client = new Client(elb.port);
  atEnd(() => client.close());
  const seen = await counted(200, async () => (await client.ask()).seen?.id);
  expect(seen["two"]).toBeGreaterThan(25);
  expect(seen["two"]).toBeLessThan(80);
  expect(seen["three"]).toBeUndefined();
  const users = Array.from({ length: 40 }, (_, index) => ({ cookie: `user=u${index}` }));
  const placed = async () => {
    const ids = [];
    for (const headers of users) ids.push((await client.ask({ host: "keyed.org", headers })).seen?.id);
    return ids;
  };
  const first = await placed();
  expect(new Set(first)).toEqual(new Set(["one", "two"]));
  expect(await placed()).toEqual(first);
  const told = await explain(elb, { host: "keyed.org", path: "/", headers: { cookie: "user=u0" } });
  expect(told).toMatchObject({
    outcomes: [{ rule: "all", share: 1, backends: [{ share: 1, endpoints: [{ id: first[0] }] }] }],
  });
  expect(await explain(elb, { host: "hello.org", path: "/" })).toMatchObject({
    outcomes: [
      {
        backends: [
          { share: 0.75, release: "v1" },
          { share: 0.25, release: "v2", track: "canary" },
        ],
      },
    ],
  });
});

test("a backend without endpoints takes no part; without any the fallback serves, and then nobody", async () => {
  const [one, sorry] = [await backend("one"), await backend("sorry")];
  const backends = [
    { pool: "a/canary", weight: 99 },
    { pool: "a/web", weight: 1 },
  ];
  const forward = { backends, split: "path", fallback: "a/sorry" };
  const table = (web: object[], fallback: object[]) => ({
    "a/web": web,
    "a/canary": [],
    "a/sorry": fallback,
  });
  const rule = [{ id: "all", forward }];
  const id = async (pools: object) =>
    ask(await elbWith(ruleTable(pools as never, { "hello.org": rule })), { path: "/x" });
  expect((await id(table([one.endpoint], [sorry.endpoint]))).seen?.id).toBe("one");
  expect((await id(table([], [sorry.endpoint]))).seen?.id).toBe("sorry");
  expect(await id(table([{ ...one.endpoint, s: "d" }], []))).toMatchObject({
    status: 503,
    headers: { "x-eru-reason": "no_endpoint" },
  });
});

test("a sticky cookie keeps a client on its endpoint, names no address, and goes on to another when that is gone", async () => {
  const all = [await backend("one"), await backend("two"), await backend("three")];
  const elb = await elbWith(
    ruleTable(
      { "a/web": all.map(({ endpoint }) => endpoint) },
      {
        "hello.org": [to("a/web", { sticky: { cookie: "where", ttlSeconds: 60, onDrain: "rebind" } })],
        "keep.org": [to("a/web", { sticky: { cookie: "where", ttlSeconds: 60, onDrain: "keep" } })],
      },
    ),
  );
  const first = await ask(elb);
  const [set = ""] = first.headers["set-cookie"] ?? [];
  expect(set).toMatch(/^where=[0-9a-f]{16}; Path=\/; Max-Age=60; HttpOnly; SameSite=Lax$/);
  const headers = { cookie: set.split(";")[0] ?? "" };
  for (let count = 0; count < 6; count++) {
    const next = await ask(elb, { headers });
    expect(next.seen?.id).toBe(first.seen?.id);
    expect(next.headers["set-cookie"]).toBeUndefined();
  }
  const eps = all.map(({ endpoint }) =>
    endpoint.id === first.seen?.id ? { ...endpoint, s: "d" } : endpoint,
  );
  const line = { key: "p:a/web", json: JSON.stringify({ eps }) };
  expect(await elb.admin.delta({ epoch: "e1", base: 10, seq: 11 }, [line])).toMatchObject({ ok: true });
  expect((await ask(elb, { headers, host: "keep.org" })).seen?.id).toBe(first.seen?.id);
  const moved = await ask(elb, { headers });
  expect(moved.seen?.id).not.toBe(first.seen?.id);
  expect(moved.headers["set-cookie"]).toHaveLength(1);
  expect((await ask(elb, { headers: { cookie: "where=0123456789abcdef" } })).status).toBe(200);
});

test("paths are rewritten: strip, then regex, then add; the query stays", async () => {
  const one = await backend("one");
  const url = async (rewrite: object, path: string) => {
    const elb = await forwarding([one], { rewrite });
    return (await ask(elb, { path })).seen?.url;
  };
  expect(await url({ stripPrefix: "/api" }, "/api/x?q=1")).toBe("/x?q=1");
  expect(await url({ stripPrefix: "/api" }, "/api")).toBe("/");
  expect(await url({ stripPrefix: "/api/" }, "/api/x")).toBe("/x");
  expect(await url({ stripPrefix: "/api" }, "/apix")).toBe("/apix");
  expect(await url({ addPrefix: "/v2/" }, "/a%20b")).toBe("/v2/a%20b");
  const regex = { pattern: "^/(\\w+)/(\\w+)", replacement: "/$2/$1$3" };
  expect(await url({ regex }, "/a/b/c?x")).toBe("/b/a/c?x");
  expect(await url({ stripPrefix: "/s", regex, addPrefix: "/p" }, "/s/a/b")).toBe("/p/b/a");
  expect(await url({ regex: { pattern: "^/", replacement: "$$&" } }, "/x")).toBe("/$$&x");
});

test("the host upstream is the client's, a given one, or the endpoint's address at each try", async () => {
  const one = await backend("one");
  const { ip, port } = one.endpoint;
  const host = async (rewrite: object, before: object[] = []) => {
    const eps = [...before, one.endpoint] as never;
    const elb = await elbWith(ruleTable({ "a/web": eps }, { "hello.org": [to("a/web", { rewrite })] }));
    const { seen } = await ask(elb, { host: "hello.org:81", method: "PUT", body: "text" });
    expect(seen?.body).toBe("text");
    expect(seen?.headers["x-forwarded-host"]).toBe("hello.org:81");
    return seen?.headers["host"];
  };
  expect(await host({})).toBe("hello.org:81");
  expect(await host({ host: { exact: "inner.example:8080" } })).toBe("inner.example:8080");
  expect(await host({ host: { upstream: true } })).toBe(`${ip}:${port}`);
  const dead = { ...one.endpoint, id: "dead", port: await freePort(), w: 1_000 };
  expect(await host({ host: { upstream: true } }, [dead])).toBe(`${ip}:${port}`);
});

test("headers of requests and answers are removed, set and added, in this order", async () => {
  const one = await backend("one", (_request, response, seen) => {
    response.setHeader("x-old", "1").setHeader("x-list", ["a", "b"]).setHeader("set-cookie", "mine=1");
    response.end(JSON.stringify(seen));
  });
  const changes = {
    remove: ["X-Gone", "X-Old"],
    set: { "X-Set": "new", "x-old": "2" },
    add: { "X-List": "c", "Set-Cookie": "other=2" },
  };
  const elb = await forwarding([one], { requestHeaders: changes, responseHeaders: changes });
  const { seen, headers } = await ask(elb, {
    headers: { "x-gone": "1", "x-set": "old", "x-list": "a", "x-old": "1" },
  });
  expect(seen?.headers).toMatchObject({ "x-set": "new", "x-old": "2", "x-list": "a, c" });
  expect(seen?.headers).not.toHaveProperty("x-gone");
  expect(headers).toMatchObject({ "x-set": "new", "x-old": "2", "x-list": "a, b, c" });
  expect(headers["set-cookie"]).toEqual(["mine=1", "other=2"]);
});

test("a body above the rule's limit gets 413, whether its length is known or not", async () => {
  const one = await backend("one");
  for (const more of [{}, { requestBuffering: false }]) {
    const elb = await forwarding([one], { bodyBytesMax: 1_000, ...more });
    const upload = (length: number, headers: Record<string, string>) =>
      ask(elb, { method: "POST", body: "x".repeat(length), headers });
    expect((await upload(1_000, {})).seen?.body).toHaveLength(1_000);
    expect(await upload(1_001, {})).toMatchObject({
      status: 413,
      headers: { "x-eru-reason": "body_too_large" },
    });
    const chunked = { "transfer-encoding": "chunked" };
    expect((await upload(1_000, chunked)).seen?.body).toHaveLength(1_000);
    // What is passed on as it comes is counted by nginx, in steps.
    const above = "requestBuffering" in more ? 2 * 1024 ** 2 : 1_001;
    expect((await upload(above, chunked)).status).toBe(413);
  }
});

test("redirects fill in host, path, query and the groups of the path's regex, encoded", async () => {
  const redirect = (location: string) => ({ location, status: 308 });
  const elb = await elbWith(
    ruleTable(
      {},
      {
        "hello.org": [
          {
            id: "moved",
            when: [{ path: { regex: "^/old/([^/]+)(/x)?" } }],
            redirect: redirect("https://new.org/$1$2?from=$host&$nothing"),
          },
          { id: "all", redirect: { location: "https://$host:8443$path$query", status: 302 } },
        ],
      },
    ),
  );
  expect(await ask(elb, { path: "/old/a%20b%0d%0aSet-Cookie:x/y" })).toMatchObject({
    status: 308,
    headers: { location: "https://new.org/a%20b%0D%0ASet-Cookie:x?from=hello.org&$nothing" },
  });
  expect(await ask(elb, { path: "/a%3Fb//c?q=%20&r", host: "hello.org:80" })).toMatchObject({
    status: 302,
    headers: { location: "https://hello.org:8443/a%3Fb/c?q=%20&r" },
  });
  expect(await explain(elb, { host: "hello.org", path: "/a?b", query: "q" })).toMatchObject({
    outcomes: [{ action: "redirect", status: 302, location: "https://hello.org:8443/a%3Fb?q" }],
  });
});

test("an answer of the rule's own has its status, body and headers", async () => {
  const respond = { status: 451, body: "no\n", headers: { "X-Why": "law", "content-type": "text/html" } };
  const elb = await elbWith(
    ruleTable(
      {},
      {
        "hello.org": [{ id: "law", respond }],
        "empty.org": [{ id: "none", respond: { status: 204, body: "ignored" } }],
        "teapot.org": [{ id: "bad", respond: { status: 502, body: "" } }],
      },
    ),
  );
  expect(await ask(elb)).toMatchObject({
    status: 451,
    text: "no\n",
    headers: { "x-why": "law", "content-type": "text/html" },
  });
  expect(await ask(elb, { host: "empty.org" })).toMatchObject({ status: 204, text: "" });
  expect(await ask(elb, { host: "teapot.org", method: "POST", body: "x" })).toMatchObject({
    status: 502,
    text: "",
  });
});

test("a host that is served over TLS only sends plain requests there", async () => {
  const table = ruleTable({}, {});
  table.set("r:hello.org", JSON.stringify({ tls: { redirectHttp: true }, rules: [named("all")] }));
  const elb = await elbWith(table);
  expect(await ask(elb, { path: "/a%20b?q", method: "PUT", body: "x" })).toMatchObject({
    status: 308,
    headers: { location: "https://hello.org/a%20b?q" },
  });
});

test("a copy of each request goes to the mirror: same method, path and body; nobody waits for it", async () => {
  const copies: { method: string; url: string; body: string; id: string | undefined }[] = [];
  let finish = () => {};
  const slow = await backend("slow", (_request, response, { method, url, body, headers }) => {
    copies.push({ method, url, body, id: headers["x-request-id"] });
    finish = () => response.end();
  });
  const one = await backend("one");
  const elb = await elbWith(
    ruleTable(
      { "a/web": [one.endpoint], "a/slow": [slow.endpoint] },
      {
        "hello.org": [to("a/web", { mirror: "a/slow", rewrite: { stripPrefix: "/in" } })],
        "none.org": [to("a/web", { mirror: "a/nobody" })],
      },
    ),
  );
  const body = "b".repeat(100_000);
  const client = new Client(elb.port);
  atEnd(() => client.close());
  const answer = await client.ask({ method: "POST", path: "/in/x?q", body });
  expect(answer).toMatchObject({ status: 200, seen: { id: "one", url: "/x?q" } });
  await until("the copy is there", () => copies.length === 1);
  expect(copies).toEqual([{ method: "POST", url: "/x?q", body, id: answer.headers["x-request-id"] }]);
  // The mirror has not answered, and the connection is free for the next request.
  expect((await client.ask({ path: "/y" })).seen?.url).toBe("/y");
  expect((await client.ask({ host: "none.org" })).status).toBe(200);
  const large = await client.ask({ method: "POST", body: "b".repeat(1_100_000) });
  expect(large.seen?.body).toHaveLength(1_100_000);
  await until("all is counted", async () => {
    const { text } = await elb.call("GET", "/metrics");
    return (
      text.includes('pool="a/nobody",outcome="no_endpoint"} 1') && text.includes('outcome="too_large"} 1')
    );
  });
  finish();
  expect(copies.filter(({ method }) => method === "POST")).toHaveLength(1);
});

test("requests above a rule's rate get 429, above its places 503", async () => {
  const one = await backend("one", (_request, response, seen) => {
    if (seen.url !== "/hold") response.end(JSON.stringify(seen));
  });
  const elb = await elbWith(
    ruleTable(
      { "a/web": [one.endpoint] },
      {
        "hello.org": [
          to("a/web", { limits: { rate: { perSecond: 0.01, burst: 1, key: { header: "x-u" } } } }),
        ],
        "one.org": [to("a/web", { limits: { inFlightPerEndpoint: 1 } })],
      },
    ),
  );
  const rated = async (user: string) => (await ask(elb, { headers: { "x-u": user } })).status;
  expect([await rated("a"), await rated("a"), await rated("a"), await rated("b")]).toEqual([
    200, 200, 429, 200,
  ]);
  const holder = new Client(elb.port);
  const held = holder.ask({ host: "one.org", path: "/hold" });
  held.catch(() => {});
  await until("it is held", () => one.requests() === 4);
  expect(await ask(elb, { host: "one.org" })).toMatchObject({
    status: 503,
    headers: { "x-eru-reason": "in_flight_limit" },
  });
  holder.close();
  await until("the place is free", async () => (await ask(elb, { host: "one.org" })).status === 200);
});
