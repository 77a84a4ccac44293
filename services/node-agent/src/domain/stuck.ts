import { type CommandResult, commandFault } from "@eru/events";
import type { Entry } from "./entry.ts";
import type { HookAction } from "./hooks.ts";
import type { WorkloadFact } from "./known.ts";
import type { Action } from "./reconcile.ts";
import { backOffMs } from "./restart.ts";

/** A step that is tried until it is done. */
export type Clearing = Extract<Action, { do: "look" | "update" | "stop" | "remove" }>;
type Failed = Extract<WorkloadFact, { type: "ContainerFailed" }>;

/**
 * Notes that a container cannot be seen or taken away: that is tried for ever, because its resources are booked until it
 * is gone. The fact, once per text.
 */
export function beStuck(
  entry: Entry,
  { do: doing }: Clearing,
  error: string,
  nowMs: number,
): Omit<Failed, "node"> | undefined {
  const step = doing === "look" ? "inspect" : doing;
  const failures = (entry.stuck?.failures ?? 0) + 1;
  const retryInMs = backOffMs(failures - 1);
  const news = entry.stuck?.error !== error;
  entry.stuck = { at: step === "inspect" ? "look" : "clear", failures, untilMs: nowMs + retryInMs, error };
  const generation = entry.known?.generation ?? entry.order?.generation;
  if (generation === undefined || !news) return undefined;
  const attempt = Math.max(1, entry.known?.attempt ?? 1);
  return { type: "ContainerFailed", workload: entry.workload, generation, step, error, retryInMs, attempt };
}

/** A hook before the stop that had to succeed and did not holds the stop for a while. */
export function holdStop(
  entry: Entry,
  { hook, force }: HookAction,
  ran: readonly CommandResult[],
  nowMs: number,
): void {
  const { stopHook } = entry.known ?? {};
  const error = commandFault(ran);
  if (hook === "after_start" || error === undefined || !force || !stopHook) return;
  const untilMs = nowMs + backOffMs(stopHook.tries - 1);
  entry.stuck = { at: "clear", failures: stopHook.tries, untilMs, error };
}
