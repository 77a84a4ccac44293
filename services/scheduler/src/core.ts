import {
  assert,
  type DrainPlanReply,
  DrainPlanRequest,
  ElbHeartbeat,
  type PlanRefusal,
  type PlanReply,
  PlanRequest,
  type RebalanceReply,
  RebalanceRequest,
  type ReplacePlanReply,
  ReplacePlanRequest,
  type UpgradePlanReply,
  UpgradePlanRequest,
  type WhyNotReply,
  WhyNotRequest,
} from "@eru/events";
import type { StoredMessage } from "@eru/log";
import { perNodeIn } from "./domain/concerned.ts";
import type { PassOptions, Signals } from "./domain/draft.ts";
import { dueStops } from "./domain/drains.ts";
import { drainForecast, dryRun, upgradePlan } from "./domain/dry-run.ts";
import { awaitedHealth } from "./domain/health-deadline.ts";
import { Heartbeats } from "./domain/liveness.ts";
import { type Pass, plan } from "./domain/plan.ts";
import { rebalance } from "./domain/rebalance.ts";
import { replacePlan } from "./domain/replace-plan.ts";
import { touch, touchReplacing } from "./domain/touch.ts";
import { addedOf } from "./domain/turn.ts";
import { whyNot } from "./domain/why-not.ts";
import { emptyZone, type Pod, type Zone } from "./domain/zone.ts";
import { foldInto } from "./fold.ts";
import { LogClock } from "./log-clock.ts";
import { Stopwatch } from "./stopwatch.ts";

/** Milliseconds between two looks at the clock. */
export const lookEveryMs = 250;
/** Milliseconds between two passes that look at everything, whatever was noticed. */
const fullEveryMs = 60_000;
/** Milliseconds of health after which failures before count no more: the agent's own healthy minute. */
const steadyMs = 60_000;
/**
 * Milliseconds that load balancers are given beyond a drain's deadline: theirs is the same, and what they still counted
 * then shall be heard before it is decided without them.
 */
const drainMarginMs = 1_000;

export type CoreOptions = PassOptions & {
  /** Milliseconds a new workload of an upgrade may take until it is healthy, when the upgrade does not say. */
  progressDeadlineMs: number;
};

/** A pass on its way to the log, with what has to be looked at again when it does not get there. */
export type Attempt = { pass: Pass; looked: readonly string[] };

/** What a question is answered with. */
type Reply =
  | PlanReply
  | UpgradePlanReply
  | DrainPlanReply
  | ReplacePlanReply
  | RebalanceReply
  | WhyNotReply
  | PlanRefusal;
/** The reply, or what has to be read from the log before there is one. */
export type Answer = Reply | { past: number; tell: (zone: Zone) => Reply };

/**
 * The scheduler without its effects: told what was recorded, heard and what time it is (monotonic milliseconds), it
 * answers which pass to record. The loop runs it on a broker and a clock, the simulation on its own.
 */
export class SchedulerCore {
  #zone: Zone = emptyZone();
  readonly heartbeats: Heartbeats;
  readonly #options: CoreOptions;
  readonly #stopwatch = new Stopwatch();
  readonly #clock = new LogClock();
  /** Per pod, what must be folded before the next pass (our own batch, or what ours collided with) and until when to rest. */
  readonly #held = new Map<string, { untilSeq: number; restUntil: number }>();
  #fullAt: number;

  constructor(options: CoreOptions, now: number) {
    this.#options = options;
    this.heartbeats = new Heartbeats(now);
    this.#fullAt = now + fullEveryMs;
  }

  get zone(): Zone {
    return this.#zone;
  }

  /** Begins with what was folded before. Only before anything else is folded. */
  begin(zone: Zone): void {
    this.#zone = zone;
  }

  /**
   * Folds messages; those that were folded before are skipped.
   * @throws UnreadableEventError
   */
  fold(messages: readonly StoredMessage[]): void {
    foldInto(this.zone, messages);
  }

  /** Goes on from another fold of the same log up to the same sequence. */
  replaceZone(zone: Zone, now: number): void {
    assert(zone.seq === this.zone.seq, `a zone of sequence ${zone.seq} for one of ${this.zone.seq}`);
    this.#zone = zone;
    this.lookAtEverything(now);
  }

