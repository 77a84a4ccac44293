import { countsPerNode } from "@eru/events";
import type { Draft } from "./draft.ts";
import type { Wish } from "./filters.ts";
import { wishOf } from "./place-missing.ts";
import { contentAt, type Deployment, type Node, type Workload } from "./zone.ts";

/** A workload that moves, and what for. */
type Relocated = { workload: Workload; to: Node; gain: string };

/** Nodes that one rebalancing looks at, each once for every workload it might take: about a second's work. */
const looksMax = 300_000;

/** Moves in the making: what may move, what has moved in the draft, and how much may still be looked at. */
export class Relocation {
  draft: Draft;
  moves: Relocated[] = [];
  readonly emptied: Node[] = [];
  /** Workloads that are not moved, by reason. */
  readonly staying: Record<string, number> = {};
  /** The budget of moves, or of looks, is used up. */
  ended = false;
  readonly #movesMax: number;
  readonly #movable = new Map<Node, Workload[]>();
  #looks = looksMax;

  constructor(draft: Draft, movesMax: number) {
    this.draft = draft;
    this.#movesMax = movesMax;
    for (const node of draft.pod.nodes.values()) {
      const movable: Workload[] = [];
      for (const workload of node.workloads) {
        const reason = whyStays(draft, workload);
        if (reason === undefined) movable.push(workload);
        else this.staying[reason] = (this.staying[reason] ?? 0) + 1;
      }
      this.#movable.set(
        node,
        movable.sort((a, b) => (a.id < b.id ? -1 : 1)),
      );
    }
  }

  /** The moves that may still be made; 0 ends the rebalancing. */
  get left(): number {
    const left = this.#looks > 0 ? this.#movesMax - this.moves.length : 0;
    if (left <= 0) this.ended = true;
    return Math.max(0, left);
  }

  /** Counts nodes that were looked at. */
  looked(nodes: number): void {
    this.#looks -= nodes;
  }

  /** What is on the node and may move. */
  movable(node: Node): readonly Workload[] {
    return this.#movable.get(node) ?? [];
  }

  /** What the deployment asks of a node, as the draft is now. */
  wish(deployment: Deployment): Wish {
    return wishOf(deployment, contentAt(deployment, deployment.version).amounts, []);
  }

  move(workload: Workload, to: Node, gain: string): void {
    const { deployment, node, amounts } = workload;
    this.draft.release(workload);
    this.draft.spread(deployment.key, node.name, -1);
    this.draft.book(to, amounts, 1);
    this.draft.spread(deployment.key, to.name, 1);
    this.#movable.set(
      node,
      this.movable(node).filter((one) => one !== workload),
    );
    this.moves.push({ workload, to, gain });
  }

  /** Tries moves that only count together: undone when `attempt` says false. */
  together(attempt: () => boolean): boolean {
    const [draft, moves] = [this.draft, this.moves];
    const movable = new Map(this.#movable);
    this.draft = draft.fork();
    this.moves = [...moves];
    if (attempt()) return true;
    this.draft = draft;
    this.moves = moves;
    for (const [node, workloads] of movable) this.#movable.set(node, workloads);
    return false;
  }

  /** By how many workloads the nodes have changed. */
  changes(): Map<Node, number> {
    const changes = new Map<Node, number>();
    for (const { workload, to } of this.moves) {
      changes.set(workload.node, (changes.get(workload.node) ?? 0) - 1);
      changes.set(to, (changes.get(to) ?? 0) + 1);
    }
    return changes;
  }
}

/** Why a workload is left where it is; undefined when it may move. */
function whyStays(draft: Draft, workload: Workload): string | undefined {
  const { deployment, node, amounts, asked, change, realloc, wished } = workload;
  if (workload.going || deployment.removed) return "it is going";
  if (countsPerNode(deployment.strategy)) return "its strategy puts a set on each node";
  if (workload.move) return "it is being moved";
  if (draft.livenessOf(node) !== "alive") return "its node is not alive";
  if (draft.closed(node)) return "its node is being drained";
  if (amounts.volumes.length > 0) return "it has volumes: its data is on its node";
  if (deployment.rollout) return "its deployment is being upgraded";
  if (deployment.waiting > 0 || deployment.halted) return "its deployment waits for room or is halted";
  if (asked || change || realloc || wished) return "it is being changed";
  return workload.phase === "healthy" ? undefined : "it is not healthy";
}
