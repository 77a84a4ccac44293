import type { Deployment, Node, Workload } from "../views.ts";

/** A deployment as the query API answers it, all well unless said otherwise. */
export function aDeployment({
  counts,
  ...changes
}: Partial<Omit<Deployment, "counts">> & { counts?: Partial<Deployment["counts"]> } = {}): Deployment {
  return {
    deployment: "hello-web-abc123",
    pod: "demo",
    app: "hello",
    entrypoint: "web",
    release: "v1",
    image: "hello:v1",
    state: "running",
    reason: null,
    counts: {
      wanted: 1,
      placed: 0,
      healthy: 0,
      waiting: 0,
      refused: 0,
      failed: 0,
      leaving: 0,
      lost: 0,
      ...counts,
    },
    resources: { cpu: 0.1, memoryMib: 32 },
    strategy: "auto",
    priority: 50,
    waitDeadlineMs: null,
    preempt: false,
    requestedAt: "2026-01-01T00:00:00Z",
    requestedBy: "user:admin",
    ...changes,
  };
}

/** A workload as the query API answers it, all well unless said otherwise. */
export const aWorkload = (changes: Partial<Workload> = {}): Workload => ({
  workload: "hello-web-abc123-1",
  deployment: "hello-web-abc123",
  release: "v1",
  image: "hello:v1",
  pod: "demo",
  node: "n1",
  state: "healthy",
  attempt: 1,
  resources: { cpu: 0.1, memoryMib: 32 },
  granted: null,
  endpoints: [],
  containerId: null,
  lastError: null,
  exitCode: null,
  change: null,
  retryInMs: null,
  placedBecause: "deployed",
  leavingBecause: null,
  placedSeq: 3,
  placedAt: "2026-01-01T00:00:00Z",
  startedAt: "2026-01-01T00:00:01Z",
  healthyAt: "2026-01-01T00:00:02Z",
  removedAt: null,
  dissociatedAt: null,
  dissociatedBy: null,
  ...changes,
});

/** A node as the query API answers it, being drained. */
export const aNode = (changes: Partial<Node> = {}): Node => ({
  node: "n1",
  pod: "demo",
  labels: {},
  cordoned: false,
  cordonReason: null,
  draining: true,
  drainReason: "",
  liveness: "alive",
  livenessAt: "2026-01-01T00:00:00Z",
  capacity: { cpu: 2, memoryMib: 1024 },
  capacityFrom: "user",
  booked: { cpu: 0, memoryMib: 0 },
  workloads: 0,
  engine: "docker 28",
  engineReachable: true,
  engineError: null,
  ...changes,
});
