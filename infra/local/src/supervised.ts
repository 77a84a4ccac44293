import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LocalError } from "./errors.ts";
import type { Home } from "./home.ts";
import { type Identity, readIdentity, runs } from "./identity.ts";
import { nodeIdentity, runTask, startProcess } from "./launch.ts";
import { probe } from "./probe.ts";
import { backOffMs, nextStep, type Phase, steadyMs, type UnitSpec } from "./unit.ts";

/** While something is not ready it is asked often, afterwards now and then. */
const probeReadyEveryMs = 2_000;

/** How long it may take to learn how a process ended that has ended. Of an adopted one nobody ever learns it. */
const endKnownMs = 200;
const never = new Promise<string>(() => {});

/** One line of the state file. */
export type UnitState = {
  name: string;
  phase: Phase;
  pid?: number;
  /** Starts after the first, since the supervisor runs. */
  restarts: number;
  /** Since when it is in this phase, ISO 8601. */
  since: string;
  /** How it ended last: "exit 1", "SIGKILL", or the error of its start. */
  lastEnd?: string;
  /** Why it is not ready. */
  detail?: string;
};

/** A failure of the machine (no room, no such program), which may pass, and not a bug of ours. */
export const isOutside = (error: unknown): error is Error =>
  error instanceof LocalError || (error instanceof Error && "errno" in error);

/** Keeps one unit going: adopts it when it runs, starts it when it does not, asks whether it can work. */
export class Supervised {
  readonly spec: UnitSpec;
  readonly #home: Home;
  readonly #say: (text: string) => void;
  #identity: Identity | undefined;
  #end: Promise<string> = never;
  #done = false;
  #phase: Phase = "waiting";
  #since = new Date();
  #starts = 0;
  #failures = 0;
  #readyMs: number | undefined;
  #notBeforeMs = 0;
  #askAtMs = 0;
  #lastEnd: string | undefined;
  #detail: string | undefined;
  #looking = false;

  constructor(spec: UnitSpec, home: Home, say: (text: string) => void) {
    this.spec = spec;
    this.#home = home;
    this.#say = say;
    const recorded = spec.kind === "process" ? readIdentity(home.pidFile(spec.name)) : undefined;
    if (!recorded || !runs(recorded)) return;
    this.#identity = recorded;
    this.#starts = 1;
    say(`${spec.name}: adopted process ${recorded.pid}`);
  }

  get ready(): boolean {
    return this.#phase === "ready";
  }

  get state(): UnitState {
    return {
      name: this.spec.name,
      phase: this.#phase,
      ...(this.#identity ? { pid: this.#identity.pid } : {}),
      restarts: Math.max(0, this.#starts - 1),
      since: this.#since.toISOString(),
      ...(this.#lastEnd === undefined ? {} : { lastEnd: this.#lastEnd }),
      ...(this.#detail === undefined ? {} : { detail: this.#detail }),
    };
  }

  /** One look and at most one action. A look that is still under way makes this one do nothing. */
  async look(afterReady: boolean): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    try {
      await this.#step(afterReady);
    } finally {
      this.#looking = false;
    }
  }

  async #step(afterReady: boolean): Promise<void> {
    if (this.#identity && !runs(this.#identity)) await this.#ended();
    const nowMs = performance.now();
    const step = nextStep({
      runs: this.#identity !== undefined || this.#done,
      off: this.spec.offFile !== undefined && existsSync(this.spec.offFile),
      afterReady,
      nowMs,
      notBeforeMs: this.#notBeforeMs,
    });
    if (step === "start") await this.#start();
    else if (step === "watch") await this.#ask(nowMs);
    else this.#enter(step);
  }

  async #start(): Promise<void> {
    const { spec } = this;
    const logFile = this.#home.logFile(spec.name);
    this.#starts++;
    this.#enter("starting");
    try {
      if (spec.kind === "process") {
        const place = { pidFile: this.#home.pidFile(spec.name), logFile };
        const { identity, end } = await startProcess(spec, place);
        this.#identity = identity;
        this.#end = end;
      } else {
        await runTask(spec, logFile);
        if (spec.kind === "task") this.#done = true;
        else this.#identity = nodeIdentity(spec.pidFile ?? "");
      }
      this.#askAtMs = 0;
      this.#say(`${spec.name}: started${this.#identity ? ` as process ${this.#identity.pid}` : ""}`);
    } catch (error) {
      if (!isOutside(error)) throw error;
      this.#lastEnd = error.message;
      this.#backOff();
    }
  }

  async #ended(): Promise<void> {
    this.#lastEnd = await Promise.race([
      this.#end,
      sleep(endKnownMs, "it was adopted: how it ended is unknown"),
    ]);
    this.#identity = undefined;
    this.#end = never;
    this.#backOff();
  }

  #backOff(): void {
    const nowMs = performance.now();
    if (this.#readyMs !== undefined && nowMs - this.#readyMs > steadyMs) this.#failures = 0;
    const pauseMs = backOffMs(this.#failures++);
    this.#readyMs = undefined;
    this.#notBeforeMs = nowMs + pauseMs;
    this.#detail = undefined;
    this.#enter("backing-off");
    this.#say(`${this.spec.name}: ended (${this.#lastEnd}), again in ${(pauseMs / 1000).toFixed(1)} s`);
  }

  async #ask(nowMs: number): Promise<void> {
    if (nowMs < this.#askAtMs) return;
    const identity = this.#identity;
    const why = this.spec.ready ? await probe(this.spec.ready) : undefined;
    if (identity && !runs(identity)) return; // The answer may be another program's.
    this.#detail = why;
    if (why === undefined) {
      this.#readyMs ??= performance.now();
      this.#askAtMs = nowMs + probeReadyEveryMs;
      this.#enter("ready");
    } else {
      this.#enter(this.#readyMs === undefined ? "starting" : "unready");
    }
  }

  #enter(phase: Phase): void {
    if (this.#phase === phase) return;
    this.#phase = phase;
    this.#since = new Date();
  }
}
