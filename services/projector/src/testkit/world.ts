import {
  AppSpec,
  Entrypoint,
  type EruEvent,
  encodeMessage,
  type NewEvent,
  type Reasons,
  type Template,
} from "@eru/events";
import type { StoredMessage } from "@eru/log";

export type ModelWorkload = {
  id: string;
  deployment: ModelDeployment;
  node: string;
  generation: number;
  attempt: number;
  phase: "assigned" | "created" | "started" | "healthy" | "unhealthy" | "exited";
  going: "no" | "draining" | "stopping";
};

export type ModelDeployment = {
  id: string;
  pod: string;
  template: Template;
  seq: number;
  count: number;
  lastN: number;
  removed: boolean;
  upgrading: boolean;
  rollouts: number;
};

/** What exists in a made-up zone, and the log it left. */
export class World {
  readonly log: StoredMessage[] = [];
  readonly pods: string[] = [];
  readonly nodes: { name: string; pod: string; lost: boolean }[] = [];
  readonly releases: { app: string; release: string }[] = [];
  readonly deployments: ModelDeployment[] = [];
  readonly workloads: ModelWorkload[] = [];
  readonly hosts: string[] = [];

  get seq(): number {
    return this.log.length;
  }

  /** Appends one message of one to many events; ids and times follow from the sequence. */
  append(subject: string, actor: string, events: readonly EruEvent[], correlationId?: string): number {
    const seq = this.seq + 1;
    const id = `m${seq}`;
    const command = actor.startsWith("user:");
    const cause = { correlationId: correlationId ?? id, causationId: correlationId ?? id };
    const message = {
      meta: {
        id,
        time: new Date(Date.UTC(2026, 0, 1) + seq * 1000).toISOString(),
        actor,
        ...(command && { commandId: id, commandDigest: "0".repeat(64) }),
      },
      events: events.map((event): NewEvent => ({ event, cause })),
    };
    this.log.push({ subject, seq, messageId: id, body: encodeMessage(subject, message) });
    return seq;
  }
}

/** The template of an entrypoint `web` or `job` of an app. */
export function template(app: string, release: string, entrypointName: string): Template {
  const entrypoint = Entrypoint.parse(entrypointName === "web" ? { publish: [8080] } : {});
  return { app, release, entrypointName, image: `registry.local/${app}:${release}`, entrypoint, env: {} };
}

/** The spec of an app with the entrypoints `web` and `job`. */
export const appSpec = (app: string): AppSpec =>
  AppSpec.parse({ appname: app, entrypoints: { web: { publish: [8080] }, job: {} } });

/** Reasons with something in every part. */
export const reasons = (inputSeq: number, given: Partial<Reasons> = {}): Reasons => ({
  policy: "auto/1",
  inputSeq,
  wanted: 1,
  resources: { cpu: 0.1, memoryMib: 32 },
  nodesTotal: 2,
  candidatesTotal: 1,
  scores: [{ node: "n1", count: 0, capacity: 3, placed: 1 }],
  rejectedTotals: { cpu: 1 },
  rejected: [{ node: "n2", filter: "cpu", detail: "cpu: 0.1 wanted, 0 of 1 free" }],
  wouldHelp: [],
  ...given,
});

export const userActor = "user:ada";
