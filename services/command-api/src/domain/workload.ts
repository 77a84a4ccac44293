import {
  type AssignmentEvent,
  accept,
  type Decision,
  type DecisionEvent,
  type DeploymentEvent,
  type FactEvent,
  type Inherit,
  type Resources,
  refuse,
  type WorkloadChange,
} from "@eru/events";
import { reallocated } from "@eru/resources";
import type { Deployment } from "./deployment.ts";
import { names, type Refusal } from "./refusal.ts";

type Asked = Extract<
  DeploymentEvent,
  { type: "WorkloadChangeRequested" | "WorkloadReallocRequested" | "ReallocRequested" }
>;
type Answered = Extract<DecisionEvent, { type: "ReallocDecided" | "ReallocRefused" }>;
/** What a node was told to let go of. */
type Dissociated = { generation: number };
type Held = {
  generation: number;
  leaving: boolean;
  stopped: boolean;
  /** As its newest order says. */
  resources: Resources;
  /** What was asked for it by itself, whatever its deployment wishes; absent: nothing. */
  own?: Resources | undefined;
};

/** The deployment of a workload: its id without the counter at the end. */
export const deploymentOf = (workload: string): string => workload.slice(0, workload.lastIndexOf("-"));
const numberOf = (workload: string): number => Number(workload.slice(workload.lastIndexOf("-") + 1));

/** The workloads there are, as far as a command about a single one must know them. */
export class Workloads {
  readonly #held = new Map<string, Map<string, Held>>();
  /** Workloads that left Eru with their containers, until these are gone or come back. */
  readonly #dissociated = new Map<string, Dissociated>();
  /** The highest number ever assigned: what is not higher and not there is gone. */
  readonly #lastN = new Map<string, number>();

  /** Takes in what users asked, the scheduler ordered and agents saw. */
  apply(event: AssignmentEvent | FactEvent | Asked | Answered): void {
    if (event.type === "ReallocRequested") {
      const all = this.#held.get(event.deployment) ?? new Map<string, Held>();
      for (const [workload, held] of all) all.set(workload, { ...held, own: undefined });
      return;
    }
    if (!("workload" in event)) return;
    const { workload } = event;
    const deployment = deploymentOf(workload);
    const there = this.#held.get(deployment) ?? new Map<string, Held>();
    const known = there.get(workload);
    switch (event.type) {
      case "WorkloadAssigned":
        if (known && known.generation >= event.generation) return;
        this.#held.set(deployment, there);
        this.#dissociated.delete(workload);
        there.set(workload, {
          generation: event.generation,
          leaving: false,
          stopped: event.keep === "stopped",
          resources: event.resources,
          // One that was let go of and is taken back says by its revision that its resources are its own.
          own: known ? known.own : event.revision === undefined ? undefined : event.resources,
        });
        this.#lastN.set(deployment, Math.max(this.#lastN.get(deployment) ?? 0, numberOf(workload)));
        return;
      case "WorkloadStopAssigned":
        if (known) there.set(workload, { ...known, generation: event.generation, leaving: true });
        return;
      case "WorkloadChangeRequested":
        if (known) there.set(workload, { ...known, stopped: event.change === "stop" });
        return;
      case "WorkloadReallocAssigned":
        if (known) there.set(workload, { ...known, resources: event.resources });
        return;
      case "WorkloadReallocRequested":
        if (known) there.set(workload, { ...known, own: ownAfter(known, event) });
        return;
      case "ReallocRefused":
        if (known) there.set(workload, { ...known, own: known.resources });
        return;
      case "ReallocDecided":
        if (known && event.because === "not_done") there.set(workload, { ...known, own: event.resources });
        return;
      case "WorkloadReleaseAssigned":
        if (!known || known.generation >= event.generation) return;
        this.#dissociated.set(workload, { generation: event.generation });
        this.#drop(deployment, workload);
        return;
      case "ContainerReleased":
        if (event.containerId === undefined) this.#lose(event);
        return;
      case "ContainerRemoved":
        this.#lose(event);
        if (!known?.leaving || event.generation < known.generation) return;
        this.#drop(deployment, workload);
        return;
      default: // Nothing that a command depends on.
    }
  }

