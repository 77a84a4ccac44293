// What the load balancer costs, against nginx with a static upstream and HAProxy, in turns in one run.
//   node test/bench/elb.ts [rounds] [routes] [cost,change,size]
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { cpuMs, memoryMib, wrk } from "./elb/load.ts";
import {
  type Balancer,
  missingPrograms,
  type Ours,
  type Place,
  startHaproxy,
  startOurs,
  startStaticNginx,
  startUpstream,
} from "./elb/proxies.ts";
import { pushToAnswer, swapUnderLoad, Writer } from "./elb/swaps.ts";
import { canaryHost, manyRoutes, plainHost, poolJson } from "./elb/tables.ts";
import { percentile, row, timed } from "./figures.ts";

const rounds = Number(process.argv[2] ?? 8);
const routes = Number(process.argv[3] ?? 100_000);
const parts = (process.argv[4] ?? "cost,change,size").split(",");
const roundSeconds = 2;
const phone =
  "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36";
/** What the figures are held against: docs/elb.md. */
const aims = { plain: 1.45, canary: 1.6, failed: 0, answerMs: 5, deltaMs: 1, stallMs: 25, bootSeconds: 5 };

const missing = await missingPrograms();
if (missing !== undefined) {
  console.error(`bench-elb: ${missing}`);
  process.exit(2);
}
const rounded = (value: number): number => Number(value.toFixed(2));
const place: Place = {
  dir: await mkdtemp(join(tmpdir(), "eru-bench-elb-")),
  processors: availableParallelism(),
};
const loadBefore = loadavg().map(rounded);
const ends: (() => Promise<void>)[] = [];
const kept = <T extends { stop: () => Promise<void> }>(one: T): T => {
  ends.push(one.stop);
  return one;
};
const upstream = kept(await startUpstream(place));
try {
  const cost = parts.includes("cost") ? await proxyCost() : undefined;
  const change = parts.includes("change") ? await changing() : undefined;
  const size = parts.includes("size") ? await large() : undefined;
  const figures = { aims, cost, change, size, load: { before: loadBefore, after: loadavg().map(rounded) } };
  console.log(JSON.stringify({ processors: place.processors, rounds, routes, ...figures }));
} finally {
  for (const end of ends.reverse()) await end();
  await rm(place.dir, { recursive: true, force: true });
}

type Case = {
  name: string;
  proxy: Balancer;
  headers: readonly string[];
  us: number[];
  perSecond: number[];
  p99Ms: number[];
};

/** Processor time of a request, each proxy on one processor with one worker. */
async function proxyCost() {
  const fixed = kept(await startStaticNginx(place, upstream.ports));
  const haproxy = kept(await startHaproxy(place, upstream.ports));
  const pool = poolJson(upstream.ports);
  const table = new Map([
    ["p:shop/web", pool],
    ["p:shop/web=canary", pool],
    ["p:shop/mobile", pool],
    ["r:plain.org", plainHost("shop/web")],
    ["r:*", plainHost("shop/web")],
    ["r:canary.org", canaryHost("shop/mobile", "shop/web", "shop/web=canary")],
  ]);
  const ours = kept(await startOurs(place, table, { name: "ours", workers: "1", tableSize: "8m" }));
  const of = (name: string, proxy: Balancer, host: string): Case => ({
    name,
    proxy,
    headers: [`Host: ${host}`, phone],
    us: [],
    perSecond: [],
    p99Ms: [],
  });
  const cases = [
    of("nginx, static", fixed, "plain.org"),
    of("HAProxy, static", haproxy, "plain.org"),
    of("ours, plain host", ours, "plain.org"),
    of("ours, user agent and canary", ours, "canary.org"),
  ];
  for (let round = 0; round <= rounds; round++)
    for (const one of cases) {
      const before = await cpuMs(one.proxy.pids);
      const { processors } = place;
      const load = await wrk(one.proxy.url, {
        seconds: roundSeconds,
        connections: 32,
        headers: one.headers,
        processors,
      });
      if (load.failed > 0) throw new Error(`${one.name} failed ${load.failed} requests`);
      if (round === 0) continue; // Warms up.
      one.us.push(((await cpuMs(one.proxy.pids)) - before) * (1_000 / load.requests));
      one.perSecond.push(load.requests / load.seconds);
      one.p99Ms.push(load.p99Ms);
    }
  const base = Math.min(...(cases[0]?.us ?? []));
  const rows = await Promise.all(
    cases.map(async ({ name, us, perSecond, p99Ms, proxy }) => ({
      proxy: name,
      usMin: rounded(Math.min(...us)),
      usMedian: rounded(percentile(us, 0.5)),
      toStatic: rounded(Math.min(...us) / base),
      perSecondMax: Math.round(Math.max(...perSecond)),
      p99Ms: rounded(percentile(p99Ms, 0.5)),
      memoryMib: rounded(await memoryMib(proxy.pids)),
    })),
  );
  console.log("Processor time per request, lowest of rounds in turns:");
  console.table(rows);
  return rows;
}

