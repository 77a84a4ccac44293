import { Entrypoint, type EruEvent, encodeMessage, type NewEvent, subjects } from "@eru/events";
import type { Append, StoredMessage } from "@eru/log";
import { toBatches } from "../../../services/scheduler/src/batch.ts";
import { noSignals } from "../../../services/scheduler/src/domain/draft.ts";
import { actionsMax } from "../../../services/scheduler/src/domain/limits.ts";
import { plan } from "../../../services/scheduler/src/domain/plan.ts";
import { emptyZone, podOf, type Zone } from "../../../services/scheduler/src/domain/zone.ts";
import { foldInto } from "../../../services/scheduler/src/fold.ts";

/** What a log holds: so many deployments of one size on so many nodes, with or without what agents then said of each workload. */
export type HistoryShape = { nodes: number; deployments: number; size: number; facts: boolean };

const pod = "bench";
const begun = Date.parse("2026-01-01T00:00:00.000Z");
const time = "2026-01-01T00:00:00.000Z";
/** Facts of one append, as an agent that starts many containers sends them. */
const factsPerMessage = 50;

/** Messages that the log stores together. */
type Stored = readonly Append[];

/**
 * The log of a zone that grew by placements, written by the functions that write a real one: what is requested is planned by
 * the scheduler's passes, cut into its batches, and told to be healthy by each node. Folds what it says while it says it.
 */
export class History {
  readonly zone: Zone = emptyZone();
  readonly #shape: HistoryShape;
  #messages = 0;

  constructor(shape: HistoryShape) {
    this.#shape = shape;
  }

  /** All of it, in the pieces in which it is stored. */
  *appends(): Generator<Stored> {
    const { nodes, deployments, size, facts } = this.#shape;
    const cpu = Math.ceil((deployments * size * 0.02 * 1.5) / nodes) + 1;
    for (let n = 1; n <= nodes; n++) {
      const node = `sim-${n}`;
      const resources = { cpu, memoryMib: 16_777_216 };
      yield this.#take([
        this.#append(subjects.node(node), [{ type: "NodeAdded", node, pod, labels: {}, resources }]),
      ]);
      yield this.#take([this.#append(subjects.decision(pod), [{ type: "NodeRecovered", pod, node }])]);
    }
    for (let at = 0; at < deployments; at++) {
      const id = `app-web-${String(at).padStart(6, "0")}`;
      yield this.#take([this.#append(subjects.deployment(pod, id), [request(id, size)])]);
      yield* this.#passes();
    }
    if (facts) yield* this.#healthy();
  }

  /** The same as it stands in the log. */
  *stored(): Generator<StoredMessage> {
    let seq = 0;
    for (const batch of this.appends())
      for (const { subject, message } of batch) yield storedAt(subject, ++seq, message);
  }

  *#passes(): Generator<Stored> {
    const of = podOf(this.zone, pod);
    while (of.touched.size > 0) {
      const focus = [...of.touched];
      of.touched.clear();
      const pass = plan(this.zone, of, {
        focus,
        signals: noSignals,
        options: { drainDeadlineMs: 30_000, actionsMax },
      });
      if (pass.decisions.length === 0) return;
      for (const { appends } of toBatches(pass, { id: this.#id(), time })) yield this.#take(appends);
      for (const unfinished of pass.unfinished) of.touched.add(unfinished);
    }
  }

  *#healthy(): Generator<Stored> {
    const types = ["ContainerCreated", "ContainerStarted", "ContainerHealthy"] as const;
    for (const node of this.zone.nodes.values()) {
      const said = [...node.workloads].flatMap(({ id, generation }) =>
        types.map((type): EruEvent => {
          const of = { node: node.name, workload: id, generation };
          const containerId = id.padEnd(64, "0");
          if (type === "ContainerCreated") return { type, ...of, containerId };
          const endpoints = [{ port: 8080, ip: "172.17.0.2", hostPort: 8080 }];
          return type === "ContainerStarted"
            ? { type, ...of, containerId, attempt: 1, endpoints }
            : { type, ...of, attempt: 1 };
        }),
      );
      for (let at = 0; at < said.length; at += factsPerMessage)
        yield this.#take([this.#append(subjects.fact(node.name), said.slice(at, at + factsPerMessage))]);
    }
  }

  /** Folds what is stored, as the scheduler that wrote it would. */
  #take(batch: Stored): Stored {
    for (const { subject, message } of batch)
      foldInto(this.zone, [storedAt(subject, this.zone.seq + 1, message)]);
    return batch;
  }

  #append(subject: string, events: readonly EruEvent[]): Append {
    const id = this.#id();
    const cause = { correlationId: id, causationId: id };
    return {
      subject,
      message: {
        meta: { id, time, actor: "bench" },
        events: events.map((event): NewEvent => ({ event, cause })),
      },
    };
  }

  /** As long as a real one. */
  #id(): string {
    return `01BENCH${String(++this.#messages).padStart(19, "0")}`;
  }
}

const storedAt = (subject: string, seq: number, message: Append["message"]): StoredMessage => ({
  subject,
  seq,
  messageId: message.meta.id,
  body: encodeMessage(subject, message),
  storedMs: begun + seq,
});

const request = (id: string, count: number): EruEvent => ({
  type: "DeploymentRequested",
  deployment: id,
  pod,
  template: {
    app: "app",
    release: "v1",
    entrypointName: "web",
    image: "app:v1",
    entrypoint: Entrypoint.parse({ publish: [8080] }),
    env: {},
  },
  count,
  resources: { cpu: 0.02, memoryMib: 8 },
  strategy: "auto",
  nodesLimit: 0,
  filter: { includes: [], excludes: [], labels: {} },
  onShortage: "wait",
});
