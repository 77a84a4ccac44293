import {
  assert,
  type Cause,
  type GivenResources,
  type Granted,
  type NodeFilter,
  type NodeResources,
  type ReallocAmounts,
  type Resources,
  type Strategy,
  type Template,
} from "@eru/events";
import { type Books, isOffered, offered } from "@eru/resources";
import type { Amounts } from "./amounts.ts";
import type { AskedMove } from "./asked-move.ts";
import type { Carrier, Carries, Claim } from "./carriers.ts";
import type { AskedChange, Change } from "./change.ts";
import type { Adopting, Asked, Dissociated } from "./dissociated.ts";
import type { KeptRoom } from "./kept-room.ts";
import type { Moment } from "./moment.ts";
import type { NodeDrain } from "./node-drain.ts";
import type { Rollout } from "./rollout-state.ts";
import type { DecidedSets } from "./sets-decided.ts";
import type { Turn } from "./turn.ts";

/** What the log says about a node's heartbeats. Only an alive node gets new workloads; only a lost one's are replaced. */
export type Liveness = "unknown" | "alive" | "suspect" | "lost";

/** What a node's agent said about its machine, known also before a user adds the node. */
export type Agent = {
  observed: NodeResources | undefined;
  engineError: string | undefined;
  /** The cores for workloads that are not bound, as its newest order says; none: every core. */
  shared: { generation: number; cores: readonly string[] };
};

export type Node = {
  readonly name: string;
  readonly pod: string;
  labels: Readonly<Record<string, string>>;
  /** The reason of the cordon. */
  cordoned: string | undefined;
  /** Everything there shall be moved elsewhere. */
  drain: NodeDrain | undefined;
  /** What the user said may be booked. */
  given: GivenResources | undefined;
  readonly agent: Agent;
  liveness: Liveness;
  /** Since when the log has said so. */
  livenessSince: Moment;
  /** What may be booked and what is. */
  books: Books;
  readonly workloads: Set<Workload>;
};

/** How far the agent has brought a workload. `exited` is tried again, `failed` is given up, `stopped` was asked for. */
export type Phase =
  | "assigned"
  | "created"
  | "started"
  | "healthy"
  | "unhealthy"
  | "exited"
  | "failed"
  | "stopped";

export type Workload = {
  readonly id: string;
  /** Its number in the deployment: the newest is the highest. */
  readonly n: number;
  readonly deployment: Deployment;
  readonly node: Node;
  /** The sequence of the request whose template it runs. */
  readonly version: number;
  /** The sequence of the decision that placed it. */
  readonly placedSeq: number;
  /** What it books on its node: while it is reallocated, the larger of both. */
  amounts: Amounts;
  /** What it shall have, and the reallocation that says so; 0 when there was none. */
  resources: Resources;
  revision: number;
  /** Other resources that a user asks for, not decided yet. */
  wished: WishedResources | undefined;
  /** A reallocation that its agent has not answered. */
  realloc: Realloc | undefined;
  /** Which parts of the node it shall have. */
  granted: Granted;
  /** Which are booked for it: while it is reallocated, those it had as well. */
  booked: Granted;
  /** Of its newest order: it grows with each. */
  generation: number;
  phase: Phase;
  /** Since when it has been expected to become healthy: its newest order, or the fact that it is healthy no more. */
  awaitedSince: Moment;
  /** Sequence of the fact that said healthy, while it is. */
  healthySeq: number;
  /** The last failing answer or error, for people. */
  failure: string;
  /** Where the removal stands; a workload never comes back from it. */
  going: Going | undefined;
  stopping: boolean;
  /** What a user asks of it, not begun yet. */
  asked: AskedChange | undefined;
  /** Where a rebalancing wants it. */
  move: AskedMove | undefined;
  /** What is being done to it because a user asked. */
  change: Change | undefined;
  /** The workload in whose place it comes. */
  readonly replaces: string | undefined;
  /** A user asked to stop and keep it. */
  stopped: boolean;
  /** A user wants it out of Eru, with its container: not decided yet. */
  parting: (Asked & { replace: boolean }) | undefined;
  /** Its node shall take its container back. */
  adopting: Adopting | undefined;
  /** The decision that its endpoint shall drain, and those before. */
  drain: string | undefined;
  pastDrains: ReadonlySet<string>;
  /** Load balancers that reported its endpoint drained, and what they still counted. */
  drainedBy: ReadonlyMap<string, number>;
  /** It counts for the spread of its app and entrypoint. */
  counted: boolean;
};

/** A workload on its way out. */
type Going = {
  drain: boolean;
  deadlineMs: number;
  cause: Cause;
  /** Its container runs on: its node lets go of it instead of stopping it. */
  keeps?: true;
  /** It shall come back as soon as it is out. */
  adopt?: Asked | undefined;
};

