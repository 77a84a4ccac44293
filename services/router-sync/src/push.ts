import type { Cause } from "@eru/events";
import type { Logger } from "@eru/service";
import { ActiveEndpoints } from "./domain/active-endpoints.ts";
import type { RouteFold } from "./domain/route-fold.ts";
import { apply, diff, type Line, type Table, tableLines } from "./domain/table.ts";
import type { NginxAdmin, TableInForce, WriteAnswer } from "./nginx-admin.ts";

/** What one push brought into force. */
export type Pushed = {
  bootId: string;
  appliedSeq: number;
  changedPools: number;
  changedHosts: number;
  /** The newest event that made a difference; undefined when nginx had the table already as it started. */
  cause: Cause | undefined;
};

/** A line nginx does not take. */
export type Rejection = { key: string; json: string; reason: string };

export type PusherDeps = {
  fold: RouteFold;
  admin: Pick<NginxAdmin, "table" | "delta" | "generation">;
  log: Logger;
  rejected: (rejection: Rejection) => void;
};

/** From this many lines on a generation is better than a delta, which holds a worker up until it is written. */
const deltaLinesMax = 500;
const fullReason = "the load balancer's table memory is full: raise ERU_ELB_TABLE_MIB and restart it";

/** Brings nginx's table up to the fold's: by a delta if it can, by a generation if it must. One call at a time. */
export class Pusher {
  readonly #deps: PusherDeps;
  readonly #rejections = new Map<string, Rejection>();
  readonly #told = new Map<string, string>();
  readonly #active = new ActiveEndpoints();
  #pending = new Set<string>();
  #cause: Cause | undefined;
  #inForce: TableInForce | undefined;
  #bootId: string | undefined;
  #appliedSeq = 0;
  #full = false;

  constructor(deps: PusherDeps) {
    this.#deps = deps;
  }

  /** What nginx has, as far as this process knows; undefined when it must look. */
  get inForce(): TableInForce | undefined {
    return this.#inForce;
  }

  /** nginx routes by the table as of this sequence, or of a later one that changed nothing. */
  get appliedSeq(): number {
    return this.#appliedSeq;
  }

  /** Lines nginx refused and does without. */
  get rejections(): ReadonlyMap<string, Rejection> {
    return this.#rejections;
  }

  /** True while a change still has to be brought. */
  get waiting(): boolean {
    return this.#pending.size > 0;
  }

  /** True while nginx has no room for a change of what it holds. */
  get full(): boolean {
    return this.#full;
  }

  /** Number of endpoints that may be sent to. */
  get endpoints(): number {
    return this.#active.size;
  }

  /** Whether a request may still be sent to the workload, by the table in force. */
  mayReceive(workload: string): boolean {
    return this.#active.has(workload);
  }

