import type { DeploymentEvent, EruEvent } from "@eru/events";
import type { Deployment } from "../../services/scheduler/src/domain/zone.ts";
import type { Chance } from "./chance.ts";
import type { SimNode } from "./sim-node.ts";

/** A user wants a workload out of Eru, with or without another in its place, or one that left back. */
export function dissociationWish(chance: Chance, deployment: Deployment | undefined): DeploymentEvent[] {
  if (!deployment) return [];
  const left = chance.pick([...deployment.dissociated.keys()]);
  const there = chance.pick([...deployment.workloads.keys()]);
  if (left !== undefined && chance.may(0.7)) return [adoption(deployment, left)];
  if (there === undefined) return [];
  const replace = chance.may(0.4);
  const out: DeploymentEvent = {
    ...{ type: "DissociationRequested", deployment: deployment.id, workload: there },
    ...(replace && { replace }),
  };
  // Who has second thoughts at once asks before it is out.
  return chance.may(0.3) ? [out, adoption(deployment, there)] : [out];
}

/** Some of what left is wanted back, wherever it is. */
export const adoptionWishes = (chance: Chance, deployment: Deployment): DeploymentEvent[] =>
  [...deployment.dissociated.keys()]
    .filter(() => chance.may(0.6))
    .map((workload) => adoption(deployment, workload));

const adoption = ({ id: deployment }: Deployment, workload: string): DeploymentEvent => ({
  type: "AdoptionRequested",
  deployment,
  workload,
});

/** What is not decided or not answered of wishes about single workloads. */
export function openWish({ workloads, dissociated }: Deployment): string | undefined {
  for (const { id, parting, adopting, wished, realloc } of workloads.values()) {
    if (wished || realloc) return `${id} is being reallocated`;
    if (parting || adopting) return `${id} is neither out nor back`;
  }
  for (const { id, asked } of dissociated.values()) if (asked) return `${id} is asked back in vain`;
  return undefined;
}

/**
 * What is told apart from the scheduler's own books: containers that Eru let go of are not touched by it, and the count of a
 * deployment changes by one with each.
 */
export class Dissociations {
  /** Where each is, and how many steps the engine had seen when its agent said so. */
  readonly #out = new Map<string, { node: SimNode; steps: number }>();
  readonly #counts = new Map<string, { count: number; seq: number }>();
  readonly #nodes: (name: string) => SimNode | undefined;
  /** How many left, and how many came back, to be sure that some did. */
  left = 0;
  back = 0;

  constructor(nodes: (name: string) => SimNode | undefined) {
    this.#nodes = nodes;
  }

  /** Whether a container that runs is none of Eru's. */
  has(workload: string | undefined): boolean {
    return workload !== undefined && this.#out.has(workload);
  }

  /** To be called with every event as it is stored. */
  stored(event: EruEvent, seq: number): void {
    switch (event.type) {
      case "DeploymentRequested":
      case "ScaleRequested":
        this.#counts.set(event.deployment, { count: event.count, seq });
        break;
      case "DissociationDecided":
        this.#count(event, -1);
        break;
      case "AdoptionDecided":
        this.#count(event, 1);
        if (!this.#out.delete(event.workload)) throw new Error(`${event.workload} was never let go of`);
        this.back++;
        break;
      case "AdoptionRefused":
        this.#count(event, -1);
        break;
      case "ContainerReleased": {
        const node = this.#nodes(event.node);
        if (node) this.#out.set(event.workload, { node, steps: node.engine.steps.length });
        this.left++;
        break;
      }
      default:
    }
  }

  /** Nothing was done to what Eru let go of. */
  untouched(): void {
    for (const [workload, out] of this.#out) {
      const { steps } = out.node.engine;
      // A health check by command may have been on its way.
      const done = steps
        .slice(out.steps)
        .find((step) => step.includes(` eru-${workload}-g`) && !step.startsWith("exec "));
      if (done) throw new Error(`invariant broken: ${done} on ${out.node.name}, which had let go of it`);
      out.steps = steps.length;
    }
  }

  /** What users said about the count later than that they asked stays. */
  #count(
    event: { type: string; deployment: string; requestSeq: number; count?: number | undefined },
    change: 1 | -1,
  ): void {
    const { deployment, requestSeq, count } = event;
    const known = this.#counts.get(deployment);
    if (count === undefined || !known || known.seq > requestSeq) return;
    const right = Math.max(0, known.count + change);
    if (count !== right)
      throw new Error(`invariant broken: ${event.type} says ${count} of ${deployment}, not ${right}`);
    known.count = count;
  }
}