/** What runs, and what each workload of it books. */
export type Content = {
  readonly template: Template;
  readonly resources: Resources;
  readonly amounts: Amounts;
};

/** What users ask a workload to have: of all of it, then of what they named for it alone. */
type WishedResources = {
  whole: Resources | undefined;
  amounts: ReallocAmounts;
  seq: number;
  cause: Cause;
};

/** A reallocation under way. */
type Realloc = {
  revision: number;
  requestSeq: number;
  /** What it had, to go back to. */
  before: { resources: Resources; amounts: Amounts; granted: Granted };
  /** What it books when it has got it. */
  amounts: Amounts;
  /** It leads back: when that cannot be done either, the container is as it was before. */
  back: boolean;
  /** Why its node could not do it. */
  failure: string | undefined;
  cause: Cause;
};

export type Deployment = {
  readonly id: string;
  readonly pod: string;
  /** `<app>/<entrypoint>`: what AUTO spreads. */
  readonly key: string;
  /** The sequence it was requested at: its age. */
  readonly seq: number;
  /** The sequence of the newest request about it. */
  requestSeq: number;
  readonly strategy: Strategy;
  readonly nodesLimit: number;
  readonly filter: NodeFilter;
  readonly onShortage: "wait" | "refuse";
  /** How it stands to others that want the same room. */
  turn: Turn;
  /** What runs or shall run, by the sequence of its request. */
  readonly contents: Map<number, Content>;
  /** The template that is wished. */
  version: number;
  /** The template that ran last before an upgrade that is not completed: what a halted one goes on with. */
  stableVersion: number;
  rollout: Rollout | undefined;
  /** Upgrades ever requested. */
  rollouts: number;
  /** The newest request that all workloads shall have other resources: what was decided before it does not know it. */
  realloc: { seq: number; cause: Cause } | undefined;
  count: number;
  /** The sequence at which a user last said how many. */
  countSeq: number;
  /** Workloads of `count` that were refused. */
  refused: number;
  /** The highest number that was granted of `count`: what is lost of it waits for room, also when shortage refuses. */
  accepted: number;
  removed: boolean;
  /** Of a strategy that counts per node, what was last decided: on how many nodes. */
  sets: DecidedSets | undefined;
  readonly workloads: Map<string, Workload>;
  /** Workloads that left Eru with their containers. */
  readonly dissociated: Map<string, Dissociated>;
  /** Workloads ever placed: the number of the newest. */
  lastN: number;
  /** Workloads that failed for good since the last steady minute or request. */
  failures: number;
  /** Only a workload placed after the last failure, with a higher number, can show that replacing helps. */
  provingAboveN: number;
  halted: boolean;
  /** As the last decision said. */
  waiting: number;
  /** The reason recorded for waiting: the same one is not recorded again. */
  deferral: string | undefined;
  /** Why workloads are missing, when neither an upgrade nor a lost node says it. */
  why: "deployed" | "scaled" | "failed" | "node_lost" | "dissociated" | "displaced";
  /** Who displaced what is missing, when that is why. */
  displacedBy: string | undefined;
  /** The request or fact that made it act. */
  cause: Cause;
};

/** A workload whose node left the zone: its order is taken back in case the machine returns under its name. */
type Orphan = {
  node: string;
  workload: string;
  deployment: string;
  generation: number;
  cause: Cause;
  keeps?: true;
};

export type Pod = {
  readonly name: string;
  readonly nodes: Map<string, Node>;
  /** Oldest first. */
  readonly deployments: Map<string, Deployment>;
  /** The newest message of the pod's decision history. */
  decisionSeq: number;
  /** So many nodes fell silent at once that nothing is moved. */
  held: boolean;
  /** Deployments that wait for room. */
  readonly waiting: Set<Deployment>;
  /** Workloads whose endpoints are being drained. */
  readonly draining: Set<Workload>;
  /** Nodes with bound workloads, or without that being decided: their other workloads keep to what is left. */
  readonly bound: Set<Node>;
  readonly orphans: Map<string, Orphan>;
  /** Deployments whose state changed since a pass last looked at them. */
  readonly touched: Set<string>;
  /** A node, what is on it, or who waits changed: those that wait are worth a try. */
  changed: boolean;
  /** Workloads ever placed. */
  placed: number;
  /** By deployment, the places that it gets when others have gone who were displaced for it; the oldest first. */
  readonly kept: Map<string, readonly KeptRoom[]>;
};

