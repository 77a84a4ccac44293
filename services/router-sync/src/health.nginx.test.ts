// What the load balancer finds out about endpoints by itself: failures of requests, its own checks, and slow starts.
import { afterEach, expect, test } from "vitest";
import type { PoolEndpoint } from "./domain/pool.ts";
import { send } from "./nginx-process.ts";
import { Client } from "./testing-client.ts";
import { type Elb, freePort, hostJson, startElb, tableOf, until, whole } from "./testing-nginx.ts";
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
const poolTable = (pool: object): Map<string, string> =>
  new Map([
    ["p:a/web", JSON.stringify(pool)],
    ["r:hello.org", hostJson(["/ a/web"])],
  ]);

async function deadEndpoint(id: string): Promise<PoolEndpoint> {
  return { id, ip: "127.0.0.1", port: await freePort(), w: 1, s: "a" };
}

type LeftOut = { endpoint: string; address: string; because: string; sinceMs: number; untilMs?: number };
const leftOut = async (elb: Elb): Promise<LeftOut[]> =>
  ((await elb.call("GET", "/v1/status")).json["leftOut"] ?? []) as LeftOut[];
const isLeftOut = (elb: Elb, id: string): Promise<LeftOut> =>
  until(`${id} is left out`, async () => (await leftOut(elb)).find(({ endpoint }) => endpoint === id));
const counted = async (elb: Elb, line: RegExp): Promise<number> =>
  Number(line.exec((await elb.call("GET", "/metrics")).text)?.[1] ?? 0);

test("an endpoint that failed goes out of every worker, comes on probation, and goes for longer the next time", async () => {
  const alive = await backend("alive");
  const dead = await deadEndpoint("dead");
  const elb = await elbWith(tableOf({ "a/web": [dead, alive.endpoint] }, { "hello.org": ["/ a/web"] }));
  const client = clientOf(elb);
  for (let count = 0; count < 8; count++) expect((await client.ask()).seen?.id).toBe("alive");
  const first = await isLeftOut(elb, "dead");
  expect(first).toMatchObject({ because: "failures", address: `127.0.0.1:${dead.port}` });
  expect((first.untilMs ?? 0) - first.sinceMs).toBe(10_000);
  await until("all workers are asked once without a try in vain", async () => {
    const before = await counted(elb, /eru_elb_connect_failures_total{pool="a\/web"} (\d+)/);
    for (let count = 0; count < 20; count++) {
      const fresh = new Client(elb.port);
      expect((await fresh.ask()).seen?.id).toBe("alive");
      fresh.close();
    }
    return (await counted(elb, /eru_elb_connect_failures_total{pool="a\/web"} (\d+)/)) === before;
  });
  // Nobody wants to wait for the second time to be over: it is enough that it is twice as long.
  const endMs = Date.now() + 12_000;
  let second: LeftOut | undefined;
  while (!second && Date.now() < endMs) {
    expect((await client.ask()).seen?.id).toBe("alive");
    second = (await leftOut(elb)).find(({ sinceMs }) => sinceMs > first.sinceMs);
  }
  expect((second?.untilMs ?? 0) - (second?.sinceMs ?? 0)).toBe(20_000);
}, 40_000);

test("never more than half of a pool is left out, and a pool of one never", async () => {
  const alive = await backend("alive");
  const dead = await Promise.all(["d-1", "d-2", "d-3", "d-4"].map(deadEndpoint));
  const [one, two, three, lonely] = dead as [PoolEndpoint, PoolEndpoint, PoolEndpoint, PoolEndpoint];
  const elb = await elbWith(
    tableOf(
      { "a/web": [one, two, three, alive.endpoint], "b/web": [lonely] },
      { "hello.org": ["/ a/web"], "lonely.org": ["/ b/web"] },
    ),
  );
  const client = clientOf(elb);
  for (let count = 0; count < 40; count++) await client.ask();
  expect((await leftOut(elb)).map(({ endpoint }) => endpoint).sort()).toEqual(["d-1", "d-2", "d-3"]);
  const before = await until("all that was asked is counted", async () => {
    const requests = await counted(elb, /eru_elb_request_seconds_count{[^}]*pool="a\/web"} (\d+)/);
    return requests === 40 && (await counted(elb, /eru_elb_retries_total{pool="a\/web"} (\d+)/));
  });
  // Two of the three are out: the third is tried again and again, because it may be our own network that fails.
  for (let count = 0; count < 10; count++) expect((await client.ask()).seen?.id).toBe("alive");
  expect(
    await until("the retries are counted", async () => {
      const requests = await counted(elb, /eru_elb_request_seconds_count{[^}]*pool="a\/web"} (\d+)/);
      const now = await counted(elb, /eru_elb_retries_total{pool="a\/web"} (\d+)/);
      return requests === 50 && now - before;
    }),
  ).toBe(5);
  for (let count = 0; count < 5; count++)
    expect(await client.ask({ host: "lonely.org" })).toMatchObject({ status: 502 });
  await isLeftOut(elb, "d-4");
  expect(await client.ask({ host: "lonely.org" })).toMatchObject({ status: 502 });
});

