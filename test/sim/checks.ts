import { countsPerNode, type DecisionEvent, type EruEvent } from "@eru/events";
import { apply } from "../../services/scheduler/src/domain/apply.ts";
import type { Pass } from "../../services/scheduler/src/domain/plan.ts";
import {
  capacityOf,
  type Deployment,
  emptyZone,
  targetOf,
  type Workload,
  type Zone,
} from "../../services/scheduler/src/domain/zone.ts";
import { recount } from "../../services/scheduler/src/testkit/snapshot.ts";
import { Dissociations } from "./dissociations.ts";
import { displacedWrongly } from "./preemptions.ts";
import type { SimElb } from "./sim-elb.ts";
import type { Entry } from "./sim-log.ts";
import type { SimNode } from "./sim-node.ts";
import { outOfTurn } from "./turns.ts";

type Changed = Extract<DecisionEvent, { type: "ChangeDecided" }>;
type Dissociated = Extract<DecisionEvent, { type: "DissociationDecided" }>;
type Removal = Extract<DecisionEvent, { type: "RemovalDecided" }>;

/** How long after its start a load balancer may still be unknown to a scheduler. */
const elbNewMs = 3_000;

/** What must hold after every step. A breach throws with what happened. */
export class Checks {
  /** Everything the log says, without delay. */
  readonly truth: Zone = emptyZone();
  readonly #placedOn = new Map<string, string>();
  readonly #generation = new Map<string, number>();
  readonly #drains = new Map<string, { event: Removal; atMs: number }>();
  readonly #changes = new Map<string, { event: Changed; atMs: number }>();
  readonly #partings = new Map<string, { event: Dissociated; atMs: number }>();
  readonly dissociations = new Dissociations((name) => this.world.nodes.get(name));
  readonly #drainedBy = new Map<string, Set<string>>();
  /** The machines and load balancers as they really are. */
  world: { nodes: ReadonlyMap<string, SimNode>; elbs: readonly SimElb[] } = { nodes: new Map(), elbs: [] };
  placements = 0;
  displaced = 0;

  get tally() {
    const { placements, displaced, dissociations } = this;
    return { placements, displaced, left: dissociations.left, back: dissociations.back };
  }

  /** To be called with every message as it is stored. */
  stored({ stored, events, atMs }: Entry): void {
    for (const recorded of events) {
      apply(this.truth, recorded);
      this.dissociations.stored(recorded.event, stored.seq);
      this.#check(recorded.event, atMs);
    }
    this.truth.seq = stored.seq;
    this.#room();
  }

  /** To be called with every pass, over the zone it was decided on. */
  decided(zone: Zone, pass: Pass): void {
    const order = outOfTurn(zone, pass);
    demand(order === undefined, order ?? "");
    const wrong = displacedWrongly(zone, pass);
    demand(wrong === undefined, wrong ?? "");
    this.displaced += pass.decisions.filter(({ event }) => event.type === "PreemptionDecided").length;
    const going = new Map<string, Set<string>>();
    const back = new Set<string>();
    for (const { event } of pass.decisions) {
      if (event.type === "NodeRecovered") back.add(event.node);
      if (event.type === "RemovalDecided" && event.because === "replaced") {
        const successor = zone.workloads.get(event.workload)?.change?.successor ?? "";
        const phase = zone.workloads.get(successor)?.phase;
        demand(phase === "healthy", `${event.workload} is replaced by ${successor}, which is ${phase}`);
      }
      if (
        event.type !== "RemovalDecided" ||
        !["upgraded", "rolled_back", "scaled", "drained_node"].includes(event.because)
      )
        continue;
      const workloads = going.get(event.deployment) ?? new Set();
      going.set(event.deployment, workloads.add(event.workload));
    }
    for (const [id, workloads] of going) {
      const deployment = zone.deployments.get(id);
      // Stop-first may miss a batch; what the log says of it is not certain while it changes.
      if (!deployment || deployment.rollout?.settings.order === "stop-first") continue;
      if (countsPerNode(deployment.strategy)) this.#keepsSets(deployment, workloads);
      else this.#keepsCount(deployment, workloads, back);
    }
  }

  /** Sums equal what they sum up: resources come back exactly once. */
  sums(): void {
    const { kept, counted } = recount(this.truth);
    this.dissociations.untouched();
    demand(kept === counted, `sums drifted: kept ${kept}, counted ${counted}`);
  }

