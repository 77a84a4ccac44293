import { setImmediate as turn } from "node:timers/promises";
import { type Logger, pause } from "@eru/service";
import type { WebSocket } from "@fastify/websocket";
import { BrokenViewError } from "../errors.ts";
import type { ProjectorMetrics } from "../metrics.ts";
import type { Views } from "../views.ts";
import { Bell } from "./bell.ts";
import { Client } from "./client.ts";
import { closeCodes, type FeedLimits } from "./protocol.ts";
import { Recent } from "./recent.ts";

/** Between two looks for pings and slow readers, in milliseconds; never longer than what it looks for. */
const tickMsMost = 1_000;

export type FeedDeps = {
  views: Views;
  limits: FeedLimits;
  metrics: ProjectorMetrics;
  log: Logger;
  /** Monotonic milliseconds. */
  now: () => number;
};

/** All connections of the live feed, moved on by one loop: after every commit, and when a reader has taken what it had. */
export class Feed {
  readonly #deps: FeedDeps;
  readonly #clients = new Set<Client>();
  readonly #recent = new Recent();
  readonly #bell = new Bell();

  constructor(deps: FeedDeps) {
    this.#deps = deps;
    deps.metrics.feedClients(() => this.#clients.size);
  }

  /** Whether one more connection is taken. */
  get room(): boolean {
    return this.#clients.size < this.#deps.limits.clientsMax;
  }

  /** Something was committed that queries see. */
  committed(): void {
    this.#bell.ring();
  }

  /** Takes over a connection whose caller is known. */
  add(socket: WebSocket): void {
    const { views, limits, now, metrics } = this.#deps;
    const client = new Client({
      ...{ socket, limits, now },
      seq: () => views.serving?.seq ?? 0,
      wake: () => this.#bell.ring(),
      sent: metrics.feedEvents,
    });
    this.#clients.add(client);
    socket.on("close", () => this.#clients.delete(client));
  }

  /** Serves until the signal aborts, then tells all clients where to go on. */
  async run(signal: AbortSignal): Promise<void> {
    await Promise.all([this.#move(signal), this.#watch(signal)]);
    for (const client of this.#clients) client.end(closeCodes.goingAway, "the service stops");
  }

  async #move(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#bell.heard(signal);
      for (let more = true; more && !signal.aborted; ) {
        more = this.#step();
        // Others get their turn between two chunks for each client.
        if (more) await turn();
      }
    }
  }

  /** One chunk for every client that takes one. True when there may be more. */
  #step(): boolean {
    const { views, log } = this.#deps;
    const view = views.serving;
    if (!view) return false;
    try {
      if (this.#clients.size === 0) this.#recent.skip(view.seq);
      else this.#recent.advance(view);
      let more = false;
      for (const client of this.#clients) more = client.step(view, this.#recent) || more;
      return more;
    } catch (error) {
      if (!(error instanceof BrokenViewError)) throw error;
      log.error({ err: error }, "the feed cannot read the view");
      views.reportDamage();
      this.#recent.skip(view.seq);
      for (const client of this.#clients) client.end(closeCodes.fault, "the view is being built again");
      return false;
    }
  }

  async #watch(signal: AbortSignal): Promise<void> {
    const { limits, metrics, log } = this.#deps;
    const tickMs = Math.min(tickMsMost, limits.slowMs / 2, limits.pingMs / 2);
    while (!signal.aborted) {
      await pause(tickMs, signal);
      for (const client of this.#clients)
        if (client.tick()) {
          metrics.slowClose();
          log.info("a feed client read too slowly and was closed");
        }
    }
  }
}
