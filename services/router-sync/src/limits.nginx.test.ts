// What rules bound, and what happens when a shared memory of the load balancer is full.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import type { PoolEndpoint } from "./domain/pool.ts";
import { Client } from "./testing-client.ts";
import { type Elb, freePort, startElb, until } from "./testing-nginx.ts";
import { ask, forwarding, type Rule, ruleTable, to } from "./testing-rules.ts";
import { atEnd, backend, endAll } from "./testing-service.ts";

afterEach(endAll);

const rated = (perSecond: number, burst?: number) => ({
  limits: { rate: { perSecond, ...(burst !== undefined && { burst }), key: { header: "x-u" } } },
});
const clientOf = (elb: Elb): Client => {
  const client = new Client(elb.port);
  atEnd(() => client.close());
  return client;
};
const metric = async (elb: Elb, name: string): Promise<number> => {
  const { text } = await elb.call("GET", "/metrics");
  return Number(new RegExp(`^${name}(?:{[^}]*})? (\\d+)`, "m").exec(text)?.[1] ?? 0);
};
async function small(dict: string, table: Map<string, string>): Promise<Elb> {
  const elb = await startElb(table, { small: { dict, size: "16k" } });
  atEnd(elb.stop);
  return elb;
}

test("a burst is as large as it says over all workers, for each key alone, and the wait is told", async () => {
  const one = await backend("one");
  const elb = await forwarding([one], rated(0.001, 3));
  const statuses: number[] = [];
  for (let count = 0; count < 10; count++) {
    const { status, headers } = await ask(elb, { headers: { "x-u": "a" } });
    statuses.push(status);
    // A thousand seconds for each, less what has gone by.
    if (status === 429) expect(Number(headers["retry-after"])).toBeGreaterThan(500);
    if (status === 429) expect(Number(headers["retry-after"])).toBeLessThanOrEqual(1_000);
  }
  expect(statuses).toEqual([200, 200, 200, 200, 429, 429, 429, 429, 429, 429]);
  expect((await ask(elb, { headers: { "x-u": "b" } })).status).toBe(200);
  expect(one.requests()).toBe(5);
});

test("a bucket fills again at the rate of the rule and no faster", async () => {
  const one = await backend("one");
  const elb = await forwarding([one], rated(4, 1));
  const client = clientOf(elb);
  const begunMs = performance.now();
  let [admitted, refused] = [0, 0];
  await until("it was refused and admitted again, over and over", async () => {
    const { status } = await client.ask({ headers: { "x-u": "a" } });
    if (status === 200) admitted++;
    else refused++;
    return admitted >= 8 && refused > 0;
  });
  const seconds = (performance.now() - begunMs) / 1_000;
  expect(admitted).toBeLessThanOrEqual(2 + 4 * seconds + 1);
});

test("places are counted per endpoint over all workers; one that is freed is taken by the next", async () => {
  const held: (() => void)[] = [];
  const handle: Parameters<typeof backend>[1] = (_request, response) => {
    held.push(() => response.end("late"));
  };
  const elb = await forwarding([await backend("one", handle), await backend("two", handle)], {
    limits: { inFlightPerEndpoint: 2 },
  });
  const answers = Array.from({ length: 4 }, () => ask(elb));
  await until("all places are taken", () => held.length === 4);
  expect(await ask(elb)).toMatchObject({ status: 503, headers: { "x-eru-reason": "in_flight_limit" } });
  held.shift()?.();
  await Promise.race(answers);
  await until("the place is taken by another", async () => {
    let refused = false;
    answers.push(ask(elb));
    void answers.at(-1)?.then(({ status }) => {
      refused = status === 503;
    });
    await until("it is held or refused", () => refused || held.length === 4);
    return held.length === 4;
  });
  for (const release of held) release();
});

test("a full memory for rate limits forgets whom it saw longest ago, who begins anew, and says so", async () => {
  const one = await backend("one");
  const elb = await small(
    "eru_limits",
    ruleTable({ "a/web": [one.endpoint] }, { "hello.org": [to("a/web", rated(0.001, 0))] }),
  );
  const client = clientOf(elb);
  const statusOf = async (user: string) => (await client.ask({ headers: { "x-u": user } })).status;
  expect([await statusOf("first"), await statusOf("first")]).toEqual([200, 429]);
  for (let user = 0; user < 300; user++) expect(await statusOf(`user-${user}`)).toBe(200);
  expect([await statusOf("user-299"), await statusOf("first")]).toEqual([429, 200]);
  await until("it is counted", async () => (await metric(elb, "eru_elb_limits_evicted_total")) > 0);
});

test("a full memory for requests in flight lets all through, those above a limit too", async () => {
  const held: (() => void)[] = [];
  const one = await backend("one", (_request, response) => {
    held.push(() => response.end("late"));
  });
  const many: PoolEndpoint[] = Array.from({ length: 120 }, (_, id) => ({
    ...one.endpoint,
    id: `one-${id}-${"x".repeat(80)}`,
  }));
  const elb = await small(
    "eru_inflight",
    ruleTable({ "a/web": many }, { "hello.org": [to("a/web", { limits: { inFlightPerEndpoint: 1 } })] }),
  );
  const answers = Array.from({ length: 120 }, () => ask(elb));
  await until("all are there", () => held.length === 120);
  const more = ask(elb);
  await until("one above the limits is too", () => held.length === 121);
  await until("it says that drains may end early", async () =>
    (await readFile(join(elb.dir, "logs", "error.log"), "utf8")).includes(
      "its drain may end early: no memory",
    ),
  );
  for (const release of held) release();
  for (const answer of [...answers, more]) expect((await answer).status).toBe(200);
});

test("a full memory for metrics costs counts, which are counted, and no request", async () => {
  const one = await backend("one");
  const hosts: Record<string, Rule[]> = {};
  for (let at = 0; at < 150; at++) hosts[`host-${at}.org`] = [to("a/web")];
  const elb = await small("eru_metrics", ruleTable({ "a/web": [one.endpoint] }, hosts));
  const client = clientOf(elb);
  for (const host of Object.keys(hosts)) expect((await client.ask({ host })).status).toBe(200);
  await until("it is counted", async () => (await metric(elb, "eru_elb_lost_total")) > 0);
  expect((await client.ask({ host: "host-0.org" })).status).toBe(200);
});

test("a full memory for what is left out leaves in what finds no room: it costs tries, no answer", async () => {
  const alive = await backend("alive");
  const deadPort = await freePort();
  const pools: Record<string, PoolEndpoint[]> = {};
  const hosts: Record<string, Rule[]> = {};
  for (let at = 0; at < 120; at++) {
    pools[`p-${at}/web`] = [
      { ...alive.endpoint, id: `dead-${at}-${"x".repeat(60)}`, port: deadPort },
      alive.endpoint,
    ];
    hosts[`host-${at}.org`] = [to(`p-${at}/web`)];
  }
  const elb = await small("eru_health", ruleTable(pools, hosts));
  const client = clientOf(elb);
  for (const host of Object.keys(hosts))
    for (let count = 0; count < 4; count++) expect((await client.ask({ host })).seen?.id).toBe("alive");
  const total = Number((await elb.call("GET", "/v1/status")).json["leftOutTotal"]);
  expect(total).toBeGreaterThan(0);
  expect(total).toBeLessThan(120);
});
