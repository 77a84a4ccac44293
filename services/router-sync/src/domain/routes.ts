import type { RouteEvent, Rule, Selector } from "@eru/events";
import { hostLine, poolName, selectorsOf } from "@eru/routing";
import { IndexBy } from "./index-by.ts";
import type { PoolCare } from "./pool.ts";

type Declared = Extract<RouteEvent, { type: "RouteDeclared" }>;
type Removed = Extract<RouteEvent, { type: "RouteRemoved" }>;

/** A pool that some host's rules name. */
export type Pool = { readonly name: string; readonly selector: Selector };

/** What is declared for each host, and the pools that follow from it. */
export class Routes {
  readonly #declared = new Map<string, Declared>();
  readonly #pools = new Map<string, Pool>();
  readonly #poolsOfEntrypoint = new IndexBy<string>();
  readonly #hostsOfPool = new IndexBy<string>();
  /** By pool, the hosts that say how its endpoints are looked after: most say nothing. */
  readonly #caringHosts = new IndexBy<string>();

  /** Takes a declaration or removal in, and says which keys of the table it touches. */
  apply(event: Declared | Removed): Set<string> {
    const { host } = event;
    const touched = new Set([`r:${host}`]);
    for (const { name } of poolsOf(this.#declared.get(host)?.rules ?? [])) {
      this.#hostsOfPool.delete(name, host);
      this.#caringHosts.delete(name, host);
      touched.add(`p:${name}`);
    }
    this.#declared.delete(host);
    if (event.type === "RouteRemoved") return touched;
    this.#declared.set(host, event);
    for (const pool of poolsOf(event.rules)) {
      this.#pools.set(pool.name, pool);
      this.#poolsOfEntrypoint.add(entrypointOf(pool.selector), pool.name);
      this.#hostsOfPool.add(pool.name, host);
      if (event.slowStartMs !== undefined || event.check) this.#caringHosts.add(pool.name, host);
      touched.add(`p:${pool.name}`);
    }
    return touched;
  }

  /** What the table holds for a host; undefined for nothing. */
  line(host: string): string | undefined {
    const declared = this.#declared.get(host);
    return declared && hostLine(declared);
  }

  /** The pool of a name; one that no host names any more is forgotten. */
  pool(name: string): Pool | undefined {
    const pool = this.#pools.get(name);
    if (!pool || this.#hostsOfPool.get(name).size > 0) return pool;
    this.#pools.delete(name);
    this.#poolsOfEntrypoint.delete(entrypointOf(pool.selector), name);
    return undefined;
  }

  /** Several hosts may share a pool: the longest slow start counts, and the check of the first host that has one. */
  careOf(name: string): PoolCare {
    const hosts = [...this.#caringHosts.get(name)].sort().flatMap((host) => this.#declared.get(host) ?? []);
    const slowStartMs = Math.max(0, ...hosts.map((host) => host.slowStartMs ?? 0));
    const check = hosts.find((host) => host.check)?.check;
    return { ...(slowStartMs > 0 && { slowStartMs }), ...(check && { check }) };
  }

  /** The hosts with a rule that names the pool. */
  hostsOf(pool: string): readonly string[] {
    return [...this.#hostsOfPool.get(pool)].sort();
  }

  /** The pools that workloads of `<app>/<entrypoint>` may be in. */
  poolsOfEntrypoint(entrypoint: string): ReadonlySet<string> {
    return this.#poolsOfEntrypoint.get(entrypoint);
  }

  /** The pools whose members depend on how far a rollout is. */
  trackedPools(): string[] {
    return [...this.#pools.values()].flatMap(({ name, selector }) => (selector.track ? [name] : []));
  }
}

const entrypointOf = ({ app, entrypoint }: Selector): string => `${app}/${entrypoint}`;

// What is not enabled has no line and needs no pools.
const poolsOf = (rules: readonly Rule[]): Pool[] =>
  rules
    .filter(({ enabled }) => enabled)
    .flatMap(selectorsOf)
    .map(({ selector }) => ({ name: poolName(selector), selector }));