  /** An agent's heartbeat. Its broker's permissions vouch for the name in the subject. */
  hearNode(subject: string, now: number): void {
    this.heartbeats.hearNode(lastToken(subject), now);
  }

  /** A load balancer's heartbeat; false when it cannot be read. */
  hearElb(subject: string, body: string, now: number): boolean {
    const parsed = ElbHeartbeat.safeParse(parseJson(body));
    if (!parsed.success) return false;
    const { appliedSeq, gone, left } = parsed.data;
    this.heartbeats.hearElb(lastToken(subject), appliedSeq, now, gone ?? left);
    return true;
  }

  /** To be called four times a second. */
  look(now: number, connected: boolean): void {
    this.heartbeats.look(now, connected);
    this.heartbeats.forget(this.zone.nodes, now);
    const before = now - 4 * lookEveryMs - fullEveryMs;
    this.#stopwatch.sweep(before);
    this.#clock.sweep(before);
    // Load balancers come, go and apply tables without a word in the log.
    touchReplacing(this.zone);
    if (now >= this.#fullAt) this.lookAtEverything(now);
  }

  /** From now on this one decides, at what it has read; the log's clock says `logMs`. */
  takeOver(logMs: number, now: number): void {
    this.#clock.takeOver(this.zone.seq, logMs, now);
    this.lookAtEverything(now);
  }

  /** The next pass over each pod looks at all its deployments: at a take-over, and now and then. */
  lookAtEverything(now: number): void {
    this.#fullAt = now + fullEveryMs;
    for (const deployment of this.zone.deployments.values()) touch(this.zone, deployment);
  }

  /** Decides what there is to decide in each pod; nothing for pods that still wait for what they know is recorded. */
  *passes(now: number): Generator<Attempt> {
    for (const pod of this.zone.pods.values()) {
      const attempt = this.#pass(pod, now);
      if (attempt) yield attempt;
    }
  }

  /** The pass is recorded, its last decision at this sequence: orders after it say nothing that decisions did not. */
  recorded({ pass }: Attempt, decidedSeq: number): void {
    this.#held.set(pass.pod, { untilSeq: decidedSeq, restUntil: 0 });
  }

  /** The batch is not recorded, or nobody knows: what it was about is looked at again, not before both are reached. */
  notRecorded({ pass, looked }: Attempt, hold: { untilSeq: number; restUntil: number }): void {
    const pod = this.zone.pods.get(pass.pod);
    for (const id of looked) pod?.touched.add(id);
    if (pod) pod.changed = true;
    this.#held.set(pass.pod, hold);
  }

  /** The answer to a question, as it goes over the wire. */
  answer(body: string, notReady: string | undefined, now: number): Answer {
    if (notReady !== undefined) return { error: notReady };
    const asked = parseJson(body);
    const elbs = this.heartbeats.liveElbs(this.zone.elbs, now);
    const upgrade = UpgradePlanRequest.safeParse(asked);
    if (upgrade.success)
      return (
        upgradePlan(this.zone, upgrade.data, elbs) ?? {
          error: `deployment ${upgrade.data.upgrade} is not known yet: try again`,
        }
      );
    const drain = DrainPlanRequest.safeParse(asked);
    if (drain.success) {
      const { drain: node } = drain.data;
      return drainForecast(this.zone, node, elbs) ?? { error: `node ${node} is not known yet: try again` };
    }
    const replace = ReplacePlanRequest.safeParse(asked);
    if (replace.success)
      return (
        replacePlan(this.zone, replace.data, elbs) ?? {
          error: `workload ${replace.data.replace} is not known yet: try again`,
        }
      );
    const moves = RebalanceRequest.safeParse(asked);
    if (moves.success)
      return (
        rebalance(this.zone, moves.data, elbs) ?? {
          error: `pod ${moves.data.rebalance} is not known yet: try again`,
        }
      );
    const not = WhyNotRequest.safeParse(asked);
    if (not.success) return this.#whyNot(not.data.whyNot);
    const parsed = PlanRequest.safeParse(asked);
    if (parsed.success) return dryRun(this.zone, parsed.data, elbs);
    const faults = parsed.error.issues.map(
      (issue) => `${issue.path.join(".") || "request"}: ${issue.message}`,
    );
    return { error: `the request is not readable: ${faults.slice(0, 3).join("; ")}` };
  }

  #whyNot(asked: WhyNotRequest["whyNot"]): Answer {
    const { atSeq } = asked;
    if (atSeq === undefined || atSeq === this.zone.seq) return whyNot(this.zone, asked);
    if (atSeq > this.zone.seq)
      return {
        error: `the log ends at sequence ${this.zone.seq}: ask about that or before`,
        code: "seq_unknown",
      };
    return { past: atSeq, tell: (zone) => whyNot(zone, asked) };
  }

