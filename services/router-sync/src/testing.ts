// What the tests of this service share: events as the log would hold them.
import {
  type Endpoint,
  type EruEvent,
  type RecordedEvent,
  rulesFrom,
  type ShortRule,
  subjects,
} from "@eru/events";

/** Events recorded one after another. */
export function recorder(): (event: EruEvent) => RecordedEvent {
  let seq = 0;
  return (event) => {
    seq++;
    const id = `m${seq}`;
    return {
      subject: subjectOf(event),
      seq,
      index: 0,
      id: `${id}/0`,
      meta: { id, time: "2026-01-01T00:00:00.000Z", actor: "test" },
      cause: { correlationId: `c${seq}`, causationId: id },
      event,
    };
  };
}

/** The history an event belongs to. */
export function subjectOf(event: EruEvent): string {
  if (event.type.startsWith("Route") && "host" in event && !("elb" in event))
    return subjects.route(event.host);
  if (event.type === "ElbLeaveRequested" || event.type === "ElbJoinRequested")
    return subjects.balancer(event.elb);
  if (event.type === "WorkloadAssigned" || event.type === "WorkloadStopAssigned")
    return subjects.assignment(event.node);
  if (event.type.startsWith("Certificate") && "certificate" in event)
    return subjects.certificate(event.certificate);
  if (event.type.startsWith("Acme"))
    return "certificate" in event ? subjects.acme(event.certificate) : subjects.acmeAccount("test");
  if (event.type === "RemovalRequested") return subjects.deployment("demo", event.deployment);
  return event.type.startsWith("Container") && "node" in event
    ? subjects.fact(event.node)
    : subjects.decision("demo");
}

/** Ports are published as they are, each workload has an address of its own. */
export const ipOf = (workload: string): string => `10.0.0.${Number(/\d+$/.exec(workload)?.[0] ?? 0) + 1}`;

/** A workload `hello-web-1` is number 1 of deployment `hello-web`: app `hello`, entrypoint `web`. */
export function assigned(workload: string, node = "n1", options: { pod?: string; generation?: number } = {}) {
  const [app = "", entrypointName = ""] = workload.split("-");
  return {
    type: "WorkloadAssigned",
    node,
    pod: options.pod ?? "demo",
    workload,
    deployment: `${app}-${entrypointName}`,
    generation: options.generation ?? 1,
    template: {
      app,
      release: "abc1234",
      entrypointName,
      image: "hello:1",
      entrypoint: {
        command: [],
        publish: [8080, 9090],
        restart: { policy: "always", retriesMax: 5 },
        network: "bridge",
        env: {},
        graceSeconds: 10,
      },
      env: {},
    },
    resources: { cpu: 0.1, memoryMib: 32 },
  } as const satisfies EruEvent;
}

const of = (workload: string, node: string, generation: number) => ({ node, workload, generation });

export const started = (
  workload: string,
  node = "n1",
  options: { attempt?: number; generation?: number; endpoints?: Endpoint[] } = {},
) =>
  ({
    type: "ContainerStarted",
    ...of(workload, node, options.generation ?? 1),
    containerId: "c",
    attempt: options.attempt ?? 1,
    endpoints: options.endpoints ?? [
      { port: 8080, ip: ipOf(workload), hostPort: 8080 },
      { port: 9090, ip: ipOf(workload), hostPort: 9090 },
    ],
  }) as const satisfies EruEvent;

export const healthy = (workload: string, node = "n1", attempt = 1, generation = 1) =>
  ({ type: "ContainerHealthy", ...of(workload, node, generation), attempt }) as const satisfies EruEvent;

export const unhealthy = (workload: string, node = "n1", attempt = 1) =>
  ({
    type: "ContainerUnhealthy",
    ...of(workload, node, 1),
    attempt,
    reason: "503",
  }) as const satisfies EruEvent;

export const exited = (workload: string, node = "n1", attempt = 1) =>
  ({
    type: "ContainerExited",
    ...of(workload, node, 1),
    attempt,
    exitCode: 1,
    outOfMemory: false,
  }) as const satisfies EruEvent;

export const removed = (workload: string, node = "n1", ordered = true) =>
  ({ type: "ContainerRemoved", ...of(workload, node, 1), ordered }) as const satisfies EruEvent;

export const removal = (
  workload: string,
  options: {
    node?: string;
    drain?: boolean;
    because?: "removed" | "node_lost";
    drainDeadlineMs?: number;
  } = {},
) =>
  ({
    type: "RemovalDecided",
    deployment: workload.replace(/-\d+$/, ""),
    workload,
    node: options.node ?? "n1",
    because: options.because ?? "removed",
    drain: options.drain ?? true,
    drainDeadlineMs: options.drainDeadlineMs ?? 30_000,
  }) as const satisfies EruEvent;

export const stopDecided = (workload: string, node = "n1") =>
  ({
    type: "StopDecided",
    deployment: workload.replace(/-\d+$/, ""),
    workload,
    node,
    because: "drained",
  }) as const satisfies EruEvent;

export const stopAssigned = (workload: string, node = "n1") =>
  ({
    type: "WorkloadStopAssigned",
    node,
    workload,
    generation: 2,
    graceSeconds: 10,
  }) as const satisfies EruEvent;

export const nodeLost = (node: string) =>
  ({ type: "NodeLost", pod: "demo", node, silentMs: 9_000, workloads: 1 }) as const satisfies EruEvent;

export const nodeRecovered = (node: string) =>
  ({ type: "NodeRecovered", pod: "demo", node }) as const satisfies EruEvent;

/** A rule in short: `/api hello/web@demo:9090`; pod and port may be left out. */
function rule(text: string): ShortRule {
  const [, pathPrefix = "/", app = "", entrypoint = "", pod, port] =
    /^(\S+) (\w+)\/(\w+)(?:@(\w+))?(?::(\d+))?$/.exec(text) ?? [];
  return { pathPrefix, app, entrypoint, ...(pod && { pod }), ...(port && { port: Number(port) }) };
}

export const route = (host: string, ...rules: string[]) =>
  ({ type: "RouteDeclared", host, rules: rulesFrom(rules.map(rule)) }) as const satisfies EruEvent;

export const routeRemoved = (host: string) => ({ type: "RouteRemoved", host }) as const satisfies EruEvent;
