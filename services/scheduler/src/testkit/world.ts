import {
  type AssignmentEvent,
  assert,
  type Cause,
  type DecisionEvent,
  type DeploymentEvent,
  decodeMessage,
  Entrypoint,
  type EruEvent,
  encodeMessage,
  type FactEvent,
  type NodeEvent,
  type RecordedEvent,
  type RouteEvent,
  rulesFrom,
  subjects,
  type Template,
} from "@eru/events";
import { apply } from "../domain/apply.ts";
import { noSignals, type PassOptions, type Signals } from "../domain/draft.ts";
import { dueStops } from "../domain/drains.ts";
import { actionsMax } from "../domain/limits.ts";
import { type Pass, plan } from "../domain/plan.ts";
import { capacityOf, emptyZone, podOf, type Zone } from "../domain/zone.ts";

export const defaults: PassOptions = { drainDeadlineMs: 30_000, actionsMax };

/** A template of a release; `publish` makes it routable. */
export const template = (release = "v1", more: Partial<Template> = {}): Template => ({
  app: "shop",
  release,
  entrypointName: "web",
  image: `shop:${release}`,
  entrypoint: Entrypoint.parse({ publish: [8080] }),
  env: {},
  ...more,
});

type Requested = Extract<DeploymentEvent, { type: "DeploymentRequested" }>;
type Upgrade = Extract<DeploymentEvent, { type: "UpgradeRequested" }>;
type Of<T extends DecisionEvent["type"]> = Extract<DecisionEvent, { type: T }>;

/** A log in memory with one pod `p`, as deciders see it: every event is encoded, decoded and folded like a real one. */
export class World {
  readonly zone: Zone;
  readonly log: { pass: number | undefined; recorded: RecordedEvent[] }[] = [];
  readonly options: PassOptions;
  #seq = 0;

  /** A zone that is given was folded from a log of before. */
  constructor(options: Partial<PassOptions> = {}, zone: Zone = emptyZone()) {
    this.options = { ...defaults, ...options };
    this.zone = zone;
    this.#seq = zone.seq;
  }

  get seq(): number {
    return this.#seq;
  }

  append(subject: string, ...events: EruEvent[]): number {
    return this.#append(subject, events, undefined);
  }

  /** The same, as the consequence of something. */
  appendCaused(subject: string, event: EruEvent, cause: Cause): number {
    return this.#append(subject, [event], undefined, cause);
  }

