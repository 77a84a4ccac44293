/** The lines of a route table, by key. */
export type Table = Map<string, string>;

/** A pool of endpoints on this machine. */
export const poolJson = (ports: readonly number[], prefix = "e"): string =>
  JSON.stringify({
    eps: ports.map((port) => ({ id: `${prefix}-${port}`, ip: "127.0.0.1", port, w: 1, s: "a" })),
  });

type Rule = { id: string; when?: object[]; forward: object };
const hostJson = (rules: readonly Rule[]): string => JSON.stringify({ rules });
const to = (pool: string): object => ({ backends: [{ pool, weight: 1 }] });
const everything = [{ path: { prefix: "/" } }];

/** One host with one rule. */
export const plainHost = (pool: string): string =>
  hostJson([{ id: "all", when: everything, forward: to(pool) }]);

/** A rule for a kind of client before a rule that splits 95 to 5. */
export const canaryHost = (mobile: string, stable: string, canary: string): string =>
  hostJson([
    {
      id: "mobile",
      when: [{ userAgent: { regex: "iphone|android", ignoreCase: true } }],
      forward: to(mobile),
    },
    {
      id: "all",
      when: everything,
      forward: {
        backends: [
          { pool: stable, weight: 95 },
          { pool: canary, weight: 5 },
        ],
      },
    },
  ]);

/** So many routes: half as many hosts with two rules each, half as many pools of two endpoints. */
export function manyRoutes(routes: number, ports: readonly number[]): Table {
  const table: Table = new Map();
  for (let at = 0; at < routes / 2; at++) {
    const pool = `app-${at}/web`;
    table.set(`p:${pool}`, poolJson(ports.slice(0, 2), `app-${at}`));
    table.set(
      `r:host-${at}.example.org`,
      hostJson([
        { id: "api", when: [{ path: { prefix: "/api" } }], forward: to(pool) },
        { id: "all", when: everything, forward: to(pool) },
      ]),
    );
  }
  return table;
}