test("who has just become healthy gets a tenth of its share at first", async () => {
  const [fresh, old] = [await backend("fresh"), await backend("old")];
  const since = Math.floor(Date.now() / 1_000);
  const elb = await elbWith(
    poolTable({
      eps: [
        { ...fresh.endpoint, since },
        { ...old.endpoint, since: since - 7_200 },
      ],
      slowStartMs: 3_600_000,
    }),
  );
  const client = clientOf(elb);
  for (let count = 0; count < 110; count++) await client.ask();
  expect(fresh.requests()).toBeGreaterThanOrEqual(9);
  expect(fresh.requests()).toBeLessThanOrEqual(11);
  // Its time is over: the same pool with a start long ago shares alike.
  const line = {
    key: "p:a/web",
    json: JSON.stringify({
      eps: [{ ...fresh.endpoint, since: since - 3_601 }, old.endpoint],
      slowStartMs: 3_600_000,
    }),
  };
  expect(await elb.admin.delta({ epoch: "e1", base: 10, seq: 11 }, [line])).toMatchObject({ ok: true });
  const before = fresh.requests();
  for (let count = 0; count < 20; count++) await client.ask();
  expect(fresh.requests() - before).toBe(10);
});

const check = {
  path: "/health",
  codes: [200],
  intervalMs: 1_000,
  timeoutMs: 500,
  unhealthyAfter: 1,
  healthyAfter: 1,
};

test("checks take out an endpoint that answers wrongly, and bring it back; another worker goes on with them", async () => {
  let sick = false;
  const ill = await backend("ill", (_request, response, seen) => {
    response.statusCode = sick && seen.url === "/health" ? 503 : 200;
    response.end(JSON.stringify(seen));
  });
  const well = await backend("well");
  const elb = await elbWith(poolTable({ eps: [ill.endpoint, well.endpoint], check }));
  await until("it was asked", () => ill.requests() > 0);
  expect(await leftOut(elb)).toEqual([]);
  sick = true;
  expect(await isLeftOut(elb, "ill")).toMatchObject({ because: "check" });
  // Workers tell each other every 50 ms, on a busy machine later.
  await until("no worker asks it any more", async () => {
    const asked = new Set<string | undefined>();
    for (let count = 0; count < 20; count++) {
      const fresh = new Client(elb.port);
      asked.add((await fresh.ask()).seen?.id);
      fresh.close();
    }
    return !asked.has("ill");
  });
  await until(
    "failed checks are counted",
    async () => (await counted(elb, /eru_elb_checks_total{pool="a\/web",result="failed"} (\d+)/)) > 0,
  );
  // Whoever asks now: after its death the other does.
  for (const { pid } of (await elb.admin.status()).workers) {
    send(pid, "SIGKILL");
    await whole(elb);
    const before = ill.requests();
    await until("checks go on", () => ill.requests() > before);
  }
  expect(await leftOut(elb)).toHaveLength(1);
  sick = false;
  await until("it is back", async () => (await leftOut(elb)).length === 0);
}, 60_000);

test("checks end with the line that asked for them", async () => {
  const one = await backend("one");
  const elb = await elbWith(poolTable({ eps: [one.endpoint], check }));
  await until("it was asked", () => one.requests() > 0);
  const line = { key: "p:a/web", json: JSON.stringify({ eps: [one.endpoint] }) };
  expect(await elb.admin.delta({ epoch: "e1", base: 10, seq: 11 }, [line])).toMatchObject({ ok: true });
  const other = await backend("other");
  const more = { key: "p:b/web", json: JSON.stringify({ eps: [other.endpoint], check }) };
  expect(await elb.admin.delta({ epoch: "e1", base: 11, seq: 12 }, [more])).toMatchObject({ ok: true });
  await until("a round with the new line is over", () => other.requests() > 0);
  const before = one.requests();
  const round = other.requests();
  await until("another round is over", () => other.requests() > round);
  expect(one.requests()).toBe(before);
});
