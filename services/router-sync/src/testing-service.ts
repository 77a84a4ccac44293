// The whole service with a real nginx, over a log in memory.
import type { EruEvent } from "@eru/events";
import type { MemoryBroker } from "@eru/log";
import { createLog, createMetrics } from "@eru/service";
import { ulid } from "ulid";
import type { AcmeSettings } from "./acme/settings.ts";
import { RouterSync } from "./router-sync.ts";
import { assigned, healthy, route, started } from "./testing.ts";
import { Client } from "./testing-client.ts";
import { type Backend, type Elb, prepareElb, startBackend, until } from "./testing-nginx.ts";

const ends: (() => Promise<void> | void)[] = [];

/** Notes what to do when the test is over; the last first. */
export function atEnd(end: () => Promise<void> | void): void {
  ends.push(end);
}

/** For `afterEach`. */
export async function endAll(): Promise<void> {
  for (const end of ends.splice(0).reverse()) await end();
}

/** A server behind the load balancer; ends with its test. */
export async function backend(...args: Parameters<typeof startBackend>): Promise<Backend> {
  const one = await startBackend(...args);
  atEnd(one.stop);
  return one;
}

/** The events that bring a workload up at a backend's address. */
export function up(one: Backend, node = "n1"): EruEvent[] {
  const { id, ip, port } = one.endpoint;
  return [
    assigned(id, node),
    started(id, node, { endpoints: [{ port: 8080, ip, hostPort: port }] }),
    healthy(id, node),
  ];
}

export const helloRoute = route("hello.org", "/ hello/web");

export type Running = {
  sync: RouterSync;
  elb: Elb;
  client: Client;
  stop: () => Promise<void>;
  metrics: () => Promise<string>;
};

/** Runs the service; it ends with its test. */
export async function run(
  broker: MemoryBroker,
  options: {
    elb?: Elb;
    onStop?: "quit" | "keep";
    leaveWaitMs?: number;
    connect?: () => Promise<MemoryBroker>;
    silentMostMs?: number;
    name?: string;
    acme?: AcmeSettings;
  } = {},
): Promise<Running> {
  const elb = options.elb ?? (await prepareElb());
  if (!options.elb) atEnd(elb.stop);
  const metrics = createMetrics("router-sync");
  const sync = new RouterSync({
    elb: options.name ?? "edge",
    group: "default",
    nginx: elb.nginx,
    onStop: options.onStop ?? "keep",
    leaveWaitMs: options.leaveWaitMs ?? 0,
    connect: options.connect ?? (async () => broker),
    log: createLog("router-sync", "fatal"),
    metrics,
    newId: ulid,
    times: { logWaitMs: 300, silentMostMs: options.silentMostMs ?? 10_000 },
    acme: options.acme,
  });
  const stop = new AbortController();
  const ended = sync.run(stop.signal);
  ended.catch(() => undefined); // Told by stop() below.
  const client = new Client(elb.port);
  const close = async () => {
    stop.abort();
    await ended;
  };
  atEnd(close);
  atEnd(() => client.close());
  return { sync, elb, client, stop: close, metrics: () => metrics.registry.metrics() };
}

export const ready = (running: Running) =>
  until("the service is ready", () => running.sync.notReady() === undefined);

export const answering = (running: Running, id: string) =>
  until(
    () => `${id} answers; the service says: ${running.sync.notReady() ?? "ready"}`,
    async () => (await running.client.ask().catch(() => undefined))?.seen?.id === id,
  );