  #drop(deployment: string, workload: string): void {
    const there = this.#held.get(deployment);
    there?.delete(workload);
    if (there?.size === 0) this.#held.delete(deployment);
  }

  /** Nothing is left of a dissociated one. */
  #lose({ workload, generation }: { workload: string; generation: number }): void {
    const known = this.#dissociated.get(workload);
    if (known && generation >= known.generation) this.#dissociated.delete(workload);
  }

  isDissociated(workload: string): boolean {
    return this.#dissociated.has(workload);
  }

  /** The workloads of a deployment that are there. */
  of(deployment: string): readonly string[] {
    return [...(this.#held.get(deployment)?.keys() ?? [])];
  }

  /** What workloads of a deployment that stay were given by themselves. */
  ownOf(deployment: string): ReadonlyMap<string, Resources> {
    const own = new Map<string, Resources>();
    for (const [workload, held] of this.#held.get(deployment) ?? [])
      if (held.own && !held.leaving) own.set(workload, held.own);
    return own;
  }

  /** The same after what is asked now. */
  ownAfterAll(deployment: string, events: readonly { type: string }[]): ReadonlyMap<string, Resources> {
    const own = new Map(this.ownOf(deployment));
    for (const event of events as readonly Asked[]) {
      if (event.type === "ReallocRequested") own.clear();
      const known = event.type === "WorkloadReallocRequested" && this.get(event.workload);
      if (!known) continue;
      const after = ownAfter(known, event);
      if (after) own.set(event.workload, after);
    }
    return own;
  }

  get(workload: string): Held | undefined {
    return this.#held.get(deploymentOf(workload))?.get(workload);
  }

  /** Whether it was there once. */
  wasThere(workload: string): boolean {
    return numberOf(workload) <= (this.#lastN.get(deploymentOf(workload)) ?? 0);
  }
}

/** Amounts that are not named stay as they were asked for. */
function ownAfter(
  { own, resources }: Held,
  { amounts }: Extract<Asked, { type: "WorkloadReallocRequested" }>,
): Resources | undefined {
  const settled = reallocated(own ?? resources, amounts);
  return settled.ok ? settled.resources : own;
}

/** What may be asked of one workload. */
export type ChangeWorkload = {
  workload: string;
  change: WorkloadChange;
  ignoreHooks: boolean;
  /** Of a replacement. */
  inherit?: Inherit;
};

/** Whether it can be asked. What the scheduler knows better, as a removal that has just begun, it refuses itself. */
export function decideChange(
  workloads: Workloads,
  deployment: Deployment,
  { workload, change, ignoreHooks, inherit = {} }: ChangeWorkload,
): Decision<DeploymentEvent, Refusal> {
  const refusal = notThere(workloads, deployment, workload);
  if (refusal) return refuse(refusal);
  const of = deploymentOf(workload);
  const { stopped } = workloads.get(workload) ?? { stopped: false };
  if (change === "stop" && stopped) return accept();
  if (change === "start" && !stopped) return accept();
  return accept({
    type: "WorkloadChangeRequested",
    deployment: of,
    workload,
    change,
    ...(ignoreHooks && { ignoreHooks }),
    ...(Object.keys(inherit).length > 0 && { inherit }),
  });
}

/** Why nothing can be asked of a workload; undefined when something can. */
export function notThere(
  workloads: Workloads,
  deployment: Deployment,
  workload: string,
): Refusal | undefined {
  const of = deploymentOf(workload);
  if (deployment.phase !== "live")
    return { code: "deployment_unknown", deployment: of, removed: deployment.phase === "removed" };
  const held = workloads.get(workload);
  const there = names(workloads.of(of));
  if (workloads.isDissociated(workload)) return { code: "workload_dissociated", workload };
  if (!held) return { code: "workload_unknown", workload, gone: workloads.wasThere(workload), there };
  return held.leaving ? { code: "workload_leaving", workload, there } : undefined;
}
