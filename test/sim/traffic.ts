import type { Chance } from "./chance.ts";
import type { SimElb } from "./sim-elb.ts";
import type { SimLog } from "./sim-log.ts";
import type { SimNode } from "./sim-node.ts";
import { behaviourOf } from "./wishes.ts";

/** The longest that one request takes, in milliseconds: shorter than a drain may take. */
const requestMsMax = 2_000;

export type TrafficDeps = {
  log: SimLog;
  chance: Chance;
  nodes: ReadonlyMap<string, SimNode>;
  elbs: readonly SimElb[];
};

type Request = { elb: SimElb; workload: string; node: string; container: string; untilMs: number };

/**
 * Requests through every load balancer, some to each endpoint all the time. Each is checked until it is answered: a container
 * that does not run, answers wrongly, or ends before the answer is a failed request, and so is a table without an endpoint.
 */
export class Traffic {
  readonly #deps: TrafficDeps;
  #requests: Request[] = [];
  /** How many endpoints users were promised, for whom a check fails; absent while nothing is promised. */
  promised: number | undefined;
  /** Nodes that were lost: what happens to requests there is nobody's fault. */
  readonly lost = new Set<string>();
  answered = 0;

  constructor(deps: TrafficDeps) {
    this.#deps = deps;
  }

  inFlight(elb: string, workload: string): number {
    return this.#requests.filter((one) => one.elb.name === elb && one.workload === workload).length;
  }

  /** To be called after every step of the others. */
  step(): void {
    const { log, chance, elbs } = this.#deps;
    const open: Request[] = [];
    for (const request of this.#requests) {
      if (!request.elb.on || this.lost.has(request.node)) continue; // Nobody is there who could be answered.
      this.#check(request);
      if (request.untilMs > log.nowMs) open.push(request);
      else this.answered++;
    }
    this.#requests = open;
    if (this.promised === undefined) return;
    for (const elb of elbs) {
      if (!elb.on || !elb.synced) continue;
      const serving = [...elb.endpoints].filter((workload) => this.#containerOf(workload));
      if (serving.length < this.promised)
        throw new Error(`${elb.name} sends to ${serving.length} that serve, ${this.promised} were promised`);
      for (const workload of elb.endpoints) {
        const of = this.#containerOf(workload);
        if (!of && this.lost.size > 0) continue;
        if (!of) throw new Error(`a request failed: ${elb.name} sends to ${workload}, which does not run`);
        if (!chance.may(0.6)) continue;
        const request = { elb, workload, ...of, untilMs: log.nowMs + chance.between(0, requestMsMax) };
        this.#check(request);
        this.#requests.push(request);
      }
    }
  }

  /** To be called before a container is stopped or removed: by then nobody may send to it. */
  beforeEnd(container: string): void {
    for (const { elb, workload, container: to } of this.#requests)
      if (to === container && elb.on)
        throw new Error(`${workload} is stopped with a request through ${elb.name} on its way`);
    for (const elb of this.#deps.elbs)
      for (const workload of elb.on ? elb.endpoints : [])
        if (this.#containerOf(workload)?.container === container)
          throw new Error(`${workload} is stopped while ${elb.name} still sends to it`);
  }

  #check({ elb, workload, container, node }: Request): void {
    const now = this.#containerOf(workload);
    if (this.lost.has(node)) return;
    if (now?.container !== container)
      throw new Error(`a request failed: ${workload} ended with it, through ${elb.name}`);
  }

  /** The container of a workload that answers as it shall. */
  #containerOf(workload: string): { container: string; node: string } | undefined {
    for (const [node, machine] of this.#deps.nodes) {
      if (this.lost.has(node)) continue;
      const found = machine.running().find(({ labels }) => labels["eru.workload"] === workload);
      const { crashes = true, sick = true } = found ? behaviourOf(found) : {};
      if (found && !crashes && !sick) return { container: found.name, node };
    }
    return undefined;
  }
}
