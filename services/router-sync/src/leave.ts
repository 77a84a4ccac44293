import { readFile, rm, writeFile } from "node:fs/promises";
import type { EruEvent } from "@eru/events";
import { type Logger, pause } from "@eru/service";
import { NginxUnreachableError } from "./nginx-admin.ts";

export type LeaveDeps = {
  elb: string;
  /** So long those in front have to notice that it is not ready, before it counts as left. */
  waitMs: number;
  /** Keeps the operator's word for a start without the log. */
  file: string;
  /** Requests under way to endpoints. @throws NginxUnreachableError */
  inFlight: () => Promise<number>;
  log: Logger;
};

const lookEveryMs = 250;
/** A request may begin between two looks; the second makes up for it. */
const zerosWanted = 2;

/**
 * An operator's word that this load balancer shall leave, or come back. It leaves in order: not ready from the first
 * moment, waited for until its last request is done, and then by nobody. nginx serves on: whoever still comes is served.
 */
export class Leave {
  readonly #deps: LeaveDeps;
  #sinceMs: number | undefined;
  #waitMs = 0;
  #zeros = 0;
  #written: boolean | undefined;

  constructor(deps: LeaveDeps) {
    this.#deps = deps;
  }

  /** It shall be sent nothing. */
  get leaving(): boolean {
    return this.#sinceMs !== undefined;
  }

  /** Nobody needs to wait for it. */
  get left(): boolean {
    return this.leaving && this.#zeros >= zerosWanted;
  }

  /** What was said before this process started. The log, once it is read, knows better. */
  async recall(): Promise<void> {
    const text = await readFile(this.#deps.file, "utf8").catch(() => undefined);
    this.#written = text !== undefined;
    if (this.#written) this.#begin(0);
  }

  /** Takes an operator's word in. `past`: it was said before this process started, so those in front know. */
  apply(event: EruEvent, past: boolean): void {
    if (!("elb" in event) || event.elb !== this.#deps.elb) return;
    if (event.type === "ElbLeaveRequested" && !this.leaving) this.#begin(past ? 0 : this.#deps.waitMs);
    else if (event.type === "ElbJoinRequested" || event.type === "ElbForgotten") this.#end();
  }

  /** Looks when the last request is done, and keeps the word, until the signal aborts. */
  async run(logRead: () => boolean, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      if (logRead()) await this.#keep();
      if (this.leaving && !this.left) await this.#look();
      await pause(lookEveryMs, signal);
    }
  }

  #begin(waitMs: number): void {
    this.#sinceMs = performance.now();
    this.#waitMs = waitMs;
    this.#zeros = 0;
    this.#deps.log.info({ waitMs }, "told to leave: not ready any more, serving on");
  }

  #end(): void {
    if (this.leaving) this.#deps.log.info("told to join again: ready");
    this.#sinceMs = undefined;
    this.#zeros = 0;
  }

  async #look(): Promise<void> {
    if (performance.now() - (this.#sinceMs ?? 0) < this.#waitMs) return;
    try {
      this.#zeros = (await this.#deps.inFlight()) === 0 ? this.#zeros + 1 : 0;
    } catch (error) {
      if (!(error instanceof NginxUnreachableError)) throw error;
      this.#zeros = 0;
    }
    if (this.left) this.#deps.log.info("left: nobody waits for this load balancer");
  }

  async #keep(): Promise<void> {
    if (this.#written === this.leaving) return;
    if (this.leaving) await writeFile(this.#deps.file, "");
    else await rm(this.#deps.file, { force: true });
    this.#written = this.leaving;
  }
}
