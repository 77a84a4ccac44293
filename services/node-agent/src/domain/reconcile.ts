import { type CommandResult, commandFault } from "@eru/events";
import type { OwnContainer } from "./container.ts";
import type { ContainerSpec } from "./container-spec.ts";
import { provenAtMs } from "./crash-loop.ts";
import type { Assigned, Order } from "./desired.ts";
import type { Discarded } from "./discard.ts";
import { type Addressing, endpoints } from "./endpoints.ts";
import { dueAfterStart, dueBeforeStop, type HookAction } from "./hooks.ts";
import { carriedOn, keptBy, restartDue, stopDue } from "./keep.ts";
import { evolve, type Known, retriesNow, startedAnew, unknown, up, type WorkloadFact } from "./known.ts";
import { isUnheardOf, newContainer } from "./new-container.ts";
import type { Reach } from "./reach.ts";
import type { ReallocAction } from "./realloc.ts";
import { adoptionDue, adoptionFact, releaseFact } from "./release.ts";
import { retryAfterExit, retryAfterFailure } from "./restart.ts";
import type { SharedCores } from "./shared-cores.ts";
import {
  type FilesToCopy,
  failedTakeOver,
  filesFor,
  hadItsFiles,
  predecessorOf,
  undone,
} from "./take-over.ts";

/** One step at the engine. Each may be repeated: done already is done. */
export type Action =
  /** Asks what there is under these ids or names. */
  | { do: "look"; workload: string; refs: readonly string[] }
  | { do: "pull"; image: string }
  | { do: "create"; workload: string; spec: ContainerSpec }
  /** With files of another container, when it takes any over. `fresh`: never started, where the agent has chosen. */
  | { do: "start"; workload: string; containerId: string; copy?: FilesToCopy; fresh?: true }
  | HookAction
  /** Gives a running container other cores. */
  | { do: "update"; workload: string; containerId: string; cpus: string }
  | ReallocAction
  | { do: "stop"; workload: string; containerId: string; graceSeconds: number }
  | { do: "remove"; workload: string; containerId: string };

/** Everything that is known about one workload. */
export type View = {
  node: string;
  addressing: Addressing;
  workload: string;
  shared: Pick<SharedCores, "cores" | "missing">;
  /** Absent: nobody ever ordered it here. */
  order: Order | undefined;
  known: Known | undefined;
  /** The workload's containers as last seen, of whatever generation. */
  containers: readonly OwnContainer[];
  /** The container of another workload that it takes files from. */
  source: OwnContainer | undefined;
  /** Ports of the machine, or an address, for a new container. */
  reach: Reach;
  /** A container that was taken away because something else has its ports or address: another one is made. */
  discarded: Discarded | undefined;
  /** What the engine said about the image: nothing yet, that it is not there, or that it was pulled just now. */
  image: "assumed" | "missing" | "pulled";
  /** The exit status of the last container that was taken away by order. */
  exitCode: number | undefined;
  /** A container could not be seen or taken away: wait until then. */
  stuckUntilMs: number | undefined;
};

/** What to report, in order, what to do next, and when to look again if nothing happens. */
export type Verdict = {
  facts: readonly WorkloadFact[];
  known: Known | undefined;
  action?: Action;
  wakeAtMs?: number;
};

type HookFact = Extract<WorkloadFact, { type: "HookEnded" }>;

/** Steps on the way to a running container. */
export type RunStep = "pull" | "create" | "start";

/**
 * Compares the order with what there is and what was reported. One workload, one action at a time; when everything is as
 * ordered and reported there is nothing to do. Facts come first: an action never hides what happened before it.
 */
export function reconcile(view: View, nowMs: number): Verdict {
  const verdict = look(view, nowMs);
  const { known } = verdict;
  const failed = failedTakeOver({ ...view, known });
  if (!failed || view.order?.kind !== "run") return verdict;
  const fact = undone(view, view.order.assigned, failed);
  // A container that still runs is reported as started again; one that was stopped, when it is started.
  const startedAtMs = failed.old.state === "running" ? 0 : (failed.old.startedAtMs ?? 0);
  const back = look({ ...view, known: evolve(known, fact, { atMs: nowMs, startedAtMs }) }, nowMs);
  return { ...back, facts: [...verdict.facts, fact, ...back.facts] };
}

