/** Losses so close to each other may have one cause. */
const windowMs = 10_000;
/** One lost node is a dead machine; several at once may be our side of a broken network. */
const nodesLeast = 2;

/** What a loss would take out of the pools. */
export type Serving = { on: (node: string) => number; inAll: number };

/**
 * Nodes that are not heard. When more than half of all endpoints would go within ten seconds by the loss of several nodes,
 * it is more likely that nobody hears them than that they are gone: their addresses are held, until the nodes are heard
 * again or their workloads are replaced. An address that is dead after all costs retries and is left out by each load
 * balancer; an empty table costs everything.
 */
export class LostNodes {
  readonly #lostAtMs = new Map<string, number>();
  readonly #held = new Set<string>();

  /** Takes a loss in and returns all nodes that are judged anew. Each node's loss counts from the first word of it. */
  lose(node: string, atMs: number, serving: Serving): readonly string[] {
    if (this.#lostAtMs.has(node)) return [];
    this.#lostAtMs.set(node, atMs);
    const together = [...this.#lostAtMs]
      .filter(([, ms]) => Math.abs(atMs - ms) <= windowMs)
      .map(([one]) => one);
    const going = together.reduce((sum, one) => sum + serving.on(one), 0);
    // What was lost before and is not held is no part of the whole any more.
    const before = [...this.#lostAtMs.keys()].filter(
      (one) => !together.includes(one) && !this.#held.has(one),
    );
    const whole = serving.inAll - before.reduce((sum, one) => sum + serving.on(one), 0);
    if (together.length < nodesLeast || going * 2 <= whole) return [node];
    for (const one of together) this.#held.add(one);
    return together;
  }

  /** The node is heard again. */
  recover(node: string): void {
    this.#lostAtMs.delete(node);
    this.#held.delete(node);
  }

  /** Whether nobody knows what runs there. */
  has(node: string): boolean {
    return this.#lostAtMs.has(node);
  }

  /** Whether its addresses stay in use although it is lost. */
  holds(node: string): boolean {
    return this.#held.has(node);
  }

  /** Lost nodes whose addresses stay in use. */
  get held(): ReadonlySet<string> {
    return this.#held;
  }
}
