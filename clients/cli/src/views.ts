import { Granted, Reasons, Resources, RouteContent } from "@eru/events";
import { z } from "zod";

// What the query API answers, as far as this program reads it. Loose: a field more is no fault, a field less is.

const Amounts = z.looseObject({ cpu: z.number(), memoryMib: z.number() });
const Wished = z.looseObject(Resources.shape);

export const Pod = z.looseObject({
  pod: z.string(),
  description: z.string(),
  nodes: z.int(),
  nodesAlive: z.int(),
  deployments: z.int(),
  workloads: z.int(),
});
export type Pod = z.infer<typeof Pod>;

export const Rebalance = z.looseObject({
  rebalance: z.int(),
  pod: z.string(),
  goal: z.string(),
  requestedAt: z.string(),
  requestedBy: z.string(),
  moves: z.int(),
  waiting: z.int(),
  moving: z.int(),
  moved: z.int(),
  dropped: z.int(),
  gone: z.int(),
});
export type Rebalance = z.infer<typeof Rebalance>;

export const RebalanceDetail = z.looseObject({
  ...Rebalance.shape,
  list: z.array(
    z.looseObject({
      workload: z.string(),
      from: z.string(),
      to: z.string(),
      state: z.string(),
      replacement: z.string().nullable(),
      detail: z.string().nullable(),
    }),
  ),
});
export type RebalanceDetail = z.infer<typeof RebalanceDetail>;

export const Node = z.looseObject({
  node: z.string(),
  pod: z.string(),
  labels: z.record(z.string(), z.string()),
  cordoned: z.boolean(),
  cordonReason: z.string().nullable(),
  draining: z.boolean(),
  drainReason: z.string().nullable(),
  liveness: z.string(),
  livenessAt: z.string().nullable(),
  capacity: Amounts.nullable(),
  capacityFrom: z.string().nullable(),
  booked: Amounts,
  workloads: z.int(),
  engine: z.string().nullable(),
  engineReachable: z.boolean().nullable(),
  engineError: z.string().nullable(),
});
export type Node = z.infer<typeof Node>;

/** One node, with how far its drain is. */
export const NodeDetail = z.looseObject({
  ...Node.shape,
  resources: z.array(
    z.looseObject({
      kind: z.string(),
      name: z.string(),
      unit: z.string(),
      size: z.number(),
      booked: z.number(),
      free: z.number(),
    }),
  ),
  drain: z
    .looseObject({
      requestedAt: z.string(),
      deadlineMs: z.int().nullable(),
      paused: z.enum(["user", "deadline"]).nullable(),
      left: z.int(),
      leaving: z.int(),
      lost: z.int(),
      stuckTotal: z.int(),
      stuck: z.array(
        z.looseObject({
          deployment: z.string(),
          workloads: z.int(),
          state: z.string(),
          reason: z.string().nullable(),
        }),
      ),
    })
    .nullable(),
});
export type NodeDetail = z.infer<typeof NodeDetail>;

export const App = z.looseObject({
  app: z.string(),
  releases: z.int(),
  latestRelease: z.string().nullable(),
  deployments: z.int(),
  workloads: z.int(),
  registeredAt: z.string(),
});
export type App = z.infer<typeof App>;

export const Release = z.looseObject({
  app: z.string(),
  release: z.string(),
  gitSha: z.string().nullable(),
  image: z.string(),
  entrypoints: z.array(z.string()),
  registeredAt: z.string(),
  registeredBy: z.string(),
});
export type Release = z.infer<typeof Release>;

/** A release with the `app.yaml` it was registered with. */
export const ReleaseText = z.looseObject({ ...Release.shape, specText: z.string() });

/** How many of a deployment's workloads are how far. */
const Counts = z.looseObject({
  wanted: z.int(),
  placed: z.int(),
  healthy: z.int(),
  waiting: z.int(),
  refused: z.int(),
  failed: z.int(),
  leaving: z.int(),
  lost: z.int(),
});

export const Deployment = z.looseObject({
  deployment: z.string(),
  pod: z.string(),
  app: z.string(),
  entrypoint: z.string(),
  release: z.string(),
  image: z.string(),
  state: z.string(),
  reason: z.string().nullable(),
  counts: Counts,
  resources: Wished,
  strategy: z.string(),
  sets: z.object({ perNode: z.int(), nodesChosen: z.int(), nodesLacking: z.int() }).nullish(),
  priority: z.int(),
  waitDeadlineMs: z.int().nullable(),
  preempt: z.boolean().default(false),
  requestedAt: z.string(),
  requestedBy: z.string(),
});
export type Deployment = z.infer<typeof Deployment>;

/** What each workload of a deployment books, in full. */
export const Books = z.looseObject({ books: z.record(z.string(), z.unknown()) });

/** One of the reasons why a change may cost requests. */
const Risk = z.looseObject({ reason: z.string(), detail: z.string() });

export const Rollout = z.looseObject({
  deployment: z.string(),
  number: z.int(),
  app: z.string(),
  entrypoint: z.string(),
  release: z.string(),
  fromRelease: z.string(),
  changes: z.array(z.string()),
  settings: z.record(z.string(), z.unknown()),
  undoes: z.int().nullable(),
  state: z.string(),
  over: z.boolean(),
  fresh: z.int(),
  stale: z.int(),
  detail: z.string(),
  reason: z.string().nullable(),
  risks: z.array(Risk).nullable(),
  requestedAt: z.string(),
  requestedBy: z.string(),
  endedAt: z.string().nullable(),
});
export type Rollout = z.infer<typeof Rollout>;