  /** The table to start nginx with: the fold's, with what nginx refused as it was before. */
  startTable(): Map<string, string> {
    const table = new Map(this.#deps.fold.table);
    for (const { key, json } of this.#rejections.values()) {
      if (table.get(key) !== json) continue;
      const before = this.#inForce?.table.get(key);
      if (before === undefined) table.delete(key);
      else table.set(key, before);
    }
    return table;
  }

  /** Notes a line nginx refused. It is not sent again until the log changes it. */
  reject(key: string, reason: string): void {
    const json = this.#deps.fold.table.get(key);
    if (json === undefined) return;
    const rejection = { key, json, reason };
    this.#rejections.set(key, rejection);
    if (this.#told.get(key) === json) return; // Asked again in vain: nobody needs to hear it twice.
    this.#told.set(key, json);
    this.#deps.rejected(rejection);
  }

  /** What is known of nginx may be wrong: the next push looks. */
  forget(): void {
    this.#inForce = undefined;
  }

  /**
   * Makes the fold's table the one in force. "later": nginx cannot take it now.
   * @throws NginxUnreachableError the fate of the change is unknown, the next push looks
   */
  async push(epoch: string): Promise<Pushed | "nothing" | "later"> {
    const adopting = this.#inForce === undefined;
    try {
      const from = this.#inForce ?? (await this.#adopt());
      this.#take();
      if (this.#pending.size === 0 && !adopting && from.epoch === epoch) {
        this.#appliedSeq = this.#deps.fold.seq;
        return "nothing";
      }
      return await this.#bring(epoch, adopting);
    } catch (error) {
      this.forget();
      throw error;
    }
  }

  async #adopt(): Promise<TableInForce> {
    const found = await this.#deps.admin.table();
    if (found.bootId !== this.#bootId) this.#askAgain(); // Its memory may be larger.
    this.#bootId = found.bootId;
    this.#inForce = found;
    this.#active.reset(found.table);
    return found;
  }

  #take(): void {
    const { touched, cause } = this.#deps.fold.takeChanges();
    for (const key of touched) this.#pending.add(key);
    this.#cause = cause ?? this.#cause;
  }

  async #bring(epoch: string, adopting: boolean): Promise<Pushed | "later"> {
    const refused = new Set<string>();
    for (let whole = adopting; ; ) {
      const from = this.#inForce ?? (await this.#adopt());
      this.#take();
      const to = { epoch, seq: this.#deps.fold.seq };
      const keys = whole || from.epoch !== epoch ? undefined : this.#pending;
      const lines = diff(from.table, this.#deps.fold.table, keys).filter((line) => !this.#isRejected(line));
      const sent = new Set(this.#pending);
      const answer = await this.#write(from, to, lines);
      if (answer.ok) {
        for (const key of sent) this.#pending.delete(key);
        return this.#applied(from, { ...to, token: answer.token }, lines);
      }
      if (answer.why === "writer") return this.#later("another writer is at work on nginx");
      if (answer.why === "memory" && !this.#giveUpNewHosts(from.table, lines)) return this.#later(fullReason);
      if (answer.why === "line") {
        // Refused again although it is not sent: it is the value before that nginx does not take any more.
        if (refused.has(answer.key))
          this.#inForce = { ...from, table: apply(from.table, [{ key: answer.key }]) };
        refused.add(answer.key);
        this.reject(answer.key, answer.reason);
      }
      if (answer.why === "base") {
        this.forget();
        whole = true;
      }
    }
  }

  #later(reason: string): "later" {
    if (!this.#full) this.#deps.log.error({ reason }, "nginx keeps the table it has");
    this.#full = reason === fullReason;
    return "later";
  }

  async #write(
    from: TableInForce,
    to: { epoch: string; seq: number },
    lines: readonly Line[],
  ): Promise<WriteAnswer> {
    if (lines.length === 0 && from.epoch === to.epoch) return { ok: true, token: from.token };
    if (from.epoch === to.epoch && to.seq > from.seq && lines.length <= deltaLinesMax)
      return await this.#deps.admin.delta({ ...to, base: from.seq }, lines);
    return await this.#deps.admin.generation(to, tableLines(apply(from.table, lines)));
  }

  #applied(
    from: TableInForce,
    to: { epoch: string; seq: number; token: number },
    lines: readonly Line[],
  ): Pushed {
    // nginx keeps the sequence of its last change: a table that stays the same needs no call.
    if (to.token !== from.token) this.#inForce = { ...from, ...to };
    for (const { key, json } of lines) {
      if (json === undefined) from.table.delete(key);
      else from.table.set(key, json);
      this.#active.set(key, json);
    }
    this.#appliedSeq = to.seq;
    this.#full = false;
    if (lines.some(({ json }) => json === undefined)) this.#askAgain();
    const count = (kind: string) => lines.filter(({ key }) => key.startsWith(kind)).length;
    return {
      bootId: from.bootId,
      appliedSeq: to.seq,
      changedPools: count("p:"),
      changedHosts: count("r:"),
      cause: this.#cause,
    };
  }

  /** There may be room now for what was given up for want of it. */
  #askAgain(): void {
    for (const { key, reason } of this.#rejections.values()) {
      if (reason !== fullReason) continue;
      this.#rejections.delete(key);
      this.#pending.add(key);
    }
  }

  #isRejected({ key, json }: Line): boolean {
    const rejection = this.#rejections.get(key);
    if (rejection !== undefined && rejection.json === json) return true;
    this.#rejections.delete(key);
    return false;
  }

  /** Endpoints must go on changing, so hosts that are new have to wait for room. False when there is none. */
  #giveUpNewHosts(before: Table, lines: readonly Line[]): boolean {
    const fresh = lines.filter(
      ({ key, json }) => key.startsWith("r:") && json !== undefined && !before.has(key),
    );
    for (const { key } of fresh) this.reject(key, fullReason);
    return fresh.length > 0;
  }
}
