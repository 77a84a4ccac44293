// Changes under traffic: what a request may see while the table moves, and when an endpoint is really free.
import { afterEach, expect, test } from "vitest";
import { encodeLine, type Line } from "./domain/table.ts";
import { send } from "./nginx-process.ts";
import { Client, openUpgraded } from "./testing-client.ts";
import { type Backend, type Elb, freeze, hostJson, startElb, tableOf, until } from "./testing-nginx.ts";
import { atEnd, backend, endAll } from "./testing-service.ts";

afterEach(endAll);

async function elbWith(table: Map<string, string>): Promise<Elb> {
  const elb = await startElb(table);
  atEnd(elb.stop);
  return elb;
}
function clientOf(elb: Elb): Client {
  const client = new Client(elb.port);
  atEnd(() => client.close());
  return client;
}

/** Pushes deltas one after another. */
function writer(elb: Elb): (...lines: Line[]) => Promise<number> {
  let base = 10;
  return async (...lines) => {
    const answer = await elb.admin.delta({ epoch: "e1", base, seq: ++base }, lines);
    if (!answer.ok) throw new Error(`refused: ${JSON.stringify(answer)}`);
    return answer.token;
  };
}
const poolLine = (name: string, ...backends: (Backend | [Backend, "d"])[]): Line => ({
  key: `p:${name}`,
  json: JSON.stringify({
    eps: backends.map((one) => (Array.isArray(one) ? { ...one[0].endpoint, s: one[1] } : one.endpoint)),
  }),
});

/** Two clients, one whose connection is with each worker: the other worker sleeps while it connects. */
async function clientPerWorker(elb: Elb): Promise<Client[]> {
  const { workers } = await elb.admin.status();
  const clients: Client[] = [];
  for (const [index, { pid }] of workers.entries()) {
    const other = workers[1 - index]?.pid ?? pid;
    await freeze(other);
    try {
      const client = clientOf(elb);
      await client.ask();
      clients.push(client);
    } finally {
      send(other, "SIGCONT");
    }
  }
  return clients;
}

test("a delta that was answered is seen by every later request, in every worker", async () => {
  const [one, two] = [await backend("one"), await backend("two")];
  const elb = await elbWith(tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] }));
  const clients = await clientPerWorker(elb);
  const push = writer(elb);
  let wrong = 0;
  for (let round = 0; round < 250; round++) {
    const wanted = round % 2 === 0 ? two : one;
    await push(poolLine("a/web", wanted));
    const seen = await Promise.all(
      [...clients, ...clients].map(async (client) => (await client.ask()).seen?.id),
    );
    wrong += seen.filter((id) => id !== wanted.endpoint.id).length;
  }
  expect(wrong).toBe(0);
});

test("the barrier holds for hosts, wildcards, new pools and whole generations too", async () => {
  const [one, two] = [await backend("one"), await backend("two")];
  const elb = await elbWith(tableOf({ "a/web": [one.endpoint] }, { "*.org": ["/ a/web"] }));
  const clients = await clientPerWorker(elb);
  const push = writer(elb);
  const everywhere = async () =>
    new Set(
      await Promise.all(
        clients.map(
          async (client) => (await client.ask()).seen?.id ?? (await client.ask()).headers["x-eru-reason"],
        ),
      ),
    );
  for (let round = 0; round < 30; round++) {
    await push(poolLine("b/web", two), { key: "r:hello.org", json: hostJson(["/ b/web"]) });
    expect(await everywhere()).toEqual(new Set(["two"]));
    await push({ key: "r:hello.org" }, { key: "p:b/web" });
    expect(await everywhere()).toEqual(new Set(["one"]));
    await push({ key: "r:*.org" });
    expect(await everywhere()).toEqual(new Set(["no_such_host"]));
    await push({ key: "r:*.org", json: hostJson(["/ a/web"]) });
    expect(await everywhere()).toEqual(new Set(["one"]));
  }
  // The same sequence under another epoch: only the token tells the workers.
  const seq = (await elb.admin.status()).seq;
  const lines = [poolLine("a/web", two), { key: "r:*", json: hostJson(["/ a/web"]) }];
  expect(await elb.admin.generation({ epoch: "e2", seq }, lines)).toMatchObject({ ok: true });
  expect(await everywhere()).toEqual(new Set(["two"]));
});

test("a worker that fell further behind than the ring of changes drops everything it knew", async () => {
  const [one, two] = [await backend("one"), await backend("two")];
  const elb = await elbWith(tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] }));
  const [client] = await clientPerWorker(elb);
  const sleeper = (await elb.admin.status()).workers[0]?.pid ?? 0;
  expect((await client?.ask())?.seen?.id).toBe("one");
  await freeze(sleeper);
  try {
    for (let base = 10; base < 10 + 1_030; base++) {
      const line = base === 10 ? poolLine("a/web", two) : poolLine("x/web");
      const body = `${JSON.stringify({ epoch: "e1", base, seq: base + 1 })}\n${encodeLine(line)}`;
      // A connection each: those that are kept may be with the worker that sleeps.
      expect((await elb.call("POST", "/v1/delta", body)).status).toBe(200);
    }
  } finally {
    send(sleeper, "SIGCONT");
  }
  expect((await client?.ask())?.seen?.id).toBe("two");
});