function look(view: View, nowMs: number): Verdict {
  const { order, containers, known } = view;
  if (order?.kind === "release") return released(view, order, nowMs);
  const kept = order?.kind === "run" ? keptBy(order.assigned, containers, known) : undefined;
  const report = new Report(view, nowMs);
  const surplusNow = (): OwnContainer[] => {
    const predecessor = predecessorOf({ ...view, known: report.known });
    return containers.filter((one) => one !== kept && one !== predecessor);
  };
  if (surplusNow().length === 0) report.gone();
  const running = order?.kind === "run" ? order.assigned : undefined;
  if (running && adoptionDue(running, report.known) && !report.adopted(running, kept))
    return { facts: report.facts, known: report.known };
  if (running && kept) report.seen(running, kept);
  else if (running?.keep === "stopped") report.stopped(running, undefined);
  const surplus = surplusNow();
  const next =
    surplus[0] !== undefined ? clear(surplus[0], report) : running ? advance(running, kept, report) : {};
  return { facts: report.facts, known: report.known, ...next };
}

/** What was let go of is only looked at: nothing is done about it, whatever it does. */
function released(view: View, order: Order, nowMs: number): Verdict {
  const fact = releaseFact(view, order, view);
  if (!fact) return { facts: [], known: view.known };
  return { facts: [fact], known: evolve(view.known, fact, { atMs: nowMs, startedAtMs: 0 }) };
}

type Next = { action?: Action; wakeAtMs?: number };

/** A container without an order goes: it is stopped with its grace after its hook, then removed. */
function clear(container: OwnContainer, { view, nowMs, known }: Report): Next {
  const { order, workload, stuckUntilMs } = view;
  const { id: containerId, state } = container;
  if (state === "removing") return {}; // Its end comes as an event, or at the next full look.
  if (stuckUntilMs !== undefined && stuckUntilMs > nowMs) return { wakeAtMs: stuckUntilMs };
  if (state !== "running") return { action: { do: "remove", workload, containerId } };
  const hook = dueBeforeStop(container, known, order?.kind === "run" && order.assigned.ignoreHooks);
  if (hook) return { action: hook };
  const graceSeconds = order?.kind === "stop" ? order.graceSeconds : container.graceSeconds;
  return { action: { do: "stop", workload, containerId, graceSeconds } };
}

/** The next step towards a running container. */
function advance(assigned: Assigned, kept: OwnContainer | undefined, report: Report): Next {
  const { workload, image } = report.view;
  const known = report.now(assigned.generation);
  if (kept?.state === "running")
    return stopDue(assigned, known) ? halt(assigned, kept, report) : accompany(assigned, kept, report);
  if (assigned.keep === "stopped" && kept?.state !== "dead") return {};
  if (kept?.state === "removing" || known.ended) return {};
  if (known.retryAtMs !== undefined && known.retryAtMs > report.nowMs) return { wakeAtMs: known.retryAtMs };
  // The engine cannot start a dead container, only take it away.
  if (kept?.state === "dead") return clear(kept, report);
  const predecessor = predecessorOf(report.view);
  if (kept) return begin(assigned, kept, predecessor, report);
  const answer = newContainer(assigned, report.view, predecessor, report.nowMs);
  if (!answer.ok) {
    report.failed(assigned, "create", answer.error, answer.hope);
    const retryAtMs = report.known?.retryAtMs;
    return retryAtMs === undefined ? {} : { wakeAtMs: retryAtMs };
  }
  if (image === "missing") return { action: { do: "pull", image: assigned.template.image } };
  return { action: { do: "create", workload, spec: answer.spec } };
}

/** Starts a container: after the one whose place it takes has ended, and with the files that it takes over. */
function begin(
  assigned: Assigned,
  kept: OwnContainer,
  predecessor: OwnContainer | undefined,
  report: Report,
): Next {
  const { workload, source, reach } = report.view;
  if (predecessor?.state === "running") return halt(assigned, predecessor, report);
  const copy = hadItsFiles(assigned, report.known)
    ? undefined
    : filesFor(assigned, kept, predecessor ?? source);
  if (copy && "error" in copy) {
    report.failed(assigned, "start", copy.error, "for good");
    return {};
  }
  const fresh = isUnheardOf(assigned, kept, reach) && { fresh: true as const };
  return { action: { do: "start", workload, containerId: kept.id, ...(copy && { copy }), ...fresh } };
}

