import { type NewMessage, subjects } from "@eru/events";
import type { Append, Broker } from "../log.ts";

/** How long anything in a test may take. */
export const limitMs = 30_000;

/** A broker under test, with the accidents that may happen to it. */
export type Setting = {
  /** Gives up an unanswered append within a second, so that tests of lost answers need not wait. */
  broker: Broker;
  /** Another connection to the same broker, patient as in production. */
  other: Broker;
  /** One more, that reads as an agent must, whose permissions name its subjects. */
  restricted: Broker;
  /** The broker does what `broker` asks, but its answers do not arrive, until `findAnswers`. */
  loseAnswers(): Promise<void>;
  findAnswers(): Promise<void>;
  /** The log has no room for another message, until `makeRoom`. */
  fill(): Promise<void>;
  makeRoom(): Promise<void>;
  /** The broker dies without warning and comes back with what it had acknowledged. */
  outage(): Promise<void>;
  /** The broker believes that the holder of a lease is dead. */
  expireLease(name: string): Promise<void>;
  close(): Promise<void>;
};

let named = 0;

/** A name that no other test uses. */
export const fresh = (prefix: string): string => `${prefix}-${++named}`;

const cause = { correlationId: "c-1", causationId: "c-1" };

/** A small valid message for the history of a pod. */
export const podMessage = (id: string, description = ""): NewMessage => ({
  meta: { id, time: "2026-01-01T00:00:00.000Z", actor: "user:test" },
  events: [{ event: { type: "PodAdded", pod: "p", description }, cause }],
});

/** An append to the history of a pod. */
export const toPod = (pod: string, id: string, expectedLastSeq?: number): Append => ({
  subject: subjects.pod(pod),
  message: podMessage(id),
  ...(expectedLastSeq === undefined ? {} : { expectedLastSeq }),
});

/** An append to the assignments of a node. */
export const toNode = (node: string, id: string): Append => ({
  subject: subjects.assignment(node),
  message: {
    meta: { id, time: "2026-01-01T00:00:00.000Z", actor: "scheduler" },
    events: [
      {
        event: { type: "WorkloadStopAssigned", node, workload: "w-1", generation: 1, graceSeconds: 1 },
        cause,
      },
    ],
  },
});

/** Waits for a condition that other promises bring about. */
export async function waitFor(condition: () => boolean): Promise<void> {
  const deadline = performance.now() + limitMs;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms in vain for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
