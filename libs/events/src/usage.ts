import { z } from "zod";
import { NodeName, PodName, WorkloadId } from "./names.ts";

/** The most nodes that one correction names: it travels in one message. */
export const usageNodesMax = 50;
/** The most resources that it names of each. */
export const usageLinesMax = 20;
/** The most differences that it names in all. */
export const usageDifferencesMax = 400;
const detailMax = 240;
/** A text that is cut to what a difference may say. */
export const usageDetail = (text: string): string =>
  text.length > detailMax ? `${text.slice(0, detailMax - 1)}…` : text;

/**
 * How what a node has differs from what its orders or the log say. `missing`: no container. `limits`: other bounds at the
 * engine. `unordered`: a container that no order wants. `foreign`: one that bears the node's label and is not Eru's.
 * `unseen`: the engine says nothing of it. `not_known`: booked, and its agent has no order for it. `not_booked`: its agent
 * has an order for it, and nothing is booked.
 */
export const UsageFault = z.enum([
  "missing",
  "limits",
  "unordered",
  "foreign",
  "unseen",
  "not_known",
  "not_booked",
]);
export type UsageFault = z.infer<typeof UsageFault>;

/** One thing on a node that is not as it is booked. */
export const UsageDifference = z.strictObject({
  what: UsageFault,
  /** Of what workload; absent for a container of none. */
  workload: WorkloadId.optional(),
  /** The container's name at the engine. */
  container: z.string().max(256).optional(),
  /** With the amounts: ordered and found. */
  detail: z.string().max(detailMax),
  /** What comes of a correction: `ordered`: its bounds are ordered anew; `agent`: its agent sees to it; `left`: nothing. */
  remedy: z.enum(["ordered", "agent", "left"]),
});
export type UsageDifference = z.infer<typeof UsageDifference>;

/** One resource of a node in three accounts. Absent: its agent did not say. */
export const UsageLine = z.strictObject({
  kind: z.string(),
  name: z.string(),
  unit: z.string(),
  size: z.number(),
  /** What the scheduler that decides has booked. */
  scheduler: z.number(),
  /** What the whole log says, read anew. */
  log: z.number(),
  /** What the node has: bookings of the containers that are there, with the bounds that the engine knows. */
  node: z.number().optional(),
});
export type UsageLine = z.infer<typeof UsageLine>;

/** Asks the scheduler that decides for the accounts of a pod or of one node of it. */
export const UsageRequest = z.strictObject({
  usage: PodName,
  node: NodeName.optional(),
  /** Agents look anew, and a scheduler whose own account is wrong takes that of the log. */
  fix: z.boolean(),
});
export type UsageRequest = z.infer<typeof UsageRequest>;

const InUse = z.object({ inUse: z.int().min(0), resting: z.int().min(0) });

const UsageNode = z.strictObject({
  node: NodeName,
  lines: z.array(UsageLine),
  differences: z.array(UsageDifference),
  /** Workloads that are being made, changed or taken away: they are no difference. */
  onTheWay: z.int().min(0),
  /** Containers there that are none of Eru's business. */
  others: z.int().min(0).optional(),
  /**
   * What its agent gives to containers: ports of the machine or addresses of their network. Those that rest served a
   * workload that is gone, and serve no other for a while.
   */
  reach: z.object({ ports: InUse.optional(), addresses: InUse.optional() }).optional(),
  /** Why its agent's account is missing. */
  unanswered: z.string().optional(),
});
/** A node in three accounts. */
export type UsageNode = z.infer<typeof UsageNode>;

/** The accounts, those that differ first. */
export const UsageReply = z.strictObject({
  atSeq: z.int(),
  pod: PodName,
  nodesTotal: z.int().min(0),
  /** Nodes of which something differs, and nodes whose agents did not answer. */
  differing: z.int().min(0),
  unanswered: z.int().min(0),
  nodes: z.array(UsageNode),
  /** The scheduler's own account was another than the log's; `true`: and is the log's now. */
  schedulerReplaced: z.boolean().optional(),
});
export type UsageReply = z.infer<typeof UsageReply>;

/** A node of which something is put right. */
export const CorrectedNode = z.strictObject({
  node: NodeName,
  /** The resources whose accounts differ. */
  lines: z.array(UsageLine).max(usageLinesMax),
  differences: z.array(UsageDifference).max(usageDifferencesMax),
});
export type CorrectedNode = z.infer<typeof CorrectedNode>;

/** Asks an agent what its engine has, on the subject of its own. What a newer sender adds is not read. */
export const InventoryRequest = z.object({
  /** Whether the agent acts on what it sees at once, instead of at its next look. */
  look: z.boolean(),
});
export type InventoryRequest = z.infer<typeof InventoryRequest>;

const InventoryFault = z.object({
  what: UsageFault,
  workload: WorkloadId.optional(),
  container: z.string().optional(),
  detail: z.string(),
  /** Bounds that are found beyond those that are ordered; below zero: too little. Of what nobody ordered: all of them. */
  cpuMilli: z.int().optional(),
  memoryMib: z.int().optional(),
  /** No order can undo it. */
  lasting: z.boolean().optional(),
});
export type InventoryFault = z.infer<typeof InventoryFault>;

/** Faults that an agent tells; more are counted. */
export const inventoryFaultsMax = 500;

/** What an agent found: workloads by how they are. */
export const InventoryReply = z.union([
  z.object({
    node: NodeName,
    /** The newest order that it knows. */
    atSeq: z.int(),
    asOrdered: z.array(WorkloadId),
    /** At work on them. */
    busy: z.array(WorkloadId),
    faults: z.array(InventoryFault).max(inventoryFaultsMax),
    faultsTotal: z.int(),
    others: z.int(),
    reach: UsageNode.shape.reach,
  }),
  z.object({ error: z.string() }),
]);
export type InventoryReply = z.infer<typeof InventoryReply>;
