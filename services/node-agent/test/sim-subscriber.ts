import type { EngineEvent } from "../src/engine.ts";

/** One who hears what happens to containers, until the stream ends. */
export class Subscriber {
  #waiting: EngineEvent[] = [];
  #ended = false;
  #wake: () => void = () => {};

  push(event: EngineEvent): void {
    this.#waiting.push(event);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *drain(): AsyncGenerator<EngineEvent> {
    for (;;) {
      for (const event of this.#waiting.splice(0)) yield event;
      if (this.#waiting.length > 0) continue;
      if (this.#ended) return;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }
}
