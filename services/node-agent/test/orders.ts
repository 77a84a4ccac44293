import {
  type AssignmentEvent,
  type Cause,
  type Granted,
  type HealthCheck,
  type Hooks,
  type Resources,
  RestartPolicy,
  type TakesOver,
  Template,
} from "@eru/events";
import type { Assigned } from "../src/domain/desired.ts";

/** The cause that tests give their orders. */
export const testCause: Cause = { correlationId: "command-1", causationId: "message-1/0" };

/** The parts of an order that tests vary. */
export type OrderParts = {
  workload?: string;
  generation?: number;
  node?: string;
  image?: string;
  command?: string[];
  publish?: number[];
  env?: Record<string, string>;
  healthcheck?: Partial<HealthCheck> & Pick<HealthCheck, "tcpPorts">;
  keep?: "running" | "restarted" | "stopped" | "adopted";
  takesOver?: TakesOver;
  ignoreHooks?: boolean;
  hooks?: Partial<Hooks>;
  restart?: Partial<RestartPolicy>;
  network?: "bridge" | "host";
  graceSeconds?: number;
  cpu?: number;
  memoryMib?: number;
  resources?: Partial<Resources>;
  granted?: Granted;
};

/** An order to run a workload, with everything a test does not care about filled in. */
export function assigned(parts: OrderParts = {}): Assigned {
  const { workload = "shop-web-abc123-1", generation = 1, node = "n1" } = parts;
  return {
    type: "WorkloadAssigned",
    node,
    pod: "p1",
    workload,
    deployment: workload.replace(/-\d+$/, ""),
    generation,
    template: Template.parse({
      app: "shop",
      release: "r1",
      entrypointName: "web",
      image: parts.image ?? "hello:1",
      env: {},
      entrypoint: {
        command: parts.command ?? [],
        publish: parts.publish ?? [8080],
        network: parts.network ?? "bridge",
        env: parts.env ?? {},
        graceSeconds: parts.graceSeconds ?? 10,
        restart: RestartPolicy.parse(parts.restart ?? {}),
        ...(parts.healthcheck && { healthcheck: parts.healthcheck }),
        ...(parts.hooks && { hooks: parts.hooks }),
      },
    }),
    resources: { cpu: parts.cpu ?? 0.1, memoryMib: parts.memoryMib ?? 32, ...parts.resources },
    ...(parts.granted && { granted: parts.granted }),
    ...(parts.keep && { keep: parts.keep }),
    ...(parts.takesOver && { takesOver: parts.takesOver }),
    ...(parts.ignoreHooks && { ignoreHooks: true }),
  };
}

/** An order to let go of a workload. */
export const releaseAssigned = (workload: string, generation: number): AssignmentEvent => ({
  type: "WorkloadReleaseAssigned",
  node: "n1",
  workload,
  generation,
});

/** An order to stop a workload. */
export const stopAssigned = (workload: string, generation: number, graceSeconds = 10): AssignmentEvent => ({
  type: "WorkloadStopAssigned",
  node: "n1",
  workload,
  generation,
  graceSeconds,
});