/** A container that is kept, but shall not run on: stopped with its grace after its hook. */
function halt(assigned: Assigned, kept: OwnContainer, report: Report): Next {
  const { stuckUntilMs, workload } = report.view;
  if (stuckUntilMs !== undefined && stuckUntilMs > report.nowMs) return { wakeAtMs: stuckUntilMs };
  const hook = dueBeforeStop(kept, report.known, assigned.ignoreHooks);
  if (hook) return { action: hook };
  const { id: containerId, graceSeconds } = kept;
  return { action: { do: "stop", workload, containerId, graceSeconds } };
}

/** What is left to do with a container that runs: its hook, or its end when the hook had to succeed and did not. */
function accompany(assigned: Assigned, kept: OwnContainer, report: Report): Next {
  const { nowMs } = report;
  const { workload, stuckUntilMs } = report.view;
  const known = report.now(assigned.generation);
  if (known.hookFault !== undefined && known.phase === "started") {
    if (stuckUntilMs !== undefined && stuckUntilMs > nowMs) return { wakeAtMs: stuckUntilMs };
    const { id: containerId, graceSeconds } = kept;
    return { action: { do: "stop", workload, containerId, graceSeconds } };
  }
  const hook = dueAfterStart(assigned, known, kept);
  if (hook) return { action: hook };
  const cpus = report.view.shared.missing(report.view.order, kept.cpus);
  if (cpus !== undefined) {
    if (stuckUntilMs !== undefined && stuckUntilMs > nowMs) return { wakeAtMs: stuckUntilMs };
    return { action: { do: "update", workload, containerId: kept.id, cpus } };
  }
  const wakeAtMs = provenAtMs(known, nowMs);
  return known.phase === "started" && wakeAtMs > nowMs ? { wakeAtMs } : {};
}

/** A step towards running that the engine refused, as a fact. */
export function failure(
  view: View,
  { step, error, final }: { step: RunStep; error: string; final: boolean },
  nowMs: number,
): Verdict {
  const report = new Report(view, nowMs);
  const hope = final ? "for good" : "retry";
  if (view.order?.kind === "run") report.failed(view.order.assigned, step, error, hope);
  return { facts: report.facts, known: report.known };
}

/** A hook that is over, as a fact. */
export function hookEnded(
  view: View,
  { hook, containerId, force }: HookAction,
  ran: readonly CommandResult[],
  nowMs: number,
): Verdict {
  const container = view.containers.find(({ id }) => id === containerId);
  if (!container) return { facts: [], known: view.known };
  const generation = Math.max(container.generation, view.known?.generation ?? 0);
  const report = new Report(view, nowMs);
  report.hooked({
    generation,
    containerId,
    hook,
    ok: commandFault(ran) === undefined,
    forced: force,
    ran: [...ran],
  });
  return { facts: report.facts, known: report.known };
}

/** Facts of one pass, each applied to what is known before the next is thought about. */
class Report {
  readonly facts: WorkloadFact[] = [];
  readonly view: View;
  readonly nowMs: number;
  known: Known | undefined;

  constructor(view: View, nowMs: number) {
    this.view = view;
    this.nowMs = nowMs;
    this.known = view.known;
  }

  /** What is known about a generation: nothing yet when the facts are about an older one. */
  now(generation: number): Known {
    const { known } = this;
    if (known?.generation === generation) return known;
    const { order } = this.view;
    const keeps = order?.kind === "run" && order.assigned.keep !== undefined;
    return known && keeps && known.generation < generation
      ? carriedOn(known, generation)
      : unknown(generation);
  }