/** Everything the scheduler decides from: a fold of the log, the same for the same log. */
export type Zone = {
  /** The newest sequence that was folded. */
  seq: number;
  /** When the newest message that was folded was stored, by the log's clock. */
  storedMs: number | undefined;
  readonly pods: Map<string, Pod>;
  readonly nodes: Map<string, Node>;
  readonly agents: Map<string, Agent>;
  readonly deployments: Map<string, Deployment>;
  readonly workloads: Map<string, Workload>;
  /** Workloads per node that count for the spread, by `<app>/<entrypoint>`. */
  readonly spread: Map<string, Map<string, number>>;
  /** Per host, what its rules route to. */
  readonly routes: Map<string, readonly Claim[]>;
  /** Per host, the same of a change that some load balancers got first. */
  readonly staged: Map<string, readonly Claim[]>;
  /** Per target and group of load balancers, the routes that lead or once led there. */
  readonly carriers: Map<string, Map<string, Carrier>>;
  /** Which groups' routes load balancers have in their tables, of those that say. */
  readonly elbGroups: Map<string, Carries>;
  /** Load balancers and the table each applied last. */
  readonly elbs: Map<string, number>;
  /** Deployments with an upgrade under way. */
  readonly rollouts: Set<Deployment>;
  /** Nodes that are being drained. */
  readonly drains: Set<Node>;
  /** Workloads that users asked to change, until that is over. */
  readonly changing: Set<Workload>;
  /** Workloads in whose stead another one was placed elsewhere. */
  readonly moving: Set<Workload>;
};

/** A zone before the first event. */
export const emptyZone = (): Zone => ({
  seq: 0,
  storedMs: undefined,
  pods: new Map(),
  nodes: new Map(),
  agents: new Map(),
  deployments: new Map(),
  workloads: new Map(),
  spread: new Map(),
  routes: new Map(),
  staged: new Map(),
  carriers: new Map(),
  elbGroups: new Map(),
  elbs: new Map(),
  rollouts: new Set(),
  drains: new Set(),
  changing: new Set(),
  moving: new Set(),
});

/** A pod nobody has said anything about. */
export const emptyPod = (name: string): Pod => ({
  name,
  nodes: new Map(),
  deployments: new Map(),
  decisionSeq: 0,
  held: false,
  waiting: new Set(),
  draining: new Set(),
  bound: new Set(),
  orphans: new Map(),
  touched: new Set(),
  changed: false,
  placed: 0,
  kept: new Map(),
});

/** The pod of the name; pods come into being with their first node, deployment or decision. */
export function podOf(zone: Zone, name: string): Pod {
  const known = zone.pods.get(name);
  if (known) return known;
  const pod = emptyPod(name);
  zone.pods.set(name, pod);
  return pod;
}

/** What the agent of a node said; empty before it said anything. */
export function agentOf(zone: Zone, node: string): Agent {
  let agent = zone.agents.get(node);
  if (!agent) {
    agent = { observed: undefined, engineError: undefined, shared: { generation: 0, cores: [] } };
    zone.agents.set(node, agent);
  }
  return agent;
}

/** What may be booked on a node: the user's word and, where the user said nothing, the agent's. */
export const capacityOf = (node: Node): NodeResources | undefined => offered(node.given, node.agent.observed);

/** Whether somebody has said what may be booked there. */
export const isCapacityKnown = ({ given, agent: { observed } }: Node): boolean => isOffered(given, observed);

/** How many workloads the deployment shall have; of a strategy that counts per node, on each node. */
export const targetOf = (deployment: Deployment): number =>
  deployment.removed ? 0 : Math.max(0, deployment.count - deployment.refused);

/** What a request asked to run; kept as long as a workload or the deployment needs it. */
export function contentAt(deployment: Deployment, version: number): Content {
  const content = deployment.contents.get(version);
  assert(content, `${deployment.id} has no template ${version}`);
  return content;
}

/** The template of a request. */
export const templateAt = (deployment: Deployment, version: number): Template =>
  contentAt(deployment, version).template;

const spreadChanges = new WeakMap<ReadonlyMap<string, number>, number>();

/** Grows whenever the spread of an app and entrypoint over nodes changes. */
export const changesOf = (nodes: ReadonlyMap<string, number>): number => spreadChanges.get(nodes) ?? 0;

/** Adds to the spread of an app and entrypoint on a node. */
export function addToSpread(zone: Zone, key: string, node: string, change: 1 | -1): void {
  let nodes = zone.spread.get(key);
  if (!nodes) {
    nodes = new Map();
    zone.spread.set(key, nodes);
  }
  spreadChanges.set(nodes, changesOf(nodes) + 1);
  const count = (nodes.get(node) ?? 0) + change;
  if (count > 0) nodes.set(node, count);
  else nodes.delete(node);
  if (nodes.size === 0) zone.spread.delete(key);
}
