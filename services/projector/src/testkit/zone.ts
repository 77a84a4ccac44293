import { setTimeout as sleep } from "node:timers/promises";
import { decodeMessage, type EruEvent, subjects } from "@eru/events";
import type { Broker, Log, StoredMessage } from "@eru/log";
import { MemoryBroker } from "@eru/log/memory";
import { createLog, createMetrics, hashToken, listen } from "@eru/service";
import type { FastifyInstance, LightMyRequestResponse } from "fastify";
import { ElbBoard } from "../elb-board.ts";
import { Feed } from "../feed/feed.ts";
import { type FeedLimits, feedLimits } from "../feed/protocol.ts";
import { projectorMetrics } from "../metrics.ts";
import { Progress } from "../progress.ts";
import { runProjector } from "../projector.ts";
import { createServer } from "../server.ts";
import { Views } from "../views.ts";

/** The token of the user `ada`, who is in every zone of these tests. */
export const token = "right";

export type RunningProjector = AsyncDisposable & {
  views: Views;
  progress: Progress;
  app: FastifyInstance;
  port: number;
  /** Moves the clock that standstill is judged by. */
  passMs: (ms: number) => void;
  /** What came of the loops; settles at the end. */
  ended: Promise<unknown>;
  stop: () => Promise<void>;
  /** Waits until the view has caught up and answers. */
  ready: () => Promise<void>;
  /** GET with the token. */
  get: (url: string) => Promise<LightMyRequestResponse>;
};

/** A whole projector over a broker, as main.ts puts it together. */
export async function startProjector(options: {
  path: string;
  connect: () => Promise<Broker>;
  limits?: Partial<FeedLimits>;
}): Promise<RunningProjector> {
  const log = createLog("projector", process.env["TEST_LOG"] ?? "fatal");
  const registry = createMetrics("projector");
  let aheadMs = 0;
  const now = () => performance.now() + aheadMs;
  const limits = { ...feedLimits, ...options.limits };
  const views = new Views(options.path, log);
  const progress = new Progress(views, now);
  const elbs = new ElbBoard(now);
  const metrics = projectorMetrics(registry, progress);
  const feed = new Feed({ views, limits, metrics, log, now });
  const app = await createServer({ views, progress, feed, elbs, limits, metrics: registry, log });
  const port = await listen(app, "127.0.0.1", 0);
  const end = new AbortController();
  const { signal } = end;
  const committed = () => feed.committed();
  const ended = Promise.all([
    runProjector({ connect: options.connect, views, progress, elbs, metrics, log, committed, signal }),
    feed.run(signal),
  ]).catch((error: unknown) => error);
  const stop = async () => {
    if (end.signal.aborted) return;
    end.abort();
    await ended;
    await app.close();
    views.close();
  };
  return {
    ...{ views, progress, app, port, ended, stop },
    passMs: (ms) => {
      aheadMs += ms;
    },
    ready: () => until("ready", () => progress.notReady() === undefined),
    get: (url) => app.inject({ url, headers: { authorization: `Bearer ${token}` } }),
    [Symbol.asyncDispose]: stop,
  };
}

/** A broker in memory, and ways to write to its log. */
export class MemoryZone {
  readonly broker: MemoryBroker;
  /** Message ids are unique, also between zones. */
  readonly #name = crypto.randomUUID();
  #messages = 0;

  constructor(epoch = "2026-01-01T00:00:00.000Z") {
    this.broker = new MemoryBroker({ epoch });
  }

  /** The user `ada` and her token: every zone needs a caller. */
  static async open(epoch?: string): Promise<MemoryZone> {
    const zone = new MemoryZone(epoch);
    await zone.append(subjects.user("ada"), [
      { type: "UserAdded", user: "ada" },
      { type: "TokenIssued", user: "ada", tokenHash: hashToken(token) },
    ]);
    return zone;
  }

  readonly connect = async (): Promise<Broker> => this.broker;

  /** Appends one message; its sequence. */
  async append(
    subject: string,
    events: readonly EruEvent[],
    actor = "user:ada",
    id = `${this.#name}-${++this.#messages}`,
  ): Promise<number> {
    const cause = { correlationId: id, causationId: id };
    const { seq } = await this.broker.log.append({
      subject,
      message: {
        meta: { id, time: "2026-01-01T00:00:00.000Z", actor },
        events: events.map((event) => ({ event, cause })),
      },
    });
    return seq;
  }

  /** Appends messages of another log as they are. */
  async copy(log: readonly StoredMessage[]): Promise<void> {
    for (const message of log) {
      const events = decodeMessage(message);
      const [first] = events;
      if (first)
        await this.broker.log.append({
          subject: message.subject,
          message: { meta: first.meta, events: events.map(({ event, cause }) => ({ event, cause })) },
        });
    }
  }
}

/** The broker with some methods of its log replaced: how a test makes the log fail or lie. */
export function withLog(broker: Broker, replaced: Partial<Log>): Broker {
  const log = new Proxy(broker.log, {
    get: (target, name: keyof Log) => replaced[name] ?? target[name].bind(target),
  });
  return { log, live: broker.live, lease: broker.lease, connected: () => true, close: async () => {} };
}

/** Waits until something is so. */
export async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 30_000) {
  const deadline = performance.now() + limitMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms in vain: ${what}`);
    await sleep(5);
  }
}
