import type { LivenessChange } from "./draft.ts";
import type { Node, Pod } from "./zone.ts";

/** Milliseconds of silence after which a node gets no new workloads; agents send one heartbeat a second. */
const suspectMs = 3_000;
/** Milliseconds of silence after which a node's workloads are replaced. */
const lostMs = 6_000;
/** Milliseconds without anybody's heartbeat after which it is we who cannot hear. */
const deafMs = 2_000;
/** Milliseconds between two looks at the clock after which it is we who stood still. Looks come four times a second. */
const pausedMs = 1_500;
/** Milliseconds after which a load balancer that is not heard counts as gone. */
const elbGoneMs = 5_000;

/** Names that are recorded when many nodes are silent at once. */
const heldMax = 500;

/** When who was heard, by our own monotonic clock. */
export class Heartbeats {
  readonly #nodes = new Map<string, number>();
  readonly #elbs = new Map<string, { at: number; appliedSeq: number; gone: boolean }>();
  /** Nobody's silence counts before this: we were away, deaf or not running. */
  #graceFrom: number;
  #lookedAt: number;
  #heardAt = Number.NEGATIVE_INFINITY;

  constructor(now: number) {
    this.#graceFrom = now;
    this.#lookedAt = now;
  }

  hearNode(node: string, now: number): void {
    this.#nodes.set(node, now);
    this.#heardAt = now;
  }

  /** `gone`: it ended in order, or has left, and is not to be waited for. */
  hearElb(elb: string, appliedSeq: number, now: number, gone = false): void {
    this.#elbs.set(elb, { at: now, appliedSeq, gone });
    this.#heardAt = now;
  }

  /** To be called four times a second: notices that it was we who could not hear, and gives all fresh grace. */
  look(now: number, connected: boolean): void {
    const awake = now - this.#lookedAt <= pausedMs;
    if (!awake || !connected || now - this.#heardAt > deafMs) this.#graceFrom = now;
    this.#lookedAt = now;
  }

  /** What changed for the nodes of a pod against what the log says of them. */
  changes(pod: Pod, now: number): LivenessChange[] {
    const changes: LivenessChange[] = [];
    const overdue: LivenessChange[] = [];
    const silent: string[] = [];
    let live = 0;
    for (const node of pod.nodes.values()) {
      const silentMs = this.#silence(node, now);
      const heard = now - (this.#nodes.get(node.name) ?? Number.NEGATIVE_INFINITY) < suspectMs;
      if (node.liveness !== "alive" && heard) changes.push({ node: node.name, to: "alive" });
      if (node.liveness === "unknown" || node.liveness === "lost") continue;
      live++;
      if (silentMs < suspectMs) continue;
      silent.push(node.name);
      if (node.liveness === "alive") changes.push({ node: node.name, to: "suspect", silentMs });
      else if (silentMs >= lostMs) overdue.push({ node: node.name, to: "lost", silentMs });
    }
    if (overdue.length === 0) return changes;
    // Most of a pod does not die at once: more likely the network between us and them did.
    if (silent.length > 1 && silent.length * 2 > live)
      return pod.held ? changes : [...changes, { held: silent.sort().slice(0, heldMax), nodesTotal: live }];
    return [...changes, ...overdue];
  }

  /** Load balancers that are alive, with the newest table each is known to have applied. */
  liveElbs(applied: ReadonlyMap<string, number>, now: number): Map<string, number> {
    const live = new Map<string, number>();
    for (const elb of new Set([...applied.keys(), ...this.#elbs.keys()])) {
      const heard = this.#elbs.get(elb);
      if (heard?.gone) continue;
      const at = Math.max(heard?.at ?? Number.NEGATIVE_INFINITY, this.#graceFrom);
      if (now - at < elbGoneMs) live.set(elb, Math.max(applied.get(elb) ?? 0, heard?.appliedSeq ?? 0));
    }
    return live;
  }

  /** Forgets whom nobody has heard for a long time and the log does not know. */
  forget(known: { has(node: string): boolean }, now: number): void {
    for (const [node, at] of this.#nodes)
      if (!known.has(node) && now - at > 10 * lostMs) this.#nodes.delete(node);
    for (const [elb, { at }] of this.#elbs) if (now - at > 10 * elbGoneMs) this.#elbs.delete(elb);
  }

  #silence({ name }: Node, now: number): number {
    const heardAt = this.#nodes.get(name) ?? Number.NEGATIVE_INFINITY;
    return Math.floor(now - Math.max(heardAt, this.#graceFrom));
  }
}
