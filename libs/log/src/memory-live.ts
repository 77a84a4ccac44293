import { LogUnavailableError } from "./errors.ts";
import { LiveQueue } from "./live-queue.ts";
import type { Live } from "./log.ts";
import { matches } from "./pattern.ts";
import { Signals } from "./signals.ts";

type Subscriber = { pattern: string; queue: LiveQueue };
type Responder = { subject: string; group: string; answer: (body: string) => string | Promise<string> };

/** Live messages in one process. Subscriptions stand as soon as `subscribe` is called, before the first message is asked for. */
export class MemoryLive implements Live {
  readonly #subscribers = new Set<Subscriber>();
  readonly #responders = new Set<Responder>();
  #reachable = true;

  setReachable(reachable: boolean): void {
    this.#reachable = reachable;
  }

  publish(subject: string, body: string): void {
    if (!this.#reachable) return;
    for (const { pattern, queue } of this.#subscribers)
      if (matches(pattern, subject)) queue.push({ subject, body });
  }

  subscribe(subject: string, signal: AbortSignal): AsyncIterable<{ subject: string; body: string }> {
    const subscriber: Subscriber = { pattern: subject, queue: new LiveQueue() };
    if (!signal.aborted) this.#subscribers.add(subscriber);
    signal.addEventListener("abort", () => this.#subscribers.delete(subscriber), { once: true });
    return subscriber.queue.drain(signal);
  }

  async request(subject: string, body: string, _timeoutMs: number): Promise<string> {
    const responder = this.#responders.values().find((one) => matches(one.subject, subject));
    // The first of the group answers: no chance here. No timer either: who never answers is a bug of the test.
    if (!responder || !this.#reachable) throw new LogUnavailableError(`asking ${subject}`);
    return await responder.answer(body);
  }

  async respond(options: {
    subject: string;
    group: string;
    signal: AbortSignal;
    answer: (body: string) => string | Promise<string>;
  }): Promise<void> {
    const { signal } = options;
    if (signal.aborted) return;
    this.#responders.add(options);
    await new Signals().next(signal);
    this.#responders.delete(options);
  }
}
