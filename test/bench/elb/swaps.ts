import { setTimeout as sleep } from "node:timers/promises";
import { keptClient } from "./kept-client.ts";
import { type Load, wrk } from "./load.ts";
import type { Ours } from "./proxies.ts";
import type { Table as Lines } from "./tables.ts";
import { plainHost, poolJson } from "./tables.ts";

/** Writes changes one after another, as router-sync does. */
export class Writer {
  readonly #ours: Ours;
  #seq = 1;

  constructor(ours: Ours) {
    this.#ours = ours;
  }

  async push(lines: Lines): Promise<void> {
    const all = [...lines].map(([key, json]) => ({ key, json }));
    const answer = await this.#ours.admin.delta({ epoch: "bench", base: this.#seq, seq: ++this.#seq }, all);
    if (!answer.ok) throw new Error(`the load balancer refused a change: ${JSON.stringify(answer)}`);
  }

  /** Replaces everything. */
  async replace(table: Lines): Promise<void> {
    const all = [...table].map(([key, json]) => ({ key, json }));
    const answer = await this.#ours.admin.generation({ epoch: "bench", seq: ++this.#seq }, all);
    if (!answer.ok) throw new Error(`the load balancer refused a table: ${JSON.stringify(answer)}`);
  }
}

/** Swaps the whole upstream set so often a second while wrk asks. */
export async function swapUnderLoad(
  ours: Ours,
  writer: Writer,
  options: { ports: readonly number[]; perSecond: number; seconds: number; processors: number },
): Promise<Load & { swaps: number; pushMs: number[] }> {
  const { ports, perSecond, seconds, processors } = options;
  const sets = [ports.slice(0, 2), ports.slice(2)];
  const running = wrk(ours.url, { seconds, connections: 64, headers: ["Host: plain.org"], processors });
  const pushMs: number[] = [];
  const begun = performance.now();
  // Ends before wrk does, so that every swap is under load.
  for (let swap = 0; swap < perSecond * (seconds - 0.5); swap++) {
    const name = `swap/${swap % 2}`;
    const at = performance.now();
    await writer.push(
      new Map([
        [`p:${name}`, poolJson(sets[swap % 2] ?? ports)],
        ["r:plain.org", plainHost(name)],
      ]),
    );
    pushMs.push(performance.now() - at);
    await sleep(Math.max(0, begun + ((swap + 1) * 1_000) / perSecond - performance.now()));
  }
  return { ...(await running), swaps: pushMs.length, pushMs };
}

/** From the beginning of a push to the end of the first answer from the new place; and answers from the old one after it. */
export async function pushToAnswer(
  ours: Ours,
  writer: Writer,
  options: { ports: readonly number[]; times: number },
): Promise<{ ms: number[]; stale: number }> {
  const clients = Array.from({ length: 4 }, () => keptClient(ours.port, "first.org"));
  const ms: number[] = [];
  let stale = 0;
  for (let time = 0; time < options.times; time++) {
    const port = options.ports[time % 2] ?? 0;
    const line: Lines = new Map([["p:first/web", poolJson([port])]]);
    if (time === 0) line.set("r:first.org", plainHost("first/web"));
    const begun = performance.now();
    await writer.push(line);
    const client = clients[time % clients.length];
    while (client && (await client.ask()) !== `200 ${port}`) stale++;
    ms.push(performance.now() - begun);
  }
  for (const client of clients) client.close();
  return { ms, stale };
}
