import type { AssignmentEvent, Cause, CommandResult, FactEvent } from "@eru/events";
import type { EngineNetwork } from "./addresses.ts";
import { type Container, type OwnContainer, own } from "./container.ts";
import { order, takeOrder } from "./desired.ts";
import { discard } from "./discard.ts";
import type { Addressing } from "./endpoints.ts";
import { type Entry, isOver, lookRefs, newEntry, seeAll, takeDone, withOne } from "./entry.ts";
import type { ProbeResult } from "./health.ts";
import type { HookAction } from "./hooks.ts";
import {
  evolve,
  evolveNode,
  type FactTime,
  isWorkloadFact,
  type KnownNode,
  type NodeFact,
  unknownNode,
} from "./known.ts";
import { Lanes, laneLimits } from "./lanes.ts";
import type { Picture } from "./picture.ts";
import { countProbe, dueProbe, type Probe, postponeProbe, sooner, turnFact, watchHealth } from "./probing.ts";
import { Reach } from "./reach.ts";
import {
  answer,
  dueRealloc,
  isReallocFact,
  newestRealloc,
  orderNow,
  outcomeOf,
  recallAnswer,
} from "./realloc.ts";
import {
  type Action,
  failure,
  hookEnded,
  type RunStep,
  reconcile,
  type Verdict,
  type View,
} from "./reconcile.ts";
import { record } from "./record.ts";
import { SharedCores } from "./shared-cores.ts";
import { beStuck, type Clearing, holdStop } from "./stuck.ts";
import { beginAnew, sourceOf } from "./take-over.ts";
import { tidiesLater } from "./tidy.ts";
import { type Machine, type Outcome, type Report, sameMachine, type Work } from "./work.ts";

/** Probes in flight. */
const probesMax = 64;

/**
 * The agent without its effects: told what was ordered, seen and done, it answers what to do and what to report. Reads no
 * clock (`nowMs` is monotonic) and does nothing itself, so the simulation runs exactly what runs in production.
 */
export class Agent {
  readonly #node: string;
  readonly #addressing: Addressing;
  readonly #lanes: Lanes<Entry>;
  readonly #entries = new Map<string, Entry>();
  /** Workloads that are over, and the generation that ended them: an older order must not revive them. */
  readonly #over = new Map<string, number>();
  readonly #dirty = new Set<Entry>();
  /** An action of theirs has just ended: the next step of a workload goes before the first of another. */
  readonly #urgent = new Set<Entry>();
  readonly #pulls = new Set<string>();
  readonly #shared = new SharedCores();
  readonly #reach: Reach;
  #probing = 0;
  #ticks = 0;
  #facts: Report[] = [];
  #actions: Action[] = [];
  #knownNode: KnownNode = unknownNode;
  #caughtUp = false;
  #engine: "unknown" | "up" | "down" = "unknown";

  constructor(options: { node: string; addressing: Addressing; actionsMax?: number }) {
    this.#node = options.node;
    this.#addressing = options.addressing;
    this.#reach = new Reach(options.addressing);
    this.#lanes = new Lanes(options.actionsMax ?? laneLimits.run);
  }

