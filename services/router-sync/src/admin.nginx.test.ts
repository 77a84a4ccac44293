// The contract of the admin socket, call by call, on a real nginx.
import { createHash } from "node:crypto";
import { afterEach, expect, test } from "vitest";
import { type Elb, hostJson, startElb, tableOf, until } from "./testing-nginx.ts";

const endpoint = (id: string, s: "a" | "d" = "a") => ({ id, ip: "127.0.0.1", port: 9, w: 1, s });
const table = tableOf({ "hello/web": [endpoint("w-1")] }, { "hello.org": ["/ hello/web"] });
const poolLine = (name: string, ...ids: string[]) =>
  `+\tp:${name}\t${JSON.stringify({ eps: ids.map((id) => endpoint(id)) })}\n`;
const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");
const delta = (header: object, ...lines: string[]) => `${JSON.stringify(header)}\n${lines.join("")}`;
const at = (base: number, seq = base + 1, epoch = "e1") => ({ epoch, base, seq });

const running: Elb[] = [];
async function start(...args: Parameters<typeof startElb>): Promise<Elb> {
  const elb = await startElb(...args);
  running.push(elb);
  return elb;
}
afterEach(async () => {
  for (const elb of running.splice(0)) await elb.stop();
});

async function lines(elb: Elb, prefix = ""): Promise<string[]> {
  const { text } = await elb.call("GET", `/v1/table?prefix=${prefix}`);
  return text.split("\n").slice(1, -1).sort();
}

async function upload(elb: Elb, chunks: string[], header: Record<string, unknown> = {}) {
  const { json } = await elb.call("POST", "/v1/gen");
  for (const [index, chunk] of chunks.entries()) {
    const put = await elb.call("PUT", `/v1/gen/${json["gen"]}/chunk/${index}`, chunk);
    if (put.status !== 200) return put;
  }
  const commit = {
    epoch: "e1",
    seq: 20,
    chunks: chunks.length,
    count: chunks.join("").split("\n").length - 1,
    sha256: sha256(chunks.map(sha256).join("")),
    ...header,
  };
  return await elb.call("POST", `/v1/gen/${json["gen"]}/commit`, JSON.stringify(commit));
}

test("status names the table in force and every worker with the change it has seen", async () => {
  const elb = await start(table);
  const { status, json } = await elb.call("GET", "/v1/status");
  expect(status).toBe(200);
  expect(json).toMatchObject({ epoch: "e1", seq: 10, gen: 1, token: 1, orphaned: false });
  expect(json["workers"]).toEqual([
    { pid: expect.any(Number), ackedToken: 1, exiting: false },
    { pid: expect.any(Number), ackedToken: 1, exiting: false },
  ]);
  expect((await elb.call("GET", "/__elb/ready")).json).toMatchObject({ epoch: "e1", seq: 10 });
});

test("the table is given back line by line, by prefix", async () => {
  const elb = await start(table);
  expect(await lines(elb)).toEqual([
    poolLine("hello/web", "w-1").trimEnd(),
    `+\tr:hello.org\t${hostJson(["/ hello/web"])}`,
  ]);
  expect(await lines(elb, "r:")).toHaveLength(1);
});

test("a delta on the table in force is applied and moves token and sequence", async () => {
  const elb = await start(table);
  const body = delta(at(10, 14), poolLine("hello/web", "w-2"), "-\tr:hello.org\n");
  expect(await elb.call("POST", "/v1/delta", body)).toMatchObject({ status: 200, json: { token: 2 } });
  expect(await lines(elb)).toEqual([poolLine("hello/web", "w-2").trimEnd()]);
  expect((await elb.call("GET", "/v1/status")).json).toMatchObject({ seq: 14, token: 2, epoch: "e1" });
});

test("a delta on another table is refused with the one in force, and changes nothing", async () => {
  const elb = await start(table);
  for (const header of [at(9), at(11), at(10, 11, "e2")])
    expect(await elb.call("POST", "/v1/delta", delta(header, "-\tr:hello.org\n"))).toMatchObject({
      status: 409,
      json: { epoch: "e1", seq: 10 },
    });
  expect(await lines(elb)).toHaveLength(2);
});