  #pass(pod: Pod, now: number): Attempt | undefined {
    const hold = this.#held.get(pod.name);
    if (hold && (hold.untilSeq > this.zone.seq || hold.restUntil > now)) return undefined;
    const signals = this.#signals(pod, now);
    const { liveness, stops, stalled, steady, overdue, waitedOut } = signals;
    const waits = pod.changed && (pod.waiting.size + pod.bound.size > 0 || perNodeIn(pod).length > 0);
    const told =
      liveness.length +
        stops.size +
        stalled.size +
        steady.size +
        overdue.size +
        waitedOut.size +
        pod.orphans.size >
      0;
    if (!told && !waits && pod.touched.size === 0) return undefined;
    const looked = [...pod.touched];
    pod.touched.clear();
    const still = !pod.changed;
    const pass = plan(this.zone, pod, { focus: looked, still, signals, options: this.#options });
    pod.changed = false;
    for (const id of pass.unfinished) pod.touched.add(id);
    return pass.decisions.length > 0 ? { pass, looked } : undefined;
  }

  /** Nodes on which something is left although their drain's deadline has passed. */
  #overdue(pod: Pod, now: number): Set<string> {
    const overdue = new Set<string>();
    for (const { name, pod: of, drain, workloads } of this.zone.drains) {
      if (of !== pod.name || drain?.deadlineMs === undefined || drain.paused || workloads.size === 0)
        continue;
      if (this.#clock.over(`node drain ${name}`, drain.since, drain.deadlineMs, now)) overdue.add(name);
    }
    return overdue;
  }

  /** Deployments of which something waits for room, longer than it may. */
  #waitedOut(pod: Pod, now: number): Set<string> {
    const late = new Set<string>();
    for (const deployment of pod.waiting) {
      const { since, waitDeadlineMs } = deployment.turn;
      if (!since || waitDeadlineMs === undefined || addedOf(deployment) === 0) continue;
      if (this.#clock.over(`wait ${deployment.id}`, since, waitDeadlineMs, now)) late.add(deployment.id);
    }
    return late;
  }

  #signals(pod: Pod, now: number): Signals {
    const elbs = this.heartbeats.liveElbs(this.zone.elbs, now);
    const over = (key: string, ms: number): boolean => this.#stopwatch.elapsed(key, now) >= ms;
    const expired = new Set<string>();
    for (const { id, drain, going, change } of pod.draining)
      if (over(`drain ${id} ${drain}`, ((going ?? change)?.deadlineMs ?? 0) + drainMarginMs)) expired.add(id);
    const stalled = new Map<string, { workload: string; afterMs: number }>();
    for (const deployment of this.zone.rollouts) {
      if (deployment.pod !== pod.name) continue;
      const afterMs = deployment.rollout?.settings.healthDeadlineMs ?? this.#options.progressDeadlineMs;
      // Every one is asked for, so that each clock goes on.
      for (const { workload, since } of awaitedHealth(deployment))
        if (this.#clock.over(`health ${workload}`, since, afterMs, now))
          stalled.set(deployment.id, { workload, afterMs });
    }
    const steady = new Set<string>();
    for (const deployment of pod.deployments.values()) {
      if (deployment.failures === 0) continue;
      for (const { id, n, healthySeq, going } of deployment.workloads.values())
        if (
          n > deployment.provingAboveN &&
          healthySeq > 0 &&
          !going &&
          over(`steady ${id} ${healthySeq}`, steadyMs)
        )
          steady.add(deployment.id);
    }
    return {
      liveness: this.heartbeats.changes(pod, now),
      elbs,
      stops: dueStops(this.zone, pod, { elbs, expired }),
      stalled,
      steady,
      overdue: this.#overdue(pod, now),
      waitedOut: this.#waitedOut(pod, now),
    };
  }
}

const lastToken = (subject: string): string => subject.slice(subject.lastIndexOf(".") + 1);

/** The parsed body; undefined when it is no JSON, which no schema accepts. */
function parseJson(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