export const Workload = z.looseObject({
  workload: z.string(),
  deployment: z.string(),
  release: z.string(),
  image: z.string().nullable(),
  pod: z.string(),
  node: z.string(),
  state: z.string(),
  attempt: z.int(),
  resources: Wished,
  granted: z.looseObject(Granted.shape).nullable(),
  endpoints: z.array(z.looseObject({ port: z.int(), ip: z.string(), hostPort: z.int() })),
  containerId: z.string().nullable(),
  lastError: z.string().nullable(),
  exitCode: z.int().nullable(),
  retryInMs: z.int().nullable(),
  placedBecause: z.string().nullable(),
  leavingBecause: z.string().nullable(),
  /** The last change that a user asked of it alone. */
  change: z
    .looseObject({
      change: z.string(),
      step: z.enum(["asked", "draining", "ordered", "done", "refused"]),
      seq: z.int(),
      detail: z.string().nullable(),
      successor: z.string().optional(),
    })
    .nullable(),
  placedSeq: z.int(),
  placedAt: z.string(),
  startedAt: z.string().nullable(),
  healthyAt: z.string().nullable(),
  removedAt: z.string().nullable(),
  dissociatedAt: z.string().nullable().default(null),
  dissociatedBy: z.string().nullable().default(null),
});
export type Workload = z.infer<typeof Workload>;

/** Workloads as people count: the tenth after the ninth. */
export const inOrder = (workloads: readonly Workload[]): Workload[] =>
  workloads.toSorted((one, other) => one.workload.localeCompare(other.workload, "en", { numeric: true }));

export const Route = z.looseObject({
  host: z.string(),
  ...RouteContent.shape,
  section: z.string().nullable(),
  declaredSeq: z.int(),
  declaredAt: z.string(),
  declaredBy: z.string(),
});
export type Route = z.infer<typeof Route>;

const Target = z.looseObject({
  workload: z.string(),
  node: z.string(),
  release: z.string(),
  ip: z.string(),
  port: z.int(),
});
export type Target = z.infer<typeof Target>;

/** A route with the healthy workloads in each pool that its rules name. */
export const RouteTargets = z.looseObject({
  ...Route.shape,
  pools: z.array(z.looseObject({ pool: z.string(), endpoints: z.array(Target), endpointsTotal: z.int() })),
});
export type RouteTargets = z.infer<typeof RouteTargets>;

export const Certificate = z.looseObject({
  certificate: z.string(),
  source: z.string(),
  state: z.string(),
  hosts: z.array(z.string()),
  notAfter: z.string().nullable(),
  daysLeft: z.int().nullable(),
  issuer: z.string().nullable(),
  fingerprint: z.string().nullable(),
  keyType: z.string().nullable(),
  usedBy: z.array(z.string()),
  directory: z.string().nullable(),
  failures: z.int(),
  error: z.string().nullable(),
  retryAt: z.string().nullable(),
  changedAt: z.string(),
  changedBy: z.string(),
});
export type Certificate = z.infer<typeof Certificate>;

/** One certificate with its chain. */
export const CertificateChain = z.looseObject({ ...Certificate.shape, chainPem: z.string().nullable() });

/** An event, in queries and in the feed alike. */
export const LogEvent = z.looseObject({
  seq: z.int(),
  index: z.int(),
  id: z.string(),
  subject: z.string(),
  type: z.string(),
  time: z.string(),
  actor: z.string(),
  correlationId: z.string(),
  causationId: z.string(),
  objects: z.array(z.string()),
  summary: z.string(),
  payload: z.record(z.string(), z.unknown()).default({}),
});
export type LogEvent = z.infer<typeof LogEvent>;

/** One rollout, step by step. */
export const RolloutDetail = z.looseObject({ ...Rollout.shape, steps: z.array(LogEvent) });
export type RolloutDetail = z.infer<typeof RolloutDetail>;

/** How far the view is, and how much there is. */
export const Zone = z.looseObject({
  seq: z.int(),
  head: z.int(),
  lag: z.int(),
  notReadyBecause: z.string().nullable(),
  counts: z.looseObject({
    pods: z.int(),
    nodes: z.int(),
    apps: z.int(),
    routes: z.int(),
    events: z.int(),
    deployments: z.int(),
    workloads: z.record(z.string(), z.int()),
  }),
});
export type Zone = z.infer<typeof Zone>;

/** Why a workload is where it is. */
export const WhyWorkload = z.looseObject({
  workload: Workload,
  placement: z
    .looseObject({
      ...LogEvent.shape,
      node: z.string(),
      because: z.string(),
      /** The chosen node as the strategy saw it. */
      score: z.looseObject({ count: z.int(), capacity: z.int() }).nullable(),
      reasons: Reasons,
    })
    .nullable(),
  chain: z.array(LogEvent),
  chainCut: z.boolean(),
});
export type WhyWorkload = z.infer<typeof WhyWorkload>;

/** A decision with what it was made from. */
export const Decision = z.looseObject({
  ...LogEvent.shape,
  payload: z.looseObject({ reasons: Reasons.optional() }),
});

/** Decisions about a deployment, the newest first. */
export const DeploymentReasons = z.looseObject({
  deployment: Deployment,
  /** Workloads that found no room, and why. */
  short: z
    .looseObject({
      seq: z.int(),
      time: z.string(),
      workloads: z.int(),
      ...Reasons.pick({ rejectedTotals: true, rejected: true, wouldHelp: true }).shape,
    })
    .nullable(),
  items: z.array(Decision),
  next: z.string().nullable(),
});
/** Why a deployment is as it is. */
export type WhyDeployment = z.infer<typeof DeploymentReasons> & {
  /** What users asked of it, the newest first. */
  orders: LogEvent[];
  /** The newest decision that placed something. */
  placement: z.infer<typeof Decision> | undefined;
};
