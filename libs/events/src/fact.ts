import { z } from "zod";
import { AdoptionFailed, ContainerAdopted, ContainerReleased } from "./dissociation.ts";
import { CommandResult, HookName } from "./hooks.ts";
import { NodeName, WorkloadId } from "./names.ts";
import { NodeResources } from "./resources.ts";
import { Port } from "./spec.ts";

const of = { node: NodeName, workload: WorkloadId, generation: z.int().min(1) };

/** Where a published port can be reached from the ELB. */
export const Endpoint = z.strictObject({
  /** The port as the entrypoint published it. */
  port: Port,
  ip: z.union([z.ipv4(), z.ipv6()]),
  /** The port to dial, which differs from `port` when the node maps it. */
  hostPort: Port,
});
export type Endpoint = z.infer<typeof Endpoint>;

/** What an agent observed on its node. Transitions only: the same state is not reported twice. */
export const FactEvent = z.discriminatedUnion("type", [
  /** The agent came up and looked at its machine. */
  z.strictObject({
    type: z.literal("NodeObserved"),
    node: NodeName,
    /** What may be booked when the user named no amounts. */
    resources: NodeResources,
    engine: z.string(),
    agentVersion: z.string(),
  }),
  /** The engine stopped answering: nothing is known about containers until EngineBack. */
  z.strictObject({ type: z.literal("EngineUnreachable"), node: NodeName, error: z.string() }),
  z.strictObject({ type: z.literal("EngineBack"), node: NodeName }),
  z.strictObject({ type: z.literal("ContainerCreated"), ...of, containerId: z.string() }),
  z.strictObject({
    type: z.literal("ContainerStarted"),
    ...of,
    containerId: z.string(),
    /** Counts the starts of this workload on this node, the first is 1. */
    attempt: z.int().min(1),
    endpoints: z.array(Endpoint),
  }),
  z.strictObject({ type: z.literal("ContainerHealthy"), ...of, attempt: z.int().min(1) }),
  z.strictObject({
    type: z.literal("ContainerUnhealthy"),
    ...of,
    attempt: z.int().min(1),
    /** The failing answer: status and first bytes, or the error. */
    reason: z.string(),
  }),
  /** The process ended without being told to. `retryInMs` absent: the agent gave up. */
  z.strictObject({
    type: z.literal("ContainerExited"),
    ...of,
    attempt: z.int().min(1),
    exitCode: z.int(),
    outOfMemory: z.boolean(),
    retryInMs: z.int().min(0).optional(),
    /** Of a crash loop: so many starts and ends before this one were not reported on their own. */
    folded: z.int().min(1).optional(),
  }),
  /** Commands were run in the container at a moment of its life. */
  z.strictObject({
    type: z.literal("HookEnded"),
    ...of,
    attempt: z.int().min(1),
    containerId: z.string(),
    hook: HookName,
    /** All commands exited with 0. */
    ok: z.boolean(),
    /** A failure counts: it fails the start, or holds the stop for a while. */
    forced: z.boolean(),
    ran: z.array(CommandResult),
  }),
  /** The engine refused a step. `error` is its whole text. `retryInMs` absent: the agent gave up. */
  z.strictObject({
    type: z.literal("ContainerFailed"),
    ...of,
    step: z.enum(["pull", "create", "start", "update", "inspect", "stop", "remove"]),
    error: z.string(),
    attempt: z.int().min(1),
    retryInMs: z.int().min(0).optional(),
    folded: z.int().min(1).optional(),
  }),
  /** Stopped by order and kept: `start` runs it again. */
  z.strictObject({
    type: z.literal("ContainerStopped"),
    ...of,
    attempt: z.int().min(1),
    /** Absent when there is no container. */
    exitCode: z.int().optional(),
  }),
  /**
   * The container that was to take another one's place is given up: the old one counts as the workload's again, and is
   * started when it was stopped already.
   */
  z.strictObject({
    type: z.literal("ReplacementUndone"),
    ...of,
    /** The old container. */
    containerId: z.string(),
    /** What was wrong with the new one. */
    error: z.string(),
  }),
  /** Its container, or whatever is made in its place, has the resources of this revision. */
  z.strictObject({
    type: z.literal("ReallocDone"),
    node: NodeName,
    workload: WorkloadId,
    revision: z.int().min(1),
  }),
  /** It was not done, and the container is as it was. `error` has the amounts, or the engine's whole text. */
  z.strictObject({
    type: z.literal("ReallocFailed"),
    node: NodeName,
    workload: WorkloadId,
    revision: z.int().min(1),
    error: z.string(),
  }),
  ContainerReleased,
  ContainerAdopted,
  AdoptionFailed,
  /** Nothing of the workload is left on the node: its resources are free. */
  z.strictObject({
    type: z.literal("ContainerRemoved"),
    ...of,
    /** Absent when there was no container to ask. */
    exitCode: z.int().optional(),
    /** False: it disappeared without an order. */
    ordered: z.boolean(),
  }),
]);
export type FactEvent = z.infer<typeof FactEvent>;
