import type { Deployment } from "./domain/deployment.ts";
import type { Rollout } from "./domain/rollout.ts";
import type { Workload, WorkloadState } from "./domain/workload.ts";

/** The rows of every table, for typed queries. Columns of type string that say JSON hold JSON. */
export type Tables = {
  checkpoint: CheckpointRow;
  pods: PodRow;
  nodes: NodeRow;
  nodeFacts: NodeFactsRow;
  nodeUse: NodeUseRow;
  apps: AppRow;
  releases: ReleaseRow;
  deployments: Deployment;
  rollouts: Rollout;
  rebalances: RebalanceRow;
  moves: MoveRow;
  workloads: Workload;
  workloadCounts: WorkloadCountsRow;
  routes: RouteRow;
  stages: StageRow;
  certificates: CertificateRow;
  quotas: QuotaRow;
  routeCertificates: { host: string; certificate: string };
  elbs: ElbRow;
  users: UserRow;
  tokens: TokenRow;
  decisions: DecisionRow;
  events: EventRow;
  objects: ObjectRow;
  eventObjects: EventObjectRow;
};

/** How far the view is: the last message in it, and of which log. */
export type CheckpointRow = { id: 1; epoch: string; seq: number; messageId: string; events: number };

export type PodRow = { pod: string; description: string; addedSeq: number; addedAt: string };

/** A rebalancing that was asked for. */
export type RebalanceRow = {
  rebalance: number;
  pod: string;
  goal: string;
  requestedAt: string;
  requestedBy: string;
};

/** One move of a rebalancing; `gone`: the workload went for another reason. */
export type MoveRow = {
  rebalance: number;
  at: number;
  workload: string;
  deployment: string;
  fromNode: string;
  toNode: string;
  state: "waiting" | "moving" | "moved" | "dropped" | "gone";
  /** What was placed in its stead. */
  replacement: string | null;
  /** Why it was dropped or is gone. */
  detail: string | null;
};

/** What users said about a node. */
export type NodeRow = {
  node: string;
  pod: string;
  /** JSON. */
  labels: string;
  cordoned: 0 | 1;
  cordonReason: string | null;
  /** Everything there shall be moved elsewhere, and since when; all null when not. */
  drainReason: string | null;
  drainDeadlineMs: number | null;
  /** By a user, or at its deadline. */
  drainPaused: "user" | "deadline" | null;
  drainSeq: number | null;
  drainAt: string | null;
  /** JSON of what the user said may be booked; null when the agent's own figures count. */
  given: string | null;
  addedSeq: number;
  addedAt: string;
};

/** What the scheduler last said about a node's heartbeats. */
export type Liveness = "unknown" | "alive" | "suspected" | "lost";

/** What agents and the scheduler said about a node; it may come before a user added it, and outlive its removal. */
export type NodeFactsRow = {
  node: string;
  liveness: Liveness;
  livenessSeq: number;
  livenessAt: string;
  /** JSON of what the agent found; null until it looked. */
  observed: string | null;
  engine: string | null;
  engineReachable: 0 | 1;
  engineError: string | null;
  agentVersion: string | null;
};

/** What is booked on a node, and for how many workloads. */
export type NodeUseRow = { node: string; workloads: number; cpuMilli: number; memoryMib: number };

type AppRow = { app: string; registeredSeq: number; registeredAt: string };

export type ReleaseRow = {
  app: string;
  release: string;
  gitSha: string | null;
  image: string;
  /** JSON. */
  spec: string;
  specText: string;
  registeredSeq: number;
  registeredAt: string;
  registeredBy: string;
};

export type QuotaRow = {
  quota: string;
  app: string | null;
  pod: string | null;
  /** JSON. */
  limits: string;
  setSeq: number;
  setAt: string;
  setBy: string;
};

/** How many workloads of a deployment are in each state. */
export type WorkloadCountsRow = { deployment: string } & Record<WorkloadState, number>;

export type RouteRow = {
  host: string;
  /** Who owns the host; null: no app. */
  app: string | null;
  /** JSON of the declaration. */
  content: string;
  /** The release whose `elb` section it is. */
  section: string | null;
  declaredSeq: number;
  declaredAt: string;
  declaredBy: string;
};

/** A change that some load balancers have before the others. */
export type StageRow = {
  host: string;
  stage: string;
  /** JSON. */
  elbs: string;
  /** JSON of what is staged. */
  content: string;
  promoteAfterMs: number | null;
  failuresMaxPercent: number | null;
  /** JSON of what load balancers said of it. */
  judged: string;
  stagedSeq: number;
  stagedAt: string;
  stagedBy: string;
};

/** Without its private key, which never enters a view. */
export type CertificateRow = {
  certificate: string;
  source: "stored" | "acme";
  /** JSON of the hosts an order is for. */
  wanted: string | null;
  /** JSON. Null with all up to the chain while there is no certificate yet. */
  hosts: string | null;
  notBefore: string | null;
  notAfter: string | null;
  issuer: string | null;
  fingerprint: string | null;
  keyType: string | null;
  chainPem: string | null;
  directory: string | null;
  failures: number;
  error: string | null;
  retryAt: string | null;
  changedSeq: number;
  changedAt: string;
  changedBy: string;
};

type ElbRow = {
  elb: string;
  bootId: string | null;
  appliedSeq: number;
  appliedAt: string | null;
  changedPools: number;
  changedHosts: number;
  /** JSON of the last line its engine refused. */
  rejected: string | null;
  /** When an operator told it to leave, and who; null: it shall serve. */
  leaveAt: string | null;
  leaveBy: string | null;
};

type UserRow = { user: string; tokens: number; addedSeq: number; addedAt: string };

/** Hashes, to know callers by. They leave the database for nowhere. */
type TokenRow = { tokenHash: string; user: string };

export type DecisionRow = {
  position: number;
  pod: string;
  deployment: string | null;
  workload: string | null;
  type: string;
  because: string | null;
  placed: number;
  waiting: number;
  refused: number;
};

export type EventRow = {
  /** Sequence and index in one number; see `positionOf`. */
  position: number;
  subject: string;
  type: string;
  time: string;
  actor: string;
  messageId: string;
  commandId: string | null;
  correlationId: string;
  causationId: string;
  /** JSON. */
  payload: string;
};

/** What events are about, numbered: a number per event and object is a quarter of the text. */
type ObjectRow = { object: string; id: number };
type EventObjectRow = { objectId: number; position: number };

/** Most events of one message: its 256 KiB hold fewer of the smallest. */
const eventsPerMessageMax = 4_096;

/** One number that orders events as (sequence, index) does, so that it can be a table's key. Exact up to 2^41 messages. */
export function positionOf(seq: number, index: number): number {
  if (index >= eventsPerMessageMax)
    throw new RangeError(`event ${index} of message ${seq} is beyond the limit`);
  return seq * eventsPerMessageMax + index;
}

/** The sequence in a position. */
export const seqOf = (position: number): number => Math.floor(position / eventsPerMessageMax);
/** The index in a position. */
export const indexOf = (position: number): number => position % eventsPerMessageMax;
