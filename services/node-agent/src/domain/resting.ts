/** Between which numbers, and how long one that was given back is given to no other workload. */
export type RestingRange = { first: number; last: number; quarantineMs: number };

/**
 * Numbers that workloads have one after the other: ports of the machine, addresses of a network. One that is given back
 * rests, so that who still knows it reaches nobody else.
 */
export class Resting {
  readonly #quarantineMs: number;
  #first: number;
  #last: number;
  #next: number;
  readonly #owners = new Map<number, string>();
  readonly #owned = new Map<string, Set<number>>();
  /** Monotonic, since when nobody has them. */
  readonly #freedAtMs = new Map<number, number>();

  constructor({ first, last, quarantineMs }: RestingRange) {
    this.#quarantineMs = quarantineMs;
    this.#first = first;
    this.#last = last;
    this.#next = first;
  }

  /** From now on these; what is known of others is of no use any more. */
  narrow(first: number, last: number): void {
    if (first === this.#first && last === this.#last) return;
    this.#first = first;
    this.#last = last;
    if (!this.#covers(this.#next)) this.#next = first;
    for (const [one, workload] of this.#owners) if (!this.#covers(one)) this.#disown(one, workload);
    for (const one of this.#freedAtMs.keys()) if (!this.#covers(one)) this.#freedAtMs.delete(one);
  }

  /** A workload has it, whoever gave it; the next in turn comes after it when that is a new start. */
  own(one: number, workload: string, start = false): void {
    if (!this.#covers(one)) return;
    const before = this.#owners.get(one);
    if (before !== undefined) this.#disown(one, before);
    this.#owners.set(one, workload);
    this.#owned.set(workload, (this.#owned.get(workload) ?? new Set()).add(one));
    this.#freedAtMs.delete(one);
    if (start) this.#passOn(one);
  }

  /** What the workload has, lowest first. */
  of(workload: string): number[] {
    return [...(this.#owned.get(workload) ?? [])].toSorted((a, b) => a - b);
  }

  /** The workload needs them no more, or cannot have them: for a while they are given to nobody. */
  free(workload: string, atMs: number): void {
    for (const one of this.#owned.get(workload) ?? []) {
      this.#owners.delete(one);
      this.#freedAtMs.set(one, atMs);
    }
    this.#owned.delete(workload);
  }

  /** The next in turn that nobody has and that has rested; it has no owner yet. */
  next(nowMs: number, suits: (one: number) => boolean): number | undefined {
    for (let tried = 0; tried <= this.#last - this.#first; tried++) {
      const one = this.#next;
      this.#passOn(one);
      if (!this.#owners.has(one) && this.#restsMs(one, nowMs) === 0 && suits(one)) return one;
    }
    return undefined;
  }

  /** The one that has rested longest of those that still should, and for how long it should. */
  nearest(nowMs: number, suits: (one: number) => boolean): { one: number; leftMs: number } | undefined {
    const resting = [...this.#freedAtMs.entries()].filter(([one]) => suits(one));
    const oldest = resting.toSorted(([, a], [, b]) => a - b)[0]?.[0];
    return oldest === undefined ? undefined : { one: oldest, leftMs: this.#restsMs(oldest, nowMs) };
  }

  /** How many have an owner, and how many rest now. */
  counts(nowMs: number): { inUse: number; resting: number } {
    const resting = [...this.#freedAtMs.keys()].filter((one) => this.#restsMs(one, nowMs) > 0).length;
    return { inUse: this.#owners.size, resting };
  }

  #restsMs(one: number, nowMs: number): number {
    const freedAtMs = this.#freedAtMs.get(one);
    return freedAtMs === undefined ? 0 : Math.max(0, freedAtMs + this.#quarantineMs - nowMs);
  }

  #covers(one: number): boolean {
    return one >= this.#first && one <= this.#last;
  }

  #passOn(one: number): void {
    this.#next = one >= this.#last ? this.#first : one + 1;
  }

  #disown(one: number, workload: string): void {
    this.#owners.delete(one);
    const owned = this.#owned.get(workload);
    owned?.delete(one);
    if (owned?.size === 0) this.#owned.delete(workload);
  }
}
