import {
  type AssignmentEvent,
  accept,
  type Decision,
  type DeploymentEvent,
  type FactEvent,
  refuse,
  type WorkloadChange,
} from "@eru/events";
import type { Deployment } from "./deployment.ts";
import { names, type Refusal } from "./refusal.ts";

type Asked = Extract<DeploymentEvent, { type: "WorkloadChangeRequested" }>;
type Held = { generation: number; leaving: boolean; stopped: boolean };

/** The deployment of a workload: its id without the counter at the end. */
export const deploymentOf = (workload: string): string => workload.slice(0, workload.lastIndexOf("-"));
const numberOf = (workload: string): number => Number(workload.slice(workload.lastIndexOf("-") + 1));

/** The workloads there are, as far as a command about a single one must know them. */
export class Workloads {
  readonly #held = new Map<string, Map<string, Held>>();
  /** The highest number ever assigned: what is not higher and not there is gone. */
  readonly #lastN = new Map<string, number>();

  /** Takes in what users asked, the scheduler ordered and agents saw. */
  apply(event: AssignmentEvent | FactEvent | Asked): void {
    if (!("workload" in event)) return;
    const { workload } = event;
    const deployment = deploymentOf(workload);
    const there = this.#held.get(deployment) ?? new Map<string, Held>();
    const known = there.get(workload);
    switch (event.type) {
      case "WorkloadAssigned":
        if (known && known.generation >= event.generation) return;
        this.#held.set(deployment, there);
        there.set(workload, {
          generation: event.generation,
          leaving: false,
          stopped: event.keep === "stopped",
        });
        this.#lastN.set(deployment, Math.max(this.#lastN.get(deployment) ?? 0, numberOf(workload)));
        return;
      case "WorkloadStopAssigned":
        if (known) there.set(workload, { ...known, generation: event.generation, leaving: true });
        return;
      case "WorkloadChangeRequested":
        if (known) there.set(workload, { ...known, stopped: event.change === "stop" });
        return;
      case "ContainerRemoved":
        if (!known?.leaving || event.generation < known.generation) return;
        there.delete(workload);
        if (there.size === 0) this.#held.delete(deployment);
        return;
      default: // Nothing that a command depends on.
    }
  }

  /** The workloads of a deployment that are there. */
  of(deployment: string): readonly string[] {
    return [...(this.#held.get(deployment)?.keys() ?? [])];
  }

  get(workload: string): Held | undefined {
    return this.#held.get(deploymentOf(workload))?.get(workload);
  }

  /** Whether it was there once. */
  wasThere(workload: string): boolean {
    return numberOf(workload) <= (this.#lastN.get(deploymentOf(workload)) ?? 0);
  }
}

/** What may be asked of one workload. */
export type ChangeWorkload = { workload: string; change: WorkloadChange; ignoreHooks: boolean };

/** Whether it can be asked. What the scheduler knows better, as a removal that has just begun, it refuses itself. */
export function decideChange(
  workloads: Workloads,
  deployment: Deployment,
  { workload, change, ignoreHooks }: ChangeWorkload,
): Decision<DeploymentEvent, Refusal> {
  const of = deploymentOf(workload);
  if (deployment.phase !== "live")
    return refuse({ code: "deployment_unknown", deployment: of, removed: deployment.phase === "removed" });
  const held = workloads.get(workload);
  if (!held) {
    const gone = workloads.wasThere(workload);
    return refuse({ code: "workload_unknown", workload, gone, there: names(workloads.of(of)) });
  }
  if (held.leaving) return refuse({ code: "workload_leaving", workload, there: names(workloads.of(of)) });
  if (change === "stop" && held.stopped) return accept();
  if (change === "start" && !held.stopped) return accept();
  return accept({
    type: "WorkloadChangeRequested",
    deployment: of,
    workload,
    change,
    ...(ignoreHooks && { ignoreHooks }),
  });
}