test("a delta may carry no lines, to move the sequence", async () => {
  const elb = await start(table);
  expect((await elb.call("POST", "/v1/delta", delta(at(10, 99)))).status).toBe(200);
  expect((await elb.call("GET", "/v1/status")).json).toMatchObject({ seq: 99 });
});

test.each([
  ["no header", "+\tp:a/b\t{}\n"],
  ["a sequence that does not grow", delta(at(10, 10))],
  ["a header without epoch", delta({ base: 10, seq: 11 })],
  ["an epoch with a space", delta(at(10, 11, "e 1"))],
])("a delta with %s is a bad request", async (_what, body) => {
  const elb = await start(table);
  expect((await elb.call("POST", "/v1/delta", body)).status).toBe(400);
});

const eps = (one: object) => `+\tp:a/web\t${JSON.stringify({ eps: [{ ...endpoint("w-1"), ...one }] })}\n`;
const rules = (...some: object[]) => `+\tr:a.org\t${JSON.stringify({ rules: some })}\n`;
const covering = (prefix: string) => [{ path: { prefix } }];
const good = { id: "/", when: covering("/"), forward: { backends: [{ pool: "a/web", weight: 1 }] } };
test("a line the table must not hold is refused with number, key and reason; nothing of the delta is applied", async () => {
  const elb = await start(table);
  const wrong: [string, string, RegExp][] = [
    ["not a line at all\n", "", /not a line/],
    ["+\tx:what\t{}\n", "x:what", /not a key/],
    ["+\tp:a b\t{}\n", "p:a b", /not a key/],
    ["+\tr:*.*.org\t{}\n", "r:*.*.org", /not a key/],
    ["+\tp:a/web\t{\n", "p:a/web", /not JSON/],
    ["+\tp:a/web\t[]\n", "p:a/web", /eps is not a list/],
    ['+\tp:a/web\t{"eps":[],"algo":"rr"}\n', "p:a/web", /unknown key "algo"/],
    ["-\tp:a/web\t{}\n", "p:a/web", /carries no value/],
    [eps({ ip: "256.1.1.1" }), "p:a/web", /eps\[0\].ip is "256.1.1.1", wanted an IP/],
    [eps({ ip: "evil.example" }), "p:a/web", /wanted an IP/],
    [eps({ port: 0 }), "p:a/web", /port is 0/],
    [eps({ w: 0.5 }), "p:a/web", /w is 0.5/],
    [eps({ s: "x" }), "p:a/web", /draining/],
    [poolLine("a/web", "w-1", "w-1"), "p:a/web", /w-1 is there twice/],
    [rules(), "r:a.org", /is empty/],
    [rules(good, good), "r:a.org", /rule \/ is there twice/],
    [rules({ ...good, when: covering("api") }), "r:a.org", /begins with \//],
    [rules({ ...good, when: covering("/a/../b") }), "r:a.org", /no \/\//],
    [rules({ ...good, when: covering(`/${"x".repeat(1024)}`) }), "r:a.org", /at most 1024 bytes/],
    [rules({ ...good, weight: 1 }), "r:a.org", /unknown key "weight"/],
    ['+\tg:forward\t{"tries":0}\n', "g:forward", /forward/],
    [`${poolLine("b/web", "w-9")}${poolLine("b/web", "w-8")}`.slice(0), "p:b/web", /key is there twice/],
  ];
  for (const [text, key, reason] of wrong) {
    const answer = await elb.call("POST", "/v1/delta", delta(at(10), "-\tr:hello.org\n", text));
    expect(answer, text).toMatchObject({ status: 422, json: { reason: expect.stringMatching(reason) } });
    expect(answer.json["line"], text).toBe(text.startsWith("+\tp:b/web") ? 3 : 2);
    if (key) expect(answer.json["key"]).toBe(key);
  }
  expect(await lines(elb)).toHaveLength(2);
  expect((await elb.call("GET", "/v1/status")).json).toMatchObject({ token: 1, seq: 10 });
});

test("limits of a line are kept: rules of a host, endpoints of a pool, bytes", async () => {
  const elb = await start();
  const many = (count: number) =>
    `+\tp:a/web\t${JSON.stringify({ eps: Array.from({ length: count }, (_, index) => endpoint(`w-${index}`)) })}\n`;
  expect((await elb.call("POST", "/v1/validate", many(1_000))).status).toBe(200);
  expect((await elb.call("POST", "/v1/validate", many(1_001))).json["reason"]).toMatch(
    /1001 entries, at most 1000/,
  );
  const rulesOf = (count: number, length: number) =>
    `+\tr:a.org\t${hostJson(Array.from({ length: count }, (_, index) => `/${String(index).padStart(length, "x")} a/web`))}\n`;
  expect((await elb.call("POST", "/v1/validate", rulesOf(2_001, 4))).status).toBe(422);
  expect((await elb.call("POST", "/v1/validate", rulesOf(200, 1_000))).json["reason"]).toMatch(
    /bytes, at most 65536/,
  );
});

test("validate says what a write would say and writes nothing", async () => {
  const elb = await start(table);
  expect(await elb.call("POST", "/v1/validate", poolLine("b/web", "w-1"))).toMatchObject({
    status: 200,
    json: { n: 1 },
  });
  expect(await elb.call("POST", "/v1/validate", "+\tp:b/web\t{}\n")).toMatchObject({
    status: 422,
    json: { line: 1 },
  });
  expect(await lines(elb)).toHaveLength(2);
});

test("a generation replaces everything at its commit, also epoch and a lower sequence", async () => {
  const elb = await start(table);
  const chunks = [poolLine("b/web", "w-2") + poolLine("c/web"), `+\tr:b.org\t${hostJson(["/ b/web"])}\n`];
  expect(await upload(elb, chunks, { epoch: "e2", seq: 3 })).toMatchObject({
    status: 200,
    json: { token: 2 },
  });
  expect(await lines(elb)).toEqual(chunks.join("").trimEnd().split("\n").sort());
  expect((await elb.call("GET", "/v1/status")).json).toMatchObject({ epoch: "e2", seq: 3, gen: 2 });
});

test("nothing of a generation is seen before its commit", async () => {
  const elb = await start(table);
  const { json } = await elb.call("POST", "/v1/gen");
  await elb.call("PUT", `/v1/gen/${json["gen"]}/chunk/0`, poolLine("hello/web", "w-9"));
  expect(await lines(elb)).toContain(poolLine("hello/web", "w-1").trimEnd());
});

test("a chunk may be sent twice; with other lines it is refused", async () => {
  const elb = await start(table);
  const { json } = await elb.call("POST", "/v1/gen");
  const chunk = (text: string) => elb.call("PUT", `/v1/gen/${json["gen"]}/chunk/0`, text);
  expect((await chunk(poolLine("b/web", "w-1"))).status).toBe(200);
  expect((await chunk(poolLine("b/web", "w-1"))).status).toBe(200);
  expect((await chunk(poolLine("b/web", "w-2"))).status).toBe(409);
});

test.each([
  ["another count", { count: 7 }],
  ["another hash", { sha256: sha256("else") }],
  ["a missing chunk", { chunks: 2 }],
])("a commit with %s is refused and the table before stays", async (_what, header) => {
  const elb = await start(table);
  expect((await upload(elb, [poolLine("b/web", "w-1")], header)).status).toBe(409);
  expect(await lines(elb)).toHaveLength(2);
});

test.each([
  [
    "a key that another chunk has",
    [poolLine("b/web", "w-1"), poolLine("c/web") + poolLine("b/web")],
    2,
    "p:b/web",
  ],
  ["a removal", [`${poolLine("b/web")}-\tp:c/web\n`], 2, "p:c/web"],
  [
    "more than 200 lines",
    [Array.from({ length: 201 }, (_, index) => poolLine(`p${index}`)).join("")],
    201,
    "p:p200",
  ],
])("a chunk with %s is refused", async (_what, chunks, line, key) => {
  const elb = await start(table);
  expect(await upload(elb, chunks)).toMatchObject({ status: 422, json: { line, key } });
});

test("while a generation is open no other writer gets in, until it is committed, given up or forgotten", async () => {
  const elb = await start(table);
  const { json } = await elb.call("POST", "/v1/gen");
  expect(await elb.call("POST", "/v1/delta", delta(at(10)))).toMatchObject({
    status: 423,
    json: { gen: json["gen"] },
  });
  expect((await elb.call("POST", "/v1/gen")).status).toBe(423);
  expect((await elb.call("DELETE", `/v1/gen/${json["gen"]}`)).status).toBe(200);
  expect((await elb.call("DELETE", `/v1/gen/${json["gen"]}`)).status).toBe(404);
  expect((await elb.call("PUT", `/v1/gen/${json["gen"]}/chunk/0`, "")).status).toBe(409);
  expect((await elb.call("POST", "/v1/delta", delta(at(10)))).status).toBe(200);
});

test("a full memory refuses a delta whole, and the table before stays and can still shrink", async () => {
  const elb = await start(table, { tableSize: "2m" });
  const big = (name: string) =>
    `+\tp:${name}\t${JSON.stringify({ eps: Array.from({ length: 900 }, (_, index) => endpoint(`workload-${index}`)) })}\n`;
  let seq = 10;
  for (let index = 0; ; index++) {
    const before = await lines(elb);
    expect(before).toContain(poolLine("hello/web", `w-${index + 1}`).trimEnd());
    const answer = await elb.call(
      "POST",
      "/v1/delta",
      delta(at(seq), poolLine("hello/web", `w-${index + 2}`), big(`big/p${index}`)),
    );
    if (answer.status === 507) {
      expect(await lines(elb)).toEqual(before);
      // What a refused delta had stored already is given back.
      const free = (await elb.call("GET", "/v1/status")).json["dictFree"];
      const some = Array.from({ length: 40 }, (_, id) => `workload-${id}`);
      const many = Array.from({ length: 100 }, (_, number) => poolLine(`some/p${number}`, ...some));
      expect((await elb.call("POST", "/v1/delta", delta(at(seq), ...many))).status).toBe(507);
      expect((await elb.call("GET", "/v1/status")).json["dictFree"]).toBe(free);
      break;
    }
    expect(answer.status).toBe(200);
    seq++;
    expect(index).toBeLessThan(100);
  }
  expect(
    (await elb.call("POST", "/v1/delta", delta(at(seq), "-\tp:big/p0\n", poolLine("hello/web", "w-last"))))
      .status,
  ).toBe(200);
  seq++;
  expect((await elb.call("POST", "/v1/delta", delta(at(seq), big("big/again")))).status).toBe(200);
});

test("a full memory ends a generation, frees what it took, and the table before stays", async () => {
  const elb = await start(table, { tableSize: "2m" });
  const chunk = (index: number) =>
    Array.from({ length: 20 }, (_, line) =>
      poolLine(`g/p${index}-${line}`, ...Array.from({ length: 200 }, (_, id) => `w-${id}`)),
    ).join("");
  const { json } = await elb.call("POST", "/v1/gen");
  const free = Number((await elb.call("GET", "/v1/status")).json["dictFree"]);
  for (let index = 0; ; index++) {
    const { status } = await elb.call("PUT", `/v1/gen/${json["gen"]}/chunk/${index}`, chunk(index));
    if (status === 507) break;
    expect(index).toBeLessThan(100);
  }
  expect(await lines(elb)).toHaveLength(2);
  expect(
    (
      await elb.call(
        "POST",
        `/v1/gen/${json["gen"]}/commit`,
        JSON.stringify({ epoch: "e1", seq: 11, chunks: 0, count: 0, sha256: sha256("") }),
      )
    ).status,
  ).toBe(409);
  await until(
    "the memory is free again",
    async () => Number((await elb.call("GET", "/v1/status")).json["dictFree"]) >= free,
  );
  expect((await elb.call("POST", "/v1/delta", delta(at(10)))).status).toBe(200);
});

test("old generations are deleted in the background", async () => {
  const elb = await start(new Map(), { tableSize: "4m" });
  const chunks = Array.from({ length: 10 }, (_, chunk) =>
    Array.from({ length: 200 }, (_, line) => poolLine(`g/p${chunk}-${line}`, "w-1")).join(""),
  );
  await upload(elb, chunks);
  const free = Number((await elb.call("GET", "/v1/status")).json["dictFree"]);
  for (const seq of [30, 40]) expect((await upload(elb, chunks, { seq })).status).toBe(200);
  await until(
    "only one is left",
    // Values are spread over pages differently each time, so not quite as many are wholly free.
    async () => Number((await elb.call("GET", "/v1/status")).json["dictFree"]) >= free * 0.95,
  );
  expect(await lines(elb)).toHaveLength(2_000);
});

test("explain names rule, pool and endpoints of a request, or why there is nowhere to go", async () => {
  const elb = await start(
    tableOf(
      { "hello/web": [endpoint("w-1"), endpoint("w-2", "d")], "empty/web": [] },
      { "hello.org": ["/api hello/web", "/empty empty/web", "/gone no/pool"] },
    ),
  );
  const explain = async (host: string, path: string) =>
    (await elb.call("POST", "/v1/explain", JSON.stringify({ host, path }))).json;
  const to = (rule: string, pool: string, ...endpoints: object[]) => [
    { rule, share: 1, action: "forward", backends: [{ pool, share: 1, endpoints }] },
  ];
  expect(await explain("hello.org", "/api/x")).toEqual({
    route: "hello.org",
    outcomes: to("/api", "hello/web", endpoint("w-1"), endpoint("w-2", "d")),
    skipped: [],
  });
  const skipped = ["/api", "/empty", "/gone"].map((rule) => ({ rule, because: ["path"] }));
  expect(await explain("Hello.org.:80", "/apix")).toEqual({
    route: "hello.org",
    reason: "no_such_path",
    outcomes: [],
    skipped,
  });
  expect(await explain("else.org", "/")).toEqual({ reason: "no_such_host", outcomes: [], skipped: [] });
  expect(await explain("hello.org", "/empty")).toMatchObject({
    outcomes: to("/empty", "empty/web"),
    reason: "no_endpoint",
    skipped: skipped.slice(0, 1),
  });
  expect(await explain("hello.org", "/gone")).toMatchObject({
    outcomes: to("/gone", "no/pool"),
    reason: "no_such_pool",
  });
  expect((await elb.call("POST", "/v1/explain", "{}")).status).toBe(400);
  const odd = { host: "a", path: "/", headers: { "x-a": 1 } };
  expect((await elb.call("POST", "/v1/explain", JSON.stringify(odd))).status).toBe(400);
});

test("drain answers per endpoint with the oldest change a worker has seen; ids are wanted", async () => {
  const elb = await start(table);
  expect((await elb.call("GET", "/v1/drain?ep=w-1&ep=nobody")).json).toMatchObject({
    ackedToken: 1,
    exiting: 0,
    endpoints: { "w-1": { http: 0, upgraded: 0 }, nobody: { http: 0, upgraded: 0 } },
  });
  expect((await elb.call("GET", "/v1/drain")).status).toBe(400);
  const many = Array.from({ length: 201 }, (_, index) => `ep=w-${index}`).join("&");
  expect((await elb.call("GET", `/v1/drain?${many}`)).status).toBe(400);
});

test("every worker acknowledges a change within moments, also an idle one", async () => {
  const elb = await start(table);
  await elb.call("POST", "/v1/delta", delta(at(10)));
  await until("both have seen change 2", async () =>
    (await elb.admin.status()).workers.every(({ ackedToken }) => ackedToken === 2),
  );
});

test("an unknown call is answered as one", async () => {
  const elb = await start(table);
  expect(await elb.call("GET", "/v1/nothing")).toMatchObject({
    status: 404,
    json: { error: "there is no GET /v1/nothing" },
  });
  expect((await elb.call("DELETE", "/v1/delta")).status).toBe(404);
});
