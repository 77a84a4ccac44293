import {
  type DecisionEvent,
  Entrypoint,
  type EruEvent,
  type NodeFilter,
  type NodeResources,
  priorityDefault,
  type Resources,
  type Strategy,
  subjects,
  type Template,
} from "@eru/events";
import { demandOf } from "@eru/resources";
import { apply } from "../../../services/scheduler/src/domain/apply.ts";
import { Draft, noSignals } from "../../../services/scheduler/src/domain/draft.ts";
import { dryRun } from "../../../services/scheduler/src/domain/dry-run.ts";
import { actionsMax } from "../../../services/scheduler/src/domain/limits.ts";
import { roomIn, verdicts } from "../../../services/scheduler/src/domain/place.ts";
import { wishOf } from "../../../services/scheduler/src/domain/place-missing.ts";
import { plan } from "../../../services/scheduler/src/domain/plan.ts";
import { emptyZone, podOf, type Zone } from "../../../services/scheduler/src/domain/zone.ts";

const pod = "bench";
const cause = { correlationId: "bench", causationId: "bench" };
const meta = { id: "bench", time: "2026-01-01T00:00:00.000Z", actor: "bench" };

const passOptions = { drainDeadlineMs: 30_000, actionsMax };

/** What is asked for. */
export type Wanted = {
  count: number;
  resources: Resources;
  app?: string;
  strategy?: Strategy;
  filter?: Partial<NodeFilter>;
  nodesLimit?: number;
};

/**
 * A pod of nodes that are alive, folded event by event as the scheduler folds its log, without the log: what is measured
 * here is the deciding, not the writing.
 */
export class Fleet {
  readonly zone: Zone = emptyZone();
  #nodes = 0;
  #deployments = 0;

  /** Adds nodes that are alike but for their labels. */
  nodes(
    many: number,
    resources: NodeResources,
    labels: (n: number) => Record<string, string> = () => ({}),
  ): this {
    for (let n = 0; n < many; n++) {
      const node = `n${String(++this.#nodes).padStart(5, "0")}`;
      this.#record(subjects.node(node), { type: "NodeAdded", node, pod, labels: labels(n), resources });
      this.#record(subjects.decision(pod), { type: "NodeRecovered", pod, node });
    }
    return this;
  }

  /** Requests a deployment; it is placed by the next passes. */
  request({ count, resources, app = "app", strategy = "auto", filter = {}, nodesLimit = 0 }: Wanted): void {
    const deployment = `${app}-web-${String(++this.#deployments).padStart(6, "0")}`;
    this.#record(subjects.deployment(pod, deployment), {
      type: "DeploymentRequested",
      deployment,
      pod,
      template: templateOf(app),
      count,
      resources,
      strategy,
      nodesLimit,
      filter: { ...everywhere, ...filter },
      onShortage: "wait",
    });
  }

  /** Answers what would be decided, with all reasons, by the function that decides; nothing is recorded. */
  forecast({ count, resources, app = "app", strategy = "auto", filter = {}, nodesLimit = 0 }: Wanted) {
    return dryRun(this.zone, {
      deployment: `${app}-web-000000`,
      pod,
      template: templateOf(app),
      count,
      resources,
      strategy,
      nodesLimit,
      filter: { ...everywhere, ...filter },
    });
  }

  /** Whether one more of the wanted fits anywhere, by the function that decides. */
  hasRoom({ resources, app = "app", strategy = "auto", filter = {}, nodesLimit = 0 }: Wanted): boolean {
    const last = { turn: { priority: priorityDefault }, seq: Number.MAX_SAFE_INTEGER };
    const asked = { key: `${app}/web`, strategy, nodesLimit, filter: { ...everywhere, ...filter }, ...last };
    const wish = wishOf(asked, demandOf(resources), []);
    const draft = new Draft(this.zone, podOf(this.zone, pod), noSignals, passOptions);
    return roomIn(verdicts(draft, wish), wish) > 0;
  }

  /** One pass over what changed, its decisions folded; the number of workloads it placed. */
  pass(): number {
    const { touched } = podOf(this.zone, pod);
    const focus = [...touched];
    touched.clear();
    const given = { focus, signals: noSignals, options: passOptions };
    const made = plan(this.zone, podOf(this.zone, pod), given);
    for (const { event } of made.decisions) this.#record(subjects.decision(pod), event);
    for (const id of made.unfinished) touched.add(id);
    return made.decisions.reduce((sum, { event }) => sum + placedBy(event), 0);
  }

  /** Passes until nothing is left to decide; the number of workloads they placed. */
  passes(): number {
    let all = 0;
    while (podOf(this.zone, pod).touched.size > 0) all += this.pass();
    return all;
  }

  /** Nodes on which something runs. */
  inUse(): number {
    return this.zone.nodes.values().reduce((sum, { workloads }) => sum + (workloads.size > 0 ? 1 : 0), 0);
  }

  /** The parts of all cores and all memory that are booked, to a tenth of a per cent. */
  bookedParts(): { cpu: number; memory: number } {
    const sums = { cpu: { size: 0, booked: 0 }, memory: { size: 0, booked: 0 } };
    for (const node of this.zone.nodes.values())
      for (const { kind, size, booked } of node.books.lines()) {
        if (kind !== "cpu" && kind !== "memory") continue;
        sums[kind].size += size;
        sums[kind].booked += booked;
      }
    const part = ({ size, booked }: { size: number; booked: number }) => Number((booked / size).toFixed(3));
    return { cpu: part(sums.cpu), memory: part(sums.memory) };
  }

  #record(subject: string, event: EruEvent): void {
    const seq = this.zone.seq + 1;
    apply(this.zone, { subject, seq, index: 0, id: `bench/${seq}`, meta, cause, event });
  }
}

const placedBy = (event: DecisionEvent): number =>
  event.type === "PlacementDecided" ? event.placed.length : 0;

const everywhere: NodeFilter = { includes: [], excludes: [], labels: {} };
const entrypoint = Entrypoint.parse({ publish: [8080] });
const templates = new Map<string, Template>();

function templateOf(app: string): Template {
  const known = templates.get(app);
  if (known) return known;
  const made: Template = {
    app,
    release: "v1",
    entrypointName: "web",
    image: `${app}:v1`,
    entrypoint,
    env: {},
  };
  templates.set(app, made);
  return made;
}
