import type { Metrics } from "@eru/service";
import type { SchedulerCore } from "./core.ts";
import type { Pass } from "./domain/plan.ts";

/** What the scheduler measures of itself. */
export class Measures {
  readonly #pass;
  readonly #commit;
  readonly #placements;
  readonly #decisions;
  readonly #failures;
  readonly #badHeartbeats;
  /** Events between the log's end and what was folded. */
  lag = 0;
  holdsLease = false;

  constructor(metrics: Metrics, core: SchedulerCore) {
    const buckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
    this.#pass = metrics.histogram(
      "eru_scheduler_pass_seconds",
      "Time to decide one pass over a pod",
      buckets,
    );
    this.#commit = metrics.histogram("eru_scheduler_commit_seconds", "Time to record one pass", buckets);
    this.#placements = metrics.counter("eru_scheduler_placements_total", "Workloads that were placed");
    this.#decisions = metrics.counter("eru_scheduler_decisions_total", "Decisions recorded", ["type"]);
    this.#failures = metrics.counter(
      "eru_scheduler_commit_failures_total",
      "Passes that were not recorded; code conflict: another scheduler was faster",
      ["code"],
    );
    this.#badHeartbeats = metrics.counter(
      "eru_scheduler_bad_heartbeats_total",
      "Heartbeats that could not be read",
    );
    metrics.gauge("eru_scheduler_waiting_workloads", "Workloads that wait for room", [], () => waiting(core));
    metrics.gauge("eru_scheduler_nodes_alive", "Nodes that get workloads as far as heartbeats go", [], () =>
      alive(core),
    );
    metrics.gauge("eru_scheduler_nodes", "Nodes of the zone", [], () => core.zone.nodes.size);
    metrics.gauge(
      "eru_scheduler_workloads",
      "Workloads that book a node",
      [],
      () => core.zone.workloads.size,
    );
    metrics.gauge("eru_scheduler_folded_seq", "The newest sequence that was folded", [], () => core.zone.seq);
    metrics.gauge("eru_scheduler_lag_messages", "Messages not folded yet", [], () => this.lag);
    metrics.gauge("eru_scheduler_holds_lease", "1 while this scheduler is the active one", [], () =>
      this.holdsLease ? 1 : 0,
    );
  }

  passed(seconds: number): void {
    this.#pass.observe(seconds);
  }

  recorded({ decisions }: Pass, seconds: number): void {
    this.#commit.observe(seconds);
    for (const { event } of decisions) {
      this.#decisions.inc({ type: event.type });
      if (event.type === "PlacementDecided") this.#placements.inc(event.placed.length);
    }
  }

  failed(code: string): void {
    this.#failures.inc({ code });
  }

  badHeartbeat(): void {
    this.#badHeartbeats.inc();
  }
}

const waiting = ({ zone }: SchedulerCore): number =>
  zone.pods
    .values()
    .reduce((sum, pod) => pod.waiting.values().reduce((all, one) => all + one.waiting, sum), 0);

const alive = ({ zone }: SchedulerCore): number =>
  zone.nodes.values().reduce((sum, { liveness }) => sum + (liveness === "alive" ? 1 : 0), 0);