test("the whole upstream set swaps under load without a failed request, and a WebSocket stays open", async () => {
  const all = await Promise.all(["a", "b", "c", "d"].map((id) => backend(id)));
  const [a, b, c, d] = all as [Backend, Backend, Backend, Backend];
  const elb = await elbWith(tableOf({ "a/web": [a.endpoint, b.endpoint] }, { "hello.org": ["/ a/web"] }));
  const held = await openUpgraded(elb.port);
  atEnd(held.close);
  const push = writer(elb);
  let over = false;
  const failures: unknown[] = [];
  let answered = 0;
  const load = Array.from({ length: 8 }, async (_, index) => {
    const client = clientOf(elb);
    while (!over) {
      const what = index % 4 === 0 ? { method: "POST", body: "x".repeat(100) } : {};
      const status = await client.ask(what).then(
        (reply) => reply.status,
        (error: unknown) => error,
      );
      answered++;
      if (status !== 200) failures.push(status);
    }
  });
  for (let swap = 0; swap < 200; swap++) {
    const [pool, line] =
      swap % 2 === 0 ? ["b/web", poolLine("b/web", c, d)] : ["a/web", poolLine("a/web", a, b)];
    const gone = swap === 0 ? [] : [{ key: swap % 2 === 0 ? "p:a/web" : "p:b/web" }];
    await push(line as Line, { key: "r:hello.org", json: hostJson([`/ ${pool}`]) }, ...gone);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  over = true;
  await Promise.all(load);
  expect(failures).toEqual([]);
  expect(answered).toBeGreaterThan(300);
  expect(await held.echo("still there")).toBe("still there");
});

test("an upload that began before a drain goes to an endpoint that stays, not to the one that was there first", async () => {
  const [first, second] = [await backend("first"), await backend("second")];
  const elb = await elbWith(tableOf({ "a/web": [first.endpoint] }, { "hello.org": ["/ a/web"] }));
  const client = clientOf(elb);
  await client.ask();
  const upload = client.upload("half", 8);
  const push = writer(elb);
  await push(poolLine("a/web", [first, "d"], second));
  await until("the drained endpoint is idle and every worker knows", async () => {
    const { ackedToken, endpoints } = await elb.admin.drain(["first"]);
    return ackedToken >= 2 && endpoints["first"]?.http === 0;
  });
  const { seen } = await upload.finish("half");
  expect(seen).toMatchObject({ id: "second", body: "halfhalf" });
  expect(first.requests()).toBe(1);
});

test("an upload whose pool became empty or went away meanwhile is refused with the reason", async () => {
  const one = await backend("one");
  const elb = await elbWith(tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] }));
  const client = clientOf(elb);
  const push = writer(elb);
  await client.ask();
  let upload = client.upload("half", 8);
  await push(poolLine("a/web", [one, "d"]));
  expect(await upload.finish("half")).toMatchObject({
    status: 503,
    headers: { "x-eru-reason": "no_endpoint" },
  });
  await push(poolLine("a/web", one));
  await client.ask();
  upload = client.upload("half", 8);
  await push({ key: "p:a/web" });
  expect(await upload.finish("half")).toMatchObject({
    status: 503,
    headers: { "x-eru-reason": "no_such_pool" },
  });
});

test("an endpoint counts as busy until its last request is answered, also when the client goes away", async () => {
  const held: (() => void)[] = [];
  const slow = await backend("slow", (_request, response) => {
    held.push(() => response.end("done"));
  });
  const elb = await elbWith(tableOf({ "a/web": [slow.endpoint] }, { "hello.org": ["/ a/web"] }));
  const inFlight = async () => (await elb.admin.drain(["slow"])).endpoints["slow"]?.http;
  const [patient, leaving] = [clientOf(elb), clientOf(elb)];
  const answer = patient.ask();
  const lost = leaving.ask().catch(() => "gone");
  await until("both are under way", async () => (await inFlight()) === 2);
  leaving.close();
  expect(await lost).toBe("gone");
  await until("one is left", async () => (await inFlight()) === 1);
  await writer(elb)(poolLine("a/web", [slow, "d"]));
  await until("the change is seen by all", async () => (await elb.admin.drain(["slow"])).ackedToken === 2);
  expect(await inFlight()).toBe(1);
  for (const release of held) release();
  expect((await answer).text).toBe("done");
  await until("none is left", async () => (await inFlight()) === 0);
});

test("requests that fail are counted out again: refused, timed out, cut", async () => {
  const cutting = await backend("cutting", (request) => request.socket.destroy());
  const silent = await backend("silent", () => undefined);
  const table = tableOf(
    { "c/web": [cutting.endpoint], "s/web": [silent.endpoint] },
    { "hello.org": ["/s s/web", "/ c/web"] },
  );
  table.set(
    "g:forward",
    JSON.stringify({ tries: 2, connectMs: 100, sendMs: 100, readMs: 50, upgradedMs: 100 }),
  );
  const elb = await elbWith(table);
  const client = clientOf(elb);
  expect((await client.ask()).status).toBe(502);
  expect((await client.ask({ path: "/s" })).status).toBe(504);
  await until("nothing is counted", async () => {
    const { endpoints } = await elb.admin.drain(["cutting", "silent"]);
    return endpoints["cutting"]?.http === 0 && endpoints["silent"]?.http === 0;
  });
});
