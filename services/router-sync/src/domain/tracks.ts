import type { DecisionEvent } from "@eru/events";
import type { Track, Workload } from "./workload.ts";

type Placed = Extract<DecisionEvent, { type: "PlacementDecided" }>;
type Stepped = Extract<DecisionEvent, { type: "RolloutStepped" }>;

/** The steps after which nothing of a rollout is left to do. */
const over: readonly string[] = ["completed", "rolled_back"];

/** Which workloads are what a rollout under way brings, and which are the rest. */
export class Tracks {
  /** By deployment, the request that a rollout is carrying out. */
  readonly #underWay = new Map<string, number>();
  /** By workload, the request it was placed for. */
  readonly #placedFor = new Map<string, number>();

  placed({ placed, templateSeq }: Placed): void {
    for (const { workload } of placed) this.#placedFor.set(workload, templateSeq);
  }

  /** True when the deployment's workloads may be on another track now. */
  stepped({ deployment, step, templateSeq }: Stepped): boolean {
    const before = this.#underWay.get(deployment);
    if (over.includes(step)) this.#underWay.delete(deployment);
    else this.#underWay.set(deployment, templateSeq);
    return before !== this.#underWay.get(deployment);
  }

  forget(workload: string): void {
    this.#placedFor.delete(workload);
  }

  of({ id, deployment }: Workload): Track {
    const wanted = this.#underWay.get(deployment);
    return wanted !== undefined && this.#placedFor.get(id) === wanted ? "canary" : "stable";
  }
}
