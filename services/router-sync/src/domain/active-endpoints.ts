import type { Table } from "./table.ts";

/** Which endpoints some pool of a table may send to. */
export class ActiveEndpoints {
  readonly #byPool = new Map<string, readonly string[]>();
  readonly #counts = new Map<string, number>();

  /** Takes in what a key of the table holds now. */
  set(key: string, json: string | undefined): void {
    if (!key.startsWith("p:")) return;
    for (const id of this.#byPool.get(key) ?? []) this.#add(id, -1);
    this.#byPool.delete(key);
    if (json === undefined) return;
    const pool: { eps: readonly { id: string; s: string }[] } = JSON.parse(json);
    const ids = pool.eps.filter(({ s }) => s === "a").map(({ id }) => id);
    this.#byPool.set(key, ids);
    for (const id of ids) this.#add(id, 1);
  }

  /** Starts over with a whole table. */
  reset(table: Table): void {
    this.#byPool.clear();
    this.#counts.clear();
    for (const [key, json] of table) this.set(key, json);
  }

  has(id: string): boolean {
    return this.#counts.has(id);
  }

  get size(): number {
    return this.#counts.size;
  }

  #add(id: string, amount: number): void {
    const count = (this.#counts.get(id) ?? 0) + amount;
    if (count === 0) this.#counts.delete(id);
    else this.#counts.set(id, count);
  }
}
