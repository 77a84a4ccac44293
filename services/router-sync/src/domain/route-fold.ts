import type { Cause, DecisionEvent, EruEvent, FactEvent, RecordedEvent } from "@eru/events";
import { Certificates } from "./certificates.ts";
import { LostNodes } from "./lost-nodes.ts";
import { members } from "./pool.ts";
import { Routes } from "./routes.ts";
import { type StagedHere, Stages } from "./stages.ts";
import type { Table } from "./table.ts";
import { Tracks } from "./tracks.ts";
import { assign, observe, type Workload } from "./workload.ts";
import { Workloads } from "./workloads.ts";

/** The histories the route table is computed from. */
export const routingSubjects = [
  "eru.route.*",
  "eru.assignment.*",
  "eru.fact.*",
  "eru.decision.*",
  "eru.deployment.*.*",
  "eru.certificate.*",
  "eru.acme.>",
];

/** A removal that waits until no request goes to the workload any more. */
export type PendingDrain = { readonly seq: number; readonly deadlineMs: number; readonly cause: Cause };

/** What changed since it was last asked. `touched` keys were recomputed, and may be as before. */
export type Changes = { readonly touched: ReadonlySet<string>; readonly cause: Cause | undefined };

// How requests are forwarded; the same for all until rules can say otherwise.
const forward = { tries: 3, connectMs: 1_000, sendMs: 60_000, readMs: 60_000, upgradedMs: 3_600_000 };

/**
 * The route table as a pure fold of the log: the same messages make the same table in every load balancer, so there is
 * nothing to agree on and nobody to elect. An event costs what the pools it touches cost.
 */
export class RouteFold {
  readonly #workloads = new Workloads();
  readonly #lostNodes = new LostNodes();
  readonly #routes = new Routes();
  readonly #tracks = new Tracks();
  readonly #certificates = new Certificates();
  readonly #heldPools = new Set<string>();
  readonly #drains = new Map<string, PendingDrain>();
  readonly #table = new Map<string, string>([["g:forward", JSON.stringify(forward)]]);
  readonly #group: string;
  readonly #stages: Stages;
  #touched = new Set<string>(["g:forward"]);
  #touching = false;
  #cause: Cause | undefined;
  #seq = 0;

  /** `group`: that of the load balancer; hosts of other groups alone are not in its table. `elb`: its name. */
  constructor(group: string, elb = "elb") {
    this.#group = group;
    this.#stages = new Stages(elb);
  }

  /** The sequence of the newest event seen. */
  get seq(): number {
    return this.#seq;
  }

  /** Removals whose endpoints shall be watched, by workload. */
  get drains(): ReadonlyMap<string, PendingDrain> {
    return this.#drains;
  }

  /** Pools that go on using addresses on lost nodes because nothing else is left. */
  get heldPools(): ReadonlySet<string> {
    return this.#heldPools;
  }

  /** Lost nodes whose addresses stay in use, because too much would have gone with them at once. */
  get heldNodes(): ReadonlySet<string> {
    return this.#lostNodes.held;
  }

  /** The table as of `seq`. */
  get table(): Table {
    this.#recompute();
    return this.#table;
  }

  /** Staged changes that this load balancer has and others have not, by host. */
  get stages(): ReadonlyMap<string, StagedHere> {
    return this.#stages.here;
  }

  /** The hosts with a rule that sends to the pool. */
  hostsOf(pool: string): readonly string[] {
    return this.#routes.hostsOf(pool);
  }