  #check(event: EruEvent, atMs: number): void {
    switch (event.type) {
      case "PlacementDecided":
        for (const { workload, node } of event.placed) {
          demand(!this.#placedOn.has(workload), `${workload} is placed twice`);
          this.#placedOn.set(workload, node);
          this.placements++;
        }
        break;
      case "WorkloadAssigned":
      case "WorkloadReleaseAssigned":
      case "WorkloadStopAssigned": {
        const { workload, node, generation } = event;
        demand(
          this.#placedOn.get(workload) === node,
          `${workload} is ordered on ${node}, but not placed there`,
        );
        const before = this.#generation.get(workload) ?? 0;
        demand(generation > before, `generation of ${workload} goes from ${before} to ${generation}`);
        this.#generation.set(workload, generation);
        break;
      }
      case "SharedCoresAssigned":
        this.#sharedCores(event.node, event.generation);
        break;
      case "RemovalDecided":
        demand(!this.#drains.has(event.workload), `removal of ${event.workload} is decided twice`);
        this.#drains.set(event.workload, { event, atMs });
        this.#drainedBy.delete(event.workload);
        break;
      case "ChangeDecided":
        this.#changes.set(event.workload, { event, atMs });
        this.#drainedBy.delete(event.workload);
        break;
      case "DissociationDecided":
        this.#partings.set(event.workload, { event, atMs });
        this.#drainedBy.delete(event.workload);
        break;
      case "ReleaseOrdered":
        this.#stop(event.workload, event.because, atMs, this.#partings.get(event.workload));
        break;
      case "ChangeOrdered":
        this.#stop(event.workload, event.because, atMs, this.#changes.get(event.workload));
        break;
      case "EndpointDrained":
        this.#drainedBy.set(
          event.workload,
          (this.#drainedBy.get(event.workload) ?? new Set()).add(event.elb),
        );
        break;
      case "StopDecided":
        this.#stop(event.workload, event.because, atMs);
        break;
      default:
    }
  }

  /** Orders about shared cores only grow, and none is given twice. */
  #sharedCores(node: string, generation: number): void {
    const key = `shared cores of ${node}`;
    const before = this.#generation.get(key) ?? 0;
    demand(generation === before + 1, `generation of ${key} goes from ${before} to ${generation}`);
    this.#generation.set(key, generation);
  }

  /** Nobody who may still send requests to a running workload has not let go of it, unless its time is over. */
  #stop(
    workload: string,
    because: string,
    atMs: number,
    drain: { event: Removal | Changed | Dissociated; atMs: number } | undefined = this.#drains.get(workload),
  ): void {
    if (because === "drain_deadline") {
      const waited = atMs - (drain?.atMs ?? atMs);
      const deadline = drain?.event.drainDeadlineMs ?? 0;
      demand(waited >= deadline, `${workload} is stopped at its deadline after ${waited} of ${deadline} ms`);
      return;
    }
    if (because === "node_lost" || because === "node_removed") return;
    const node = this.world.nodes.get(this.#placedOn.get(workload) ?? "");
    const runs = node?.running().some(({ labels }) => labels["eru.workload"] === workload) ?? false;
    for (const elb of this.world.elbs) {
      if (!elb.on || atMs - elb.upSinceMs < elbNewMs) continue;
      const drained = this.#drainedBy.get(workload)?.has(elb.name);
      // One that came up after the removal has never known the endpoint.
      const knew = drain !== undefined && elb.upSinceMs < drain.atMs;
      if (because === "drained")
        demand(drained || !knew, `${workload} is stopped as drained, ${elb.name} has not said so`);
      else
        demand(
          !(runs && elb.endpoints.has(workload)),
          `${workload} is stopped while ${elb.name} sends it requests`,
        );
    }
  }

  #room(): void {
    for (const node of this.truth.nodes.values())
      for (const { name, booked, size, unit } of capacityOf(node) ? node.books.lines() : [])
        demand(booked <= size && booked >= 0, `${node.name} books ${booked} of ${size} ${unit} of ${name}`);
  }

  /** Where a set stays, nothing that serves is taken below it; where it goes, everything does. */
  #keepsSets(deployment: Deployment, going: ReadonlySet<string>): void {
    if (deployment.strategy === "fill") return; // What others have counts, too.
    const serving = [...deployment.workloads.values()].filter(
      (one) => !one.going && one.phase === "healthy" && one.node.liveness !== "lost",
    );
    for (const [node, there] of Map.groupBy(serving, (one) => one.node)) {
      if (node.drain) continue;
      const left = there.filter(({ id }) => !going.has(id)).length;
      const stopped = [...node.workloads].filter(
        (one) => one.deployment === deployment && !one.going && one.stopped,
      ).length;
      const wanted = Math.min(targetOf(deployment) - stopped, there.length);
      demand(
        left >= wanted,
        `${deployment.id} keeps ${left} healthy of ${there.length} on ${node.name}, ${wanted} wanted`,
      );
    }
  }

  /** The scheduler's own decisions never take what serves below what is wished. */
  #keepsCount(deployment: Deployment, going: ReadonlySet<string>, back: ReadonlySet<string>): void {
    const healthy = [...deployment.workloads.values()].filter(
      (one) =>
        !one.going &&
        one.phase === "healthy" &&
        (one.node.liveness !== "lost" || back.has(one.node.name)) &&
        !awaits(one),
    );
    const left = healthy.filter(({ id }) => !going.has(id)).length;
    const stopped = [...deployment.workloads.values()].filter((one) => !one.going && one.stopped).length;
    const wanted = Math.min(targetOf(deployment) - stopped, healthy.length);
    demand(left >= wanted, `${deployment.id} keeps ${left} healthy of ${healthy.length}, ${wanted} wanted`);
  }
}

/** A successor does not count before the workload whose place it takes goes. */
const awaits = ({ id, replaces, deployment }: Workload): boolean => {
  const old = deployment.workloads.get(replaces ?? "");
  return old !== undefined && !old.going && old.change?.successor === id;
};

function demand(condition: unknown, otherwise: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${otherwise}`);
}
