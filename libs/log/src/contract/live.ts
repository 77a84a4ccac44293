import { expect, test } from "vitest";
import { LogUnavailableError } from "../errors.ts";
import { liveBacklogMax } from "../log.ts";
import { fresh, type Setting, waitFor } from "./kit.ts";

/** Messages that are never stored. */
export function liveContract(get: () => Setting): void {
  test("subscribers get what fits their pattern, in order", async () => {
    const { broker, other } = get();
    const name = fresh("live");
    const stop = new AbortController();
    const heard: string[] = [];
    const listen = async (pattern: string): Promise<void> => {
      for await (const { subject, body } of other.live.subscribe(pattern, stop.signal)) {
        heard.push(`${pattern} ${subject} ${body}`);
      }
    };
    const listening = [`eru-live.test.${name}.*`, `eru-live.test.${name}.a`].map(listen);
    await answered(get);
    broker.live.publish(`eru-live.test.${name}.a`, "1");
    broker.live.publish(`eru-live.test.${name}.b`, "2");
    await waitFor(() => heard.length === 3);
    stop.abort();
    await Promise.all(listening);
    expect(heard.toSorted()).toEqual([
      `eru-live.test.${name}.* eru-live.test.${name}.a 1`,
      `eru-live.test.${name}.* eru-live.test.${name}.b 2`,
      `eru-live.test.${name}.a eru-live.test.${name}.a 1`,
    ]);
  });

  test("a question is answered by one of the group", async () => {
    const { broker, other } = get();
    const subject = `eru-live.test.${fresh("plan")}`;
    const stop = new AbortController();
    let asked = 0;
    const answer = async (body: string) => `${body} is ${++asked}`;
    const responding = [broker, other].map(({ live }) =>
      live.respond({ subject, group: "scheduler", signal: stop.signal, answer }),
    );
    await answered(get);
    expect(await broker.live.request(subject, "it", 2_000)).toBe("it is 1");
    expect(await other.live.request(subject, "it", 2_000)).toBe("it is 2");
    stop.abort();
    await Promise.all(responding);
    await expect(broker.live.request(subject, "it", 500)).rejects.toThrow(LogUnavailableError);
  });

  test("a subscriber that lags loses the oldest", async () => {
    const { broker, other } = get();
    const subject = `eru-live.test.${fresh("flood")}`;
    const stop = new AbortController();
    const messages = other.live.subscribe(subject, stop.signal);
    await answered(get);
    const sent = 3 * liveBacklogMax;
    for (let index = 1; index <= sent; index++) broker.live.publish(subject, String(index));
    await answered(get);
    const heard: number[] = [];
    for await (const { body } of messages) {
      heard.push(Number(body));
      if (heard.at(-1) === sent) stop.abort();
    }
    expect(heard).toEqual(
      Array.from({ length: heard.length }, (_, index) => sent - heard.length + 1 + index),
    );
    expect(heard.length).toBeLessThanOrEqual(2 * liveBacklogMax);
  });
}

/** Leases, which save work. */
export function leaseContract(get: () => Setting): void {
  test("one holds a lease, and who waits gets it when it is given back", async () => {
    const { broker, other } = get();
    const name = fresh("lease");
    const [first, second] = [new AbortController(), new AbortController()];
    const held = await broker.lease.acquire(name, first.signal);
    expect(held.aborted).toBe(false);
    let waiting = true;
    const next = other.lease.acquire(name, second.signal).finally(() => {
      waiting = false;
    });
    await answered(get);
    expect(waiting).toBe(true);
    first.abort();
    expect((await next).aborted).toBe(false);
    expect(held.aborted).toBe(true);
    second.abort();
  });

  test("leases of different names do not know each other", async () => {
    const { broker, other } = get();
    const stop = new AbortController();
    const held = await Promise.all([
      broker.lease.acquire(fresh("lease"), stop.signal),
      other.lease.acquire(fresh("lease"), stop.signal),
    ]);
    expect(held.map((signal) => signal.aborted)).toEqual([false, false]);
    stop.abort();
  });

  test("a holder that the broker gave up knows it, and the next one holds", async () => {
    const { broker, other, expireLease } = get();
    const name = fresh("lease");
    const [first, second] = [new AbortController(), new AbortController()];
    const held = await broker.lease.acquire(name, first.signal);
    await expireLease(name);
    await waitFor(() => held.aborted);
    expect((await other.lease.acquire(name, second.signal)).aborted).toBe(false);
    first.abort();
    second.abort();
  });

  test("who stops waiting gets a signal that is over", async () => {
    const { broker, other } = get();
    const name = fresh("lease");
    const [holder, waiter] = [new AbortController(), new AbortController()];
    await broker.lease.acquire(name, holder.signal);
    const waiting = other.lease.acquire(name, waiter.signal);
    waiter.abort();
    expect((await waiting).aborted).toBe(true);
    holder.abort();
  });
}

/** One round trip of every connection: what they sent before has arrived. */
async function answered(get: () => Setting): Promise<void> {
  const { broker, other } = get();
  await Promise.all([broker.log.lastSeq(), other.log.lastSeq()]);
  await Promise.all([broker.log.lastSeq(), other.log.lastSeq()]);
}