  /** What was touched since the last call, and by which event. */
  takeChanges(): Changes {
    this.#recompute();
    const changes = { touched: this.#touched, cause: this.#cause };
    this.#touched = new Set();
    return changes;
  }

  /** Takes the next event of the log in. */
  apply(recorded: RecordedEvent): void {
    this.#seq = recorded.seq;
    this.#touching = false;
    this.#evolve(recorded);
    if (this.#touching) this.#cause = causedBy(recorded);
  }

  /** A route that is declared for other groups is one that is not there. */
  #here(event: EruEvent): EruEvent {
    const elsewhere =
      event.type === "RouteDeclared" && event.groups !== undefined && !event.groups.includes(this.#group);
    return elsewhere ? { type: "RouteRemoved", host: event.host } : event;
  }

  #evolve(recorded: RecordedEvent): void {
    const seen = this.#stages.seen(recorded);
    if (!seen) return;
    const event = this.#here(seen);
    for (const key of this.#certificates.apply(event))
      if (this.#certificates.json(key) !== this.#table.get(key)) this.#touch(key);
    switch (event.type) {
      case "RouteDeclared":
      case "RouteRemoved":
        for (const key of this.#routes.apply(event)) this.#touch(key);
        break;
      case "PlacementDecided":
        this.#tracks.placed(event);
        break;
      case "RolloutStepped":
        if (this.#tracks.stepped(event))
          for (const pool of this.#routes.trackedPools()) this.#touch(`p:${pool}`);
        break;
      case "WorkloadAssigned":
        this.#assign(event);
        break;
      case "ChangeDecided":
      case "DissociationDecided":
        this.#takeOut(event, recorded);
        break;
      case "WorkloadStopAssigned":
      case "StopDecided":
      case "WorkloadReleaseAssigned":
      case "ReleaseOrdered":
        this.#stop(event.workload);
        break;
      case "RemovalDecided":
        this.#remove(event, recorded);
        break;
      case "RemovalRequested":
        this.#forgetAbandoned(event.deployment);
        break;
      case "NodeLost":
        this.#lose(event.node, recorded);
        break;
      case "NodeRecovered":
        this.#lostNodes.recover(event.node);
        this.#touchNode(event.node);
        break;
      default: // Facts about containers; the rest is of other concern.
        if (isContainerFact(event)) this.#fact(event, recorded);
    }
  }

  #lose(node: string, { meta }: RecordedEvent): void {
    const on = (one: string) => this.#workloads.onNode(one).filter(({ healthy }) => healthy).length;
    const judged = this.#lostNodes.lose(node, Date.parse(meta.time), { on, inAll: this.#workloads.healthy });
    for (const one of judged) this.#touchNode(one);
  }

  #remove(event: Extract<DecisionEvent, { type: "RemovalDecided" }>, recorded: RecordedEvent): void {
    const { drain, because, drainDeadlineMs: deadlineMs } = event;
    if (drain) this.#drains.set(event.workload, { seq: recorded.seq, deadlineMs, cause: causedBy(recorded) });
    const workload = this.#workloads.get(event.workload);
    if (!workload) return;
    if (because === "node_lost") this.#put({ ...workload, abandoned: true });
    else if (drain) this.#put({ ...workload, draining: true });
    else this.#delete(workload);
  }

  #assign(event: Assigned): void {
    const before = this.#workloads.get(event.workload);
    const after = assign(before, event);
    if (before === after) return;
    this.#drains.delete(event.workload);
    this.#put(after);
  }

  /** What shall come back, only be stopped, or run on without us leaves the traffic as what shall go does. */
  #takeOut(
    event: Extract<DecisionEvent, { type: "ChangeDecided" | "DissociationDecided" }>,
    recorded: RecordedEvent,
  ): void {
    const workload = this.#workloads.get(event.workload);
    if (!event.drain || !workload) return;
    const { drainDeadlineMs: deadlineMs } = event;
    this.#drains.set(event.workload, { seq: recorded.seq, deadlineMs, cause: causedBy(recorded) });
    this.#put({ ...workload, draining: true });
  }

  /** A stopped workload is gone, except that on a lost node nobody knows: its address stays as the last resort. */
  #stop(id: string): void {
    this.#drains.delete(id);
    const workload = this.#workloads.get(id);
    if (!workload) return;
    if (this.#doubtful(workload) && !workload.draining) this.#put({ ...workload, abandoned: true });
    else this.#delete(workload);
  }

  #fact(event: ContainerFact, { meta }: RecordedEvent): void {
    const before = this.#workloads.get(event.workload);
    if (!before) return;
    // Of an older container it is only the end of that one: another takes its place.
    if (event.type === "ContainerRemoved" && event.ordered && event.generation > before.assigned) {
      this.#drains.delete(before.id);
      this.#delete(before);
      return;
    }
    const observed = observe(before, event);
    const after =
      observed.healthy && !before.healthy ? { ...observed, healthySince: secondsOf(meta.time) } : observed;
    this.#put(after);
    if (event.type === "ContainerHealthy" && after.healthy && !this.#doubtful(after))
      this.#forgetAbandoned(after.deployment);
  }

  #doubtful(workload: Workload): boolean {
    return workload.abandoned || this.#lostNodes.has(workload.node);
  }

  /** Once the deployment serves again, or shall not, a lost node's addresses must not come back: others may own them. */
  #forgetAbandoned(deployment: string): void {
    for (const workload of this.#workloads.abandonedOf(deployment)) this.#delete(workload);
  }

  #put(after: Workload): void {
    const before = this.#workloads.get(after.id);
    if (before === after) return;
    this.#workloads.put(after);
    if (before?.healthy || after.healthy) this.#touchPools(after);
  }

  #delete(workload: Workload): void {
    this.#workloads.remove(workload);
    this.#tracks.forget(workload.id);
    if (workload.healthy) this.#touchPools(workload);
  }

  #touchNode(node: string): void {
    for (const workload of this.#workloads.onNode(node)) if (workload.healthy) this.#touchPools(workload);
  }

  #touchPools({ entrypoint }: Workload): void {
    for (const pool of this.#routes.poolsOfEntrypoint(entrypoint)) this.#touch(`p:${pool}`);
  }

  #touch(key: string): void {
    this.#touched.add(key);
    this.#touching = true;
  }

  #recompute(): void {
    for (const key of this.#touched) {
      if (key.startsWith("g:")) continue;
      const json = this.#json(key);
      if (json === undefined) this.#table.delete(key);
      else this.#table.set(key, json);
    }
  }

  #json(key: string): string | undefined {
    if (key.startsWith("r:")) return this.#routes.line(key.slice(2));
    return key.startsWith("p:") ? this.#poolJson(key.slice(2)) : this.#certificates.json(key);
  }

  #poolJson(name: string): string | undefined {
    const pool = this.#routes.pool(name);
    this.#heldPools.delete(name);
    if (!pool) return undefined;
    const { app, entrypoint } = pool.selector;
    const care = this.#routes.careOf(name);
    const { endpoints, held } = members(pool.selector, this.#workloads.ofEntrypoint(`${app}/${entrypoint}`), {
      isDoubtful: (workload) => this.#doubtful(workload) && !this.#lostNodes.holds(workload.node),
      trackOf: (workload) => this.#tracks.of(workload),
      since: care.slowStartMs !== undefined,
    });
    if (held) this.#heldPools.add(name);
    return JSON.stringify({ eps: endpoints, ...care });
  }
}

type Assigned = Extract<EruEvent, { type: "WorkloadAssigned" }>;
type ContainerFact = Extract<FactEvent, { generation: number }>;

const isContainerFact = (event: EruEvent): event is ContainerFact => event.type.startsWith("Container");

const secondsOf = (time: string): number | undefined => {
  const ms = Date.parse(time);
  return Number.isNaN(ms) ? undefined : Math.floor(ms / 1_000);
};

const causedBy = ({ cause, id }: RecordedEvent): Cause => ({
  correlationId: cause.correlationId,
  causationId: id,
});