/** The whole upstream set swapped a hundred times a second, and how fast a change is seen. */
async function changing() {
  const { ports } = upstream;
  const table = new Map([
    ["p:swap/1", poolJson(ports)],
    ["r:plain.org", plainHost("swap/1")],
    ["r:*", plainHost("swap/1")],
  ]);
  const ours = kept(await startOurs(place, table, { name: "swaps", workers: "2", tableSize: "8m" }));
  const writer = new Writer(ours);
  const { processors } = place;
  const { pushMs, ...load } = await swapUnderLoad(ours, writer, {
    ports,
    perSecond: 100,
    seconds: 8,
    processors,
  });
  const first = await pushToAnswer(ours, writer, { ports, times: 400 });
  console.log(
    `${load.swaps} swaps in ${load.seconds} s of load: ${load.requests} requests, ${load.failed} failed.`,
  );
  console.table({ "a swap, ms": row(pushMs), "push to first new answer, ms": row(first.ms) });
  return { ...load, push: row(pushMs), firstAnswer: row(first.ms), staleAnswers: first.stale };
}

/** A large table: start, small changes, replacing everything. */
async function large() {
  const table = manyRoutes(routes, upstream.ports);
  table.set("p:swap/1", poolJson(upstream.ports)).set("r:*", plainHost("swap/1"));
  const ours = kept(await startOurs(place, table, { name: "large", workers: "2", tableSize: "256m" }));
  const writer = new Writer(ours);
  const deltaMs: number[] = [];
  for (let at = 0; at < 500; at++) {
    const name = `app-${(at * 97) % (routes / 2)}`;
    const line = new Map([[`p:${name}/web`, poolJson(upstream.ports, name)]]);
    deltaMs.push(await timed(() => writer.push(line)));
  }
  const quiet = await watched(ours, () => new Promise((resolve) => setTimeout(resolve, 3_000)));
  const loaded = await watched(ours, () => writer.replace(table));
  const memory = await memoryMib(ours.pids);
  const size = {
    routes,
    bootSeconds: rounded(ours.bootSeconds),
    generationSeconds: rounded(loaded.seconds),
    longestAnswerMs: rounded(loaded.longestMs),
    p99AnswerMs: rounded(loaded.p99Ms),
    longestAnswerWithoutMs: rounded(quiet.longestMs),
    memoryMib: rounded(memory),
  };
  console.table({ "change of one pool, ms": row(deltaMs) });
  console.table([size]);
  return { ...size, delta: row(deltaMs) };
}

/** What clients of all workers wait for an answer while something is done. */
async function watched(
  ours: Ours,
  action: () => Promise<unknown>,
): Promise<{ seconds: number; longestMs: number; p99Ms: number }> {
  const prober = new Worker(join(import.meta.dirname, "elb/prober.ts"), {
    workerData: { port: ours.port, host: "host-1.example.org", connections: 8 },
  });
  await once(prober, "message");
  const ms = await timed(action);
  prober.postMessage("over");
  const [waits] = (await once(prober, "message")) as [number[]];
  await prober.terminate();
  return { seconds: ms / 1_000, longestMs: Math.max(...waits), p99Ms: percentile(waits, 0.99) };
}
