import type { Action } from "./reconcile.ts";

/** Actions that compete for the same thing. */
export type Lane = "look" | "pull" | "run" | "hook" | "clear";

const lanes = ["look", "pull", "run", "hook", "clear"] as const satisfies readonly Lane[];

const laneOf = {
  look: "look",
  pull: "pull",
  create: "run",
  start: "run",
  update: "run",
  realloc: "run",
  hook: "hook",
  stop: "clear",
  remove: "clear",
} as const satisfies Record<Action["do"], Lane>;

/** Actions in flight per lane. Starting is bound by the CPU, pulling by the network, hooks and stopping mostly wait. */
export const laneLimits: Readonly<Record<Lane, number>> = { look: 16, pull: 3, run: 16, hook: 16, clear: 16 };

/** Counts actions in flight, and remembers in order who waits for one to end. */
export class Lanes<T> {
  readonly #limits: Readonly<Record<Lane, number>>;
  readonly #inFlight: Record<Lane, number> = { look: 0, pull: 0, run: 0, hook: 0, clear: 0 };
  readonly #waiting: Record<Lane, Set<T>> = {
    look: new Set(),
    pull: new Set(),
    run: new Set(),
    hook: new Set(),
    clear: new Set(),
  };
  readonly #tidying = new Set<T>();

  constructor(runMax: number) {
    this.#limits = { ...laneLimits, run: runMax };
  }

  /** Takes a place for the action, or queues the waiter and answers false. */
  take(action: Action["do"], waiter: T): boolean {
    const lane = laneOf[action];
    if (this.#inFlight[lane] >= this.#limits[lane]) {
      this.#waiting[lane].add(waiter);
      return false;
    }
    this.#inFlight[lane]++;
    return true;
  }

  /** Something is being created or started. */
  get starting(): boolean {
    return this.#inFlight.run > 0;
  }

  /** Waits until nothing is created or started. */
  waitToTidy(waiter: T): void {
    this.#tidying.add(waiter);
  }

  /** The action ended. */
  free(action: Action["do"]): void {
    this.#inFlight[laneOf[action]]--;
  }

  /** Waits for nothing any more. */
  leave(waiter: T): void {
    this.#tidying.delete(waiter);
    for (const lane of lanes) this.#waiting[lane].delete(waiter);
  }

  /** Somebody who waits for a lane that has a place now, or to tidy up when there is time. */
  nextUp(): T | undefined {
    for (const lane of lanes)
      if (this.#inFlight[lane] < this.#limits[lane]) for (const waiter of this.#waiting[lane]) return waiter;
    if (!this.starting && this.#inFlight.clear < this.#limits.clear)
      for (const waiter of this.#tidying) return waiter;
    return undefined;
  }

  /** Actions in flight. */
  inFlight(): Readonly<Record<Lane, number>> {
    return this.#inFlight;
  }
}
