import { Problem } from "@eru/service";

/** Bounds how much is at work at the same time; what comes beyond is sent away at once instead of queued. */
export class Gate {
  readonly #most: number;
  #inside = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /** How many are inside. */
  get inside(): number {
    return this.#inside;
  }

  /** @throws Problem 503 when there is no room */
  check(): void {
    if (this.#inside < this.#most) return;
    throw new Problem(503, "overloaded", `${this.#most} commands are at work: try again in a second`, {
      headers: { "retry-after": "1" },
    });
  }

  /** Runs the work when there is room, and refuses when there is none. */
  async run<T>(work: () => Promise<T>): Promise<T> {
    this.check();
    this.#inside++;
    try {
      return await work();
    } finally {
      this.#inside--;
    }
  }
}