  failed(assigned: Assigned, step: RunStep, error: string, hope: "retry" | "for good"): void {
    const { node } = this.view;
    const { workload, generation, template } = assigned;
    const { attempt, retries } = this.now(generation);
    const retryInMs =
      this.#instead() ??
      (hope === "retry" ? retryAfterFailure(template.entrypoint.restart, retries) : undefined);
    this.#add({
      type: "ContainerFailed",
      ...{ node, workload, generation, step, error, attempt: attempt + 1 },
      ...(retryInMs !== undefined && { retryInMs }),
    });
  }

  /** What fails in another container's place is not tried again: that one is, at once. */
  #instead(): 0 | undefined {
    return predecessorOf({ ...this.view, known: this.known }) ? 0 : undefined;
  }

  hooked(run: Pick<HookFact, "generation" | "containerId" | "hook" | "ok" | "forced" | "ran">): void {
    const { node, workload } = this.view;
    const attempt = Math.max(1, this.now(run.generation).attempt);
    this.#add({ type: "HookEnded", node, workload, attempt, ...run });
  }

  /** What was reported and is there no more; and a stop that is done, whether or not there ever was a container. */
  gone(): void {
    const { order, containers, exitCode, node, workload } = this.view;
    const exit = exitCode !== undefined && { exitCode };
    if (order?.kind === "stop") {
      const { generation } = order;
      if (this.now(generation).phase !== "removed")
        this.#add({ type: "ContainerRemoved", node, workload, generation, ...exit, ordered: true });
      return;
    }
    if (this.known?.containerId === undefined) return;
    const { generation, containerId } = this.known;
    if (containers.some(({ id }) => id === containerId) || containerId === this.view.discarded?.containerId)
      return;
    const ordered = order?.generation !== generation;
    this.#add({ type: "ContainerRemoved", node, workload, generation, ...(ordered && exit), ordered });
  }

  /** What was let go of is ours again; false when it is not, or not yet. */
  adopted(assigned: Assigned, found: OwnContainer | undefined): boolean {
    const fact = adoptionFact(this.view, assigned, found);
    if (fact) this.#add(fact);
    return fact?.type === "ContainerAdopted";
  }

  /** The container as it stands, where that is news. */
  seen(assigned: Assigned, kept: OwnContainer): void {
    const { node, addressing } = this.view;
    const { workload, generation } = assigned;
    const of = { node, workload, generation, containerId: kept.id };
    if (this.now(generation).containerId !== kept.id) this.#add({ type: "ContainerCreated", ...of });
    if (assigned.keep === "stopped" && kept.state === "created") this.stopped(assigned, kept);
    if (kept.state !== "running" && kept.state !== "exited") return;
    const known = this.now(generation);
    const reached = endpoints(assigned, kept, addressing);
    if (startedAnew(known, kept, reached))
      this.#add(
        { type: "ContainerStarted", ...of, attempt: known.attempt + 1, endpoints: reached },
        kept.startedAtMs,
      );
    if (kept.state === "running") this.#running(assigned, kept);
    else this.#exited(assigned, kept);
  }

  /** Without a health check, running is healthy; in a crash loop, running for a while. */
  #running(assigned: Assigned, kept: OwnContainer): void {
    const { node } = this.view;
    const { workload, generation, template } = assigned;
    const known = this.now(generation);
    const { attempt, phase, hookFault } = known;
    if (stopDue(assigned, known)) return;
    if (phase !== "started" || template.entrypoint.healthcheck !== undefined) return;
    if (hookFault !== undefined || dueAfterStart(assigned, known, kept)) return;
    if (provenAtMs(known, this.nowMs) <= this.nowMs)
      this.#add({ type: "ContainerHealthy", node, workload, generation, attempt });
  }

  /** A container that is kept has been stopped, or is not there at all. */
  stopped(assigned: Assigned, kept: OwnContainer | undefined): void {
    const { node } = this.view;
    const { workload, generation } = assigned;
    const { phase, attempt } = this.now(generation);
    if (phase === "stopped" && this.known?.generation === generation) return;
    const exitCode = kept?.exitCode;
    this.#add({
      type: "ContainerStopped",
      ...{ node, workload, generation, attempt: Math.max(1, attempt) },
      ...(exitCode !== undefined && { exitCode }),
    });
  }

  #exited(assigned: Assigned, kept: OwnContainer): void {
    const { node } = this.view;
    const { workload, generation, template } = assigned;
    const known = this.now(generation);
    if (assigned.keep === "stopped") {
      this.stopped(assigned, kept);
      return;
    }
    if (!up(known) || restartDue(assigned, known)) return;
    const exitCode = kept.exitCode ?? 0;
    const { attempt } = known;
    if (known.hookFault !== undefined) {
      const retries = retriesNow(known, this.nowMs);
      const retryInMs = this.#instead() ?? retryAfterFailure(template.entrypoint.restart, retries);
      this.#add({
        type: "ContainerFailed",
        ...{ node, workload, generation, step: "start", error: known.hookFault, attempt },
        ...(retryInMs !== undefined && { retryInMs }),
      });
      return;
    }
    const retryInMs =
      this.#instead() ?? retryAfterExit(template.entrypoint.restart, retriesNow(known, this.nowMs), exitCode);
    this.#add({
      type: "ContainerExited",
      ...{ node, workload, generation, attempt, exitCode, outOfMemory: kept.outOfMemory },
      ...(retryInMs !== undefined && { retryInMs }),
    });
  }

  #add(fact: WorkloadFact, startedAtMs = 0): void {
    this.facts.push(fact);
    this.known = evolve(this.known, fact, { atMs: this.nowMs, startedAtMs });
  }
}
