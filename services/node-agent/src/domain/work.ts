import type { Cause, CommandResult, FactEvent, NodeResources } from "@eru/events";
import { canonical } from "./canonical.ts";
import type { Container } from "./container.ts";
import type { Probe } from "./probing.ts";
import type { Action } from "./reconcile.ts";

/** What became of an action. */
export type Outcome =
  /** The containers as they are now: all of the workload's after a look, else the one the action was about, if any. */
  | { is: "done"; containers: readonly Container[] }
  /** Commands of a hook were run, as far as it goes; the container as it is now, when it is there. */
  | { is: "ran"; ran: readonly CommandResult[]; containers: readonly Container[] }
  | { is: "image_missing"; error: string }
  /** Something else has the ports or the address of a new container; it was removed. */
  | { is: "taken_elsewhere"; error: string }
  /** `final`: it would be refused again. */
  | { is: "refused"; error: string; final?: true }
  /** The engine did not answer: it may or may not have been done. */
  | { is: "unknown" };

/** What the caller has to do now, and when to ask again at the latest. */
export type Work = {
  actions: readonly Action[];
  probes: readonly Probe[];
  /** To be appended in this order. Without a cause a fact is nobody's doing. */
  facts: readonly Report[];
  /** For people who look after the node, each once. */
  words: readonly string[];
  wakeAtMs: number | undefined;
};

/** What the machine offers. */
export type Machine = { resources: NodeResources; engine: string; agentVersion: string };

/** A fact, and the order that it follows from. */
export type Report = { fact: FactEvent; cause: Cause | undefined };

/** True when nothing about the machine is news. */
export const sameMachine = (last: Machine | undefined, now: Machine): boolean =>
  last !== undefined &&
  last.engine === now.engine &&
  last.agentVersion === now.agentVersion &&
  canonical(last.resources) === canonical(now.resources);