  /** A fact of the own history. All of them come before anything else. */
  recall(fact: FactEvent, time: FactTime): void {
    if (isReallocFact(fact)) recallAnswer(this.#entry(fact.workload), fact);
    else if (isWorkloadFact(fact)) {
      const entry = this.#entry(fact.workload);
      entry.known = evolve(entry.known, fact, time);
      beginAnew(entry, fact);
      this.#reach.learn(fact, time.atMs);
    } else this.#knownNode = evolveNode(this.#knownNode, fact);
  }

  /** An order, as it stands in the log. */
  ordered(event: AssignmentEvent, cause: Cause): void {
    if (event.type === "SharedCoresAssigned") {
      this.#shared.order(event);
      for (const entry of this.#entries.values()) this.#dirty.add(entry);
      return;
    }
    if (event.type === "WorkloadReallocAssigned") {
      if (this.#over.has(event.workload)) return;
      const entry = this.#entry(event.workload);
      entry.realloc = newestRealloc(entry.realloc, event, cause);
      this.#dirty.add(entry);
      return;
    }
    if ((this.#over.get(event.workload) ?? 0) >= event.generation) return;
    const entry = this.#entry(event.workload);
    if (takeOrder(entry, order(event, cause))) this.#dirty.add(entry);
  }

  /** All orders up to the head of the log are known: from now on a container without one is unwanted. */
  caughtUp(): void {
    this.#caughtUp = true;
  }

  /** What the machine offers; reported when it is not what was reported last. */
  machine({ resources, engine, agentVersion }: Machine): void {
    this.#shared.machine(resources);
    if (!sameMachine(this.#knownNode.observed, { resources, engine, agentVersion }))
      this.#reportNode({ type: "NodeObserved", node: this.#node, resources, engine, agentVersion });
  }

  /** The network for containers as the engine has it, or why it has none. */
  network(found: EngineNetwork | { error: string }): void {
    this.#reach.network(found);
  }

  /** The engine does not answer: until a full look nothing is said or done about containers. */
  engineLost(error: string): void {
    this.#engine = "down";
    if (this.#knownNode.engineReachable)
      this.#reportNode({ type: "EngineUnreachable", node: this.#node, error });
  }

  /** Call before asking for a full list; the answer goes to `listed`. */
  beginLook(): number {
    return ++this.#ticks;
  }

  /** Everything the engine has, asked for at `look`. What was touched since then is looked at again on its own. */
  listed(look: number, containers: readonly Container[]): void {
    if (!this.#knownNode.engineReachable) this.#reportNode({ type: "EngineBack", node: this.#node });
    this.#engine = "up";
    const ours = Map.groupBy(this.#own(containers), (one) => one.workload);
    for (const workload of ours.keys()) this.#entry(workload);
    for (const entry of this.#entries.values()) {
      if (entry.busy || entry.touched > look) entry.lookAt ??= new Set();
      else {
        seeAll(entry, ours.get(entry.workload) ?? []);
        this.#reach.seen(entry);
      }
      this.#dirty.add(entry);
    }
  }

  /** The engine says that something happened to a container of ours. A hint: the truth is looked up. */
  hint(workload: string, containerId: string): void {
    const entry = this.#entry(workload);
    entry.lookAt = (entry.lookAt ?? new Set()).add(containerId);
    this.#dirty.add(entry);
  }

  /** What became of an action that `next` gave out. */
  finished(action: Action, outcome: Outcome, nowMs: number): void {
    this.#lanes.free(action.do);
    if (action.do === "pull") {
      this.#pulled(action.image, outcome, nowMs);
      return;
    }
    const entry = this.#entry(action.workload);
    entry.busy = false;
    entry.touched = ++this.#ticks;
    this.#urgent.add(entry);
    if (action.do === "realloc") {
      this.#facts.push(...outcomeOf(entry, this.#node, action, outcome));
      return;
    }
    switch (outcome.is) {
      case "done":
        takeDone(entry, action, this.#own(outcome.containers));
        return;
      case "ran":
        entry.containers = withOne(entry, action, this.#own(outcome.containers));
        if (action.do === "hook") this.#hooked(entry, action, outcome.ran, nowMs);
        return;
      case "unknown":
        entry.lookAt ??= new Set();
        return;
      case "image_missing":
        if (entry.image === "pulled") this.#failed(entry, "create", outcome.error, nowMs);
        entry.image = "missing";
        return;
      case "taken_elsewhere":
        this.#reach.free(entry.workload, nowMs);
        discard(entry, action, outcome.error, (fault) => this.#failed(entry, "start", fault, nowMs));
        return;
      case "refused":
        entry.lookAt ??= new Set();
        if (action.do === "create" || action.do === "start")
          this.#failed(entry, action.do, outcome.error, nowMs, outcome.final);
        else if (action.do !== "hook") this.#stuck(entry, action, outcome.error, nowMs);
    }
  }

  /** The answer to a probe that `next` gave out; undefined when it could not be asked. */
  probed(probe: Probe, result: ProbeResult | undefined, nowMs: number): void {
    this.#probing--;
    const entry = this.#entries.get(probe.workload);
    if (!entry) return;
    entry.probing = false;
    if (this.#engine !== "up" || result === undefined) {
      postponeProbe(entry, probe, nowMs);
      return;
    }
    const turn = countProbe(entry, probe, result, nowMs);
    const { known } = entry;
    if (!turn || !known) return;
    const { workload, attempt } = probe;
    const fact = turnFact(turn, { node: this.#node, workload, generation: known.generation, attempt });
    const after = evolve(known, fact, { atMs: nowMs, startedAtMs: 0 });
    this.#dirty.add(entry);
    this.#record(entry, { facts: [fact], known: after }, nowMs);
  }

  /** What is to be done now. */
  next(nowMs: number): Work {
    const probes: Probe[] = [];
    let wakeAtMs: number | undefined;
    if (this.#caughtUp && this.#engine === "up") {
      for (const entry of this.#entries.values())
        if (entry.wakeAtMs !== undefined && entry.wakeAtMs <= nowMs) this.#dirty.add(entry);
      for (const entry of this.#urgent) this.#step(entry, nowMs);
      for (const entry of this.#dirty) this.#step(entry, nowMs);
      for (let entry = this.#lanes.nextUp(); entry; entry = this.#lanes.nextUp()) this.#step(entry, nowMs);
      for (const entry of this.#entries.values()) {
        const probe = this.#probe(entry, nowMs);
        if (probe) probes.push(probe);
        wakeAtMs = sooner(wakeAtMs, entry, nowMs);
      }
    }
    const work: Work = {
      actions: this.#actions,
      probes,
      facts: this.#facts,
      words: this.#reach.words(),
      wakeAtMs,
    };
    this.#actions = [];
    this.#facts = [];
    return work;
  }

  /** Why the node cannot do its work now; undefined when it can. */
  notReady(): string | undefined {
    if (!this.#caughtUp) return "the node's orders are not read yet";
    if (this.#engine === "unknown") return "the engine was not asked yet";
    return this.#engine === "down" ? "the engine does not answer" : undefined;
  }

  /** False until the engine was asked for the first time. */
  engineAsked(): boolean {
    return this.#engine !== "unknown";
  }

  /** True when the engine answered last time. */
  engineUp(): boolean {
    return this.#engine === "up";
  }

  /** What it knows and does, to be looked at alone. */
  get picture(): Picture {
    const known = { entries: this.#entries, lanes: this.#lanes, reach: this.#reach };
    return { node: this.#node, addressing: this.#addressing, ...known };
  }

  #step(entry: Entry, nowMs: number): void {
    this.#dirty.delete(entry);
    this.#urgent.delete(entry);
    this.#lanes.leave(entry);
    if (entry.busy) return;
    if (entry.blind) {
      this.#look(entry, nowMs);
      return;
    }
    const verdict = reconcile(this.#view(entry), nowMs);
    this.#record(entry, verdict, nowMs);
    entry.wakeAtMs = verdict.wakeAtMs;
    watchHealth(entry, nowMs);
    if (entry.lookAt) this.#look(entry, nowMs);
    else if (verdict.action?.do === "pull") this.#pull(entry, verdict.action);
    else if (verdict.action) {
      if (!tidiesLater(entry, verdict.action, this.#lanes, nowMs)) this.#begin(entry, verdict.action);
    } else if (isOver(entry)) this.#forget(entry, nowMs);
    else this.#reallocate(entry);
  }

  /** Goes on with what is ordered about resources. */
  #reallocate(entry: Entry): void {
    const due = dueRealloc(entry, this.#addressing, this.#shared.mems);
    if (due && "answer" in due) this.#facts.push(answer(entry, this.#node, due.answer));
    else if (due) this.#begin(entry, due);
  }

  #look(entry: Entry, nowMs: number): void {
    const untilMs = entry.stuck?.at === "look" ? entry.stuck.untilMs : 0;
    if (untilMs > nowMs) entry.wakeAtMs = untilMs;
    else if (this.#begin(entry, { do: "look", workload: entry.workload, refs: lookRefs(entry) }))
      entry.lookAt = undefined;
  }

  #begin(entry: Entry, action: Action): boolean {
    if (!this.#lanes.take(action.do, entry)) return false;
    entry.busy = true;
    entry.touched = ++this.#ticks;
    this.#actions.push(action);
    return true;
  }

  /** One pull serves all workloads of the image; they stay free for other orders meanwhile. */
  #pull(entry: Entry, action: Extract<Action, { do: "pull" }>): void {
    if (this.#pulls.has(action.image) || !this.#lanes.take("pull", entry)) return;
    this.#pulls.add(action.image);
    this.#actions.push(action);
  }

  #pulled(image: string, outcome: Outcome, nowMs: number): void {
    this.#pulls.delete(image);
    for (const entry of this.#entries.values()) {
      if (entry.busy || entry.image !== "missing" || entry.order?.kind !== "run") continue;
      if (entry.order.assigned.template.image !== image) continue;
      const waits = reconcile(this.#view(entry), nowMs).action?.do === "pull";
      if (outcome.is === "done") entry.image = "pulled";
      else if (waits && "error" in outcome) this.#failed(entry, "pull", outcome.error, nowMs);
      this.#dirty.add(entry);
    }
  }

  #failed(entry: Entry, step: RunStep, error: string, nowMs: number, final = false): void {
    this.#record(entry, failure(this.#view(entry), { step, error, final }, nowMs), nowMs);
  }

  /** Tried for ever, because its resources are booked until it is gone. Reported once per text. */
  #stuck(entry: Entry, action: Clearing, error: string, nowMs: number): void {
    const fact = beStuck(entry, action, error, nowMs);
    if (fact) this.#facts.push({ fact: { ...fact, node: this.#node }, cause: entry.order?.cause });
  }

  #probe(entry: Entry, nowMs: number): Probe | undefined {
    const probe = this.#probing < probesMax ? dueProbe(entry, nowMs) : undefined;
    if (probe) this.#probing++;
    if (probe) entry.probing = true;
    return probe;
  }

  #record(entry: Entry, verdict: Verdict, nowMs: number): void {
    for (const fact of verdict.facts) this.#reach.learn(fact, nowMs);
    this.#facts.push(...record(entry, verdict, nowMs));
  }

  #hooked(entry: Entry, action: HookAction, ran: readonly CommandResult[], nowMs: number): void {
    this.#record(entry, hookEnded(this.#view(entry), action, ran, nowMs), nowMs);
    holdStop(entry, action, ran, nowMs);
  }

  #reportNode(fact: NodeFact): void {
    this.#knownNode = evolveNode(this.#knownNode, fact);
    this.#facts.push({ fact, cause: undefined });
  }

  #view(entry: Entry): View {
    const { workload, known, containers, image, exitCode, stuck, discarded } = entry;
    const stuckUntilMs = stuck?.at === "clear" ? stuck.untilMs : undefined;
    const fixed = { node: this.#node, addressing: this.#addressing, shared: this.#shared, stuckUntilMs };
    const seen = { known, containers, source: sourceOf(entry, this.#entries), image, exitCode, discarded };
    return { ...fixed, ...seen, reach: this.#reach, workload, order: orderNow(entry) };
  }

  #own = (containers: readonly Container[]): OwnContainer[] =>
    containers.flatMap((one) => own(one, this.#node) ?? []);

  #entry(workload: string): Entry {
    const entry = this.#entries.get(workload) ?? newEntry(workload);
    this.#entries.set(workload, entry);
    return entry;
  }

  #forget(entry: Entry, nowMs: number): void {
    this.#entries.delete(entry.workload);
    this.#reach.free(entry.workload, nowMs);
    if (entry.order) this.#over.set(entry.workload, entry.order.generation);
  }
}
