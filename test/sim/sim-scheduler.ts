import { liveSubjects } from "@eru/events";
import { ConflictError } from "@eru/log";
import { behind, fenceAfter, toBatches } from "../../services/scheduler/src/batch.ts";
import { type Attempt, type CoreOptions, SchedulerCore } from "../../services/scheduler/src/core.ts";
import type { Chance } from "./chance.ts";
import type { Checks } from "./checks.ts";
import { Cursor, type SimLog } from "./sim-log.ts";

export type SchedulerDeps = { log: SimLog; chance: Chance; checks: Checks; options: CoreOptions };

/** The real scheduler without its loop: here chance decides how late it hears, how long it sleeps and when it dies. */
export class SimScheduler {
  readonly #deps: SchedulerDeps;
  #core: SchedulerCore | undefined;
  #cursor = new Cursor();
  #tookOver = false;
  /** Decided, but not yet sent to the log. */
  #held: { attempts: Attempt[]; untilMs: number } | undefined;
  /** Neither runs nor hears until then. */
  pausedUntilMs = 0;
  /** Cut off from the broker until then. */
  cutUntilMs = 0;

  constructor(deps: SchedulerDeps) {
    this.#deps = deps;
  }

  get core(): SchedulerCore | undefined {
    return this.#core;
  }

  start(): void {
    this.#core = new SchedulerCore(this.#deps.options, this.#deps.log.nowMs);
    this.#cursor = new Cursor();
    this.#tookOver = false;
    this.#held = undefined;
  }

  /** Killed: what it knew and had decided is gone, unless it was on its way already. */
  async crash(): Promise<void> {
    const onTheirWay = this.#held?.attempts ?? [];
    this.#core = undefined;
    this.#held = undefined;
    if (this.#deps.chance.may(0.5)) for (const attempt of onTheirWay) await this.#send(attempt, true, true);
  }

  hearNode(node: string): void {
    if (this.#hears) this.#core?.hearNode(liveSubjects.nodeHeartbeat(node), this.#deps.log.nowMs);
  }

  hearElb(elb: string, appliedSeq: number): void {
    const body = JSON.stringify({ elb, bootId: "b", appliedSeq });
    if (this.#hears) this.#core?.hearElb(liveSubjects.elbHeartbeat(elb), body, this.#deps.log.nowMs);
  }

  async step(rough: boolean): Promise<void> {
    const { log, chance, checks } = this.#deps;
    const core = this.#core;
    if (!core || log.nowMs < this.pausedUntilMs) return;
    const connected = log.nowMs >= this.cutUntilMs;
    if (connected) {
      const some =
        rough && chance.may(0.5) ? { upTo: chance.between(0, 9), again: chance.between(0, 3) } : undefined;
      core.fold(this.#cursor.take(log, some).map(({ stored }) => stored));
    }
    core.look(log.nowMs, connected);
    if (this.#held) {
      if (log.nowMs < this.#held.untilMs || !connected) return;
      const { attempts } = this.#held;
      this.#held = undefined;
      for (const attempt of attempts) await this.#commit(attempt, rough);
      return;
    }
    if (this.#cursor.at === 0) return;
    if (!this.#tookOver) core.takeOver(log.nowMs, log.nowMs);
    this.#tookOver = true;
    const attempts = [...core.passes(log.nowMs)];
    for (const { pass } of attempts) checks.decided(core.zone, pass);
    const late = rough && (chance.may(0.15) || !connected);
    if (late) this.#held = { attempts, untilMs: log.nowMs + chance.between(0, 6_000) };
    else for (const attempt of attempts) await this.#commit(attempt, rough);
  }

  async #commit(attempt: Attempt, rough: boolean): Promise<void> {
    const { chance, log } = this.#deps;
    const seq = await this.#send(attempt, rough);
    const answerLost = rough && chance.may(0.05);
    if (seq !== undefined && !answerLost) this.#core?.recorded(attempt, seq);
    else {
      const last = await log.log.last(`eru.decision.${attempt.pass.pod}`);
      const untilSeq = answerLost ? 0 : (last?.seq ?? 0);
      this.#core?.notRecorded(attempt, { untilSeq, restUntil: 0 });
    }
  }

  /**
   * The sequence of the last batch; undefined when another scheduler was faster, or when the scheduler dies between two
   * batches. In rough times batches are small, so that there is a between.
   */
  async #send(attempt: Attempt, rough: boolean, dies = false): Promise<number | undefined> {
    const { log, chance } = this.#deps;
    const messagesMax = rough ? chance.between(1, 6) : undefined;
    const batches = toBatches(attempt.pass, { id: log.nextId(), time: log.time() }, messagesMax);
    const sent = dies ? batches.slice(0, chance.between(0, batches.length)) : batches;
    let fence = attempt.pass.expectedLastSeq;
    let lastSeq: number | undefined;
    try {
      for (const batch of sent) {
        const places = await log.batch(behind(batch, fence));
        fence = fenceAfter(batch, places);
        lastSeq = places.at(-1)?.seq;
      }
    } catch (error) {
      if (error instanceof ConflictError) return undefined;
      throw error;
    }
    return lastSeq;
  }

  get #hears(): boolean {
    const { nowMs } = this.#deps.log;
    return nowMs >= this.pausedUntilMs && nowMs >= this.cutUntilMs;
  }
}
