// Tables with whole rules, and requests against them, for the tests of what nginx does with rules.
import type { Match } from "@eru/events";
import type { PoolEndpoint } from "./domain/pool.ts";
import { type Ask, Client, type Reply } from "./testing-client.ts";
import { type Backend, type Elb, startElb } from "./testing-nginx.ts";
import { atEnd } from "./testing-service.ts";

/** A rule as it stands in a line, right or wrong. */
export type Rule = { id: string; when?: readonly Match[]; [action: string]: unknown };

/** A table of pools and hosts. */
export function ruleTable(
  pools: Record<string, readonly PoolEndpoint[]>,
  hosts: Record<string, readonly Rule[]>,
): Map<string, string> {
  const table = new Map<string, string>();
  for (const [name, eps] of Object.entries(pools)) table.set(`p:${name}`, JSON.stringify({ eps }));
  for (const [host, rules] of Object.entries(hosts)) table.set(`r:${host}`, JSON.stringify({ rules }));
  return table;
}

/** A rule that answers with its own name. */
export const named = (id: string, ...when: Match[]): Rule => ({
  id,
  ...(when.length > 0 && { when }),
  respond: { status: 200, body: id },
});

/** A rule that forwards everything to one pool. */
export const to = (pool: string, more: object = {}): Rule => ({
  id: "all",
  forward: { backends: [{ pool, weight: 1 }], ...more },
});

/** nginx with a table; ends with its test. */
export async function elbWith(table: Map<string, string>, trustedProxies: string[] = []): Promise<Elb> {
  const elb = await startElb(table, { trustedProxies });
  atEnd(elb.stop);
  return elb;
}

/** nginx that forwards `hello.org` to the pool `a/web` with these backends, as `more` says. */
export const forwarding = (backends: readonly Backend[], more: object = {}): Promise<Elb> =>
  elbWith(
    ruleTable({ "a/web": backends.map(({ endpoint }) => endpoint) }, { "hello.org": [to("a/web", more)] }),
  );

/** One request on a connection of its own. */
export async function ask(elb: Elb, what: Ask = {}): Promise<Reply> {
  const client = new Client(elb.port);
  try {
    return await client.ask(what);
  } finally {
    client.close();
  }
}

/** The answer of explain. */
export async function explain(elb: Elb, question: object): Promise<Record<string, unknown>> {
  return (await elb.call("POST", "/v1/explain", JSON.stringify(question))).json;
}
