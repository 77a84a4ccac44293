/** Values grouped by a key; a group without values is gone. */
export class IndexBy<V> {
  readonly #groups = new Map<string, Set<V>>();

  add(key: string, value: V): void {
    const group = this.#groups.get(key);
    if (group) group.add(value);
    else this.#groups.set(key, new Set([value]));
  }

  delete(key: string, value: V): void {
    const group = this.#groups.get(key);
    group?.delete(value);
    if (group?.size === 0) this.#groups.delete(key);
  }

  get(key: string): ReadonlySet<V> {
    return this.#groups.get(key) ?? new Set();
  }
}