  #append(
    subject: string,
    events: readonly EruEvent[],
    pass: number | undefined,
    cause: Cause = { correlationId: "c", causationId: "c" },
  ): number {
    const seq = ++this.#seq;
    const body = encodeMessage(subject, {
      meta: { id: `m${seq}`, time: "2026-01-01T00:00:00.000Z", actor: "test" },
      events: events.map((event) => ({ event, cause })),
    });
    const recorded = decodeMessage({ subject, seq, body });
    for (const one of recorded) apply(this.zone, one);
    this.log.push({ pass, recorded });
    return seq;
  }

  node(name: string, cpu: number, memoryMib = 10_000, more: Partial<NodeEvent> = {}): this {
    this.append(subjects.node(name), {
      type: "NodeAdded",
      node: name,
      pod: "p",
      labels: {},
      resources: { cpu, memoryMib },
      ...more,
    } as NodeEvent);
    return this.decided({ type: "NodeRecovered", pod: "p", node: name });
  }

  decided(event: DecisionEvent): this {
    this.append(subjects.decision("p"), event);
    return this;
  }

  nodeEvent(event: NodeEvent): this {
    this.append(subjects.node(event.node), event);
    return this;
  }

  deploy(id: string, count: number, more: Partial<Requested> = {}): this {
    this.append(subjects.deployment("p", id), this.requestFor(id, count, more));
    return this;
  }

  requestFor(id: string, count: number, more: Partial<Requested> = {}): Requested {
    return {
      type: "DeploymentRequested",
      deployment: id,
      pod: "p",
      template: template(),
      count,
      resources: { cpu: 1, memoryMib: 100 },
      strategy: "auto",
      nodesLimit: 0,
      filter: { includes: [], excludes: [], labels: {} },
      onShortage: "wait",
      ...more,
    };
  }

  request(event: Exclude<DeploymentEvent, Requested>): this {
    this.append(subjects.deployment("p", event.deployment), event);
    return this;
  }

  scale(deployment: string, count: number): this {
    return this.request({ type: "ScaleRequested", deployment, count });
  }

  /** An upgrade that halts on failure, unless it says more. */
  upgrade(deployment: string, release: string, surge = 1, more: Partial<Upgrade> = {}): this {
    const upgrade = { type: "UpgradeRequested", deployment, template: template(release), surge } as const;
    return this.request({ ...upgrade, ...more });
  }

  /** A user's word about the rollout that is under way. */
  say(deployment: string, word: "Pause" | "Resume" | "Abort" | "Promote"): this {
    const rollout = this.zone.deployments.get(deployment)?.rollout?.number ?? 1;
    return this.request({ type: `Rollout${word}Requested`, deployment, rollout });
  }

  fact(event: FactEvent): this {
    this.append(subjects.fact(event.node), event);
    return this;
  }

  #of(workload: string) {
    const found = this.zone.workloads.get(workload);
    if (!found) throw new Error(`the test names an unknown workload ${workload}`);
    return { node: found.node.name, workload, generation: found.generation };
  }

  healthy(...workloads: string[]): this {
    for (const workload of workloads)
      this.fact({ type: "ContainerHealthy", ...this.#of(workload), attempt: 1 });
    return this;
  }

  /** The agent gave up on them. */
  failed(...workloads: string[]): this {
    for (const workload of workloads)
      this.fact({
        type: "ContainerExited",
        ...this.#of(workload),
        attempt: 6,
        exitCode: 1,
        outOfMemory: false,
      });
    return this;
  }

  gone(...workloads: string[]): this {
    for (const workload of workloads)
      this.fact({ type: "ContainerRemoved", ...this.#of(workload), ordered: true });
    return this;
  }

  /** Every workload that was ordered to stop is gone, every other one healthy. */
  agentsCatchUp(): this {
    for (const workload of [...this.zone.workloads.values()]) {
      if (workload.node.liveness === "lost") continue;
      if (workload.stopping) this.gone(workload.id);
      else if (workload.phase === "assigned") this.healthy(workload.id);
    }
    return this;
  }

  route(host = "shop.example"): this {
    const event: RouteEvent = {
      type: "RouteDeclared",
      host,
      rules: rulesFrom([{ app: "shop", entrypoint: "web" }]),
    };
    this.append(subjects.route(host), event);
    return this;
  }

  elb(elb: string, appliedSeq: number): this {
    this.append(subjects.elb(elb), {
      type: "RouteTableApplied",
      elb,
      bootId: "b",
      appliedSeq,
      changedPools: 1,
      changedHosts: 0,
    });
    return this;
  }

  /** The pass as it would be decided now. */
  plan(signals: Partial<Signals> = {}, focus: Iterable<string> | "all" = "all", still = false): Pass {
    return plan(this.zone, podOf(this.zone, "p"), {
      focus,
      still,
      signals: { ...noSignals, ...signals },
      options: this.options,
    });
  }

  /** Records a pass as the loop would: decisions first, then the orders of each node. */
  record(pass: Pass): void {
    if (pass.decisions.length === 0) return;
    const number = this.#seq + 1;
    this.#append(
      subjects.decision("p"),
      pass.decisions.map(({ event }) => event),
      number,
    );
    const orders = Map.groupBy(pass.orders, ({ event }) => event.node);
    for (const [node, events] of orders)
      this.#append(
        subjects.assignment(node),
        events.map(({ event }) => event),
        number,
      );
    this.#checkRoom();
  }

  /** One pass over what changed, recorded. */
  pass(signals: Partial<Signals> = {}): DecisionEvent[] {
    const pod = podOf(this.zone, "p");
    const focus = [...pod.touched];
    const still = !pod.changed;
    pod.touched.clear();
    const pass = this.plan(signals, focus, still);
    pod.changed = false;
    for (const id of pass.unfinished) pod.touched.add(id);
    this.record(pass);
    return pass.decisions.map(({ event }) => event);
  }

  /** Passes until nothing is left to decide. */
  passes(signals: Partial<Signals> = {}): DecisionEvent[] {
    const all: DecisionEvent[] = [];
    for (let n = 0; n < 1_000; n++) {
      const decided = this.pass(signals);
      if (decided.length === 0) return all;
      all.push(...decided);
    }
    throw new Error("passes never come to an end");
  }

  /** Passes, for the state they lead to. */
  now(signals: Partial<Signals> = {}): this {
    this.passes(signals);
    return this;
  }

  /** Passes and agents take turns until nothing happens. */
  settle(signals: Partial<Signals> = {}): DecisionEvent[] {
    const all: DecisionEvent[] = [];
    for (let n = 0; n < 100; n++) {
      const before = this.#seq;
      all.push(...this.passes(signals));
      this.agentsCatchUp();
      if (this.#seq === before) return all;
    }
    throw new Error("the world never comes to rest");
  }

  /** What the draining workloads are due for. */
  due(given: { elbs: Map<string, number>; expired?: Set<string> }) {
    const { elbs, expired = new Set<string>() } = given;
    return [...dueStops(this.zone, podOf(this.zone, "p"), { elbs, expired })];
  }

  /** Workloads that shall stay, per node. */
  get layout(): Record<string, number> {
    const layout: Record<string, number> = {};
    for (const { node, going } of this.zone.workloads.values())
      if (!going) layout[node.name] = (layout[node.name] ?? 0) + 1;
    return layout;
  }

  /** Ids of a deployment's workloads that shall stay. */
  staying(deployment: string): string[] {
    return [...(this.zone.deployments.get(deployment)?.workloads.values() ?? [])]
      .filter(({ going }) => !going)
      .map(({ id }) => id);
  }

  /** Orders ever sent to a node. */
  orders(node: string): AssignmentEvent[] {
    return this.log
      .flatMap(({ recorded }) => recorded)
      .filter(({ subject }) => subject === subjects.assignment(node))
      .map(({ event }) => event as AssignmentEvent);
  }

  #checkRoom(): void {
    for (const node of this.zone.nodes.values())
      for (const { name, booked, size } of capacityOf(node) ? node.books.lines() : [])
        assert(booked <= size, `${node.name} is over-committed: ${booked} of ${size} of ${name}`);
  }
}

/** The decisions of one type. */
export const only = <T extends DecisionEvent["type"]>(decided: readonly DecisionEvent[], type: T): Of<T>[] =>
  decided.filter((event): event is Of<T> => event.type === type);
