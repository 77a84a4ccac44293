import type { Entry } from "./entry.ts";
import type { Action } from "./reconcile.ts";

/** The last container that was taken away because something else had its ports or address, and how many were in a row. */
export type Discarded = { containerId: string; tries: number };

/** What the engine says when something else has a port of the machine or an address of the network. */
export const isTakenElsewhere = (error: string): boolean =>
  /port is already allocated|address already in use/i.test(error);

/**
 * A new container was taken away because its ports or its address were taken: another one is made with others. `fails` when
 * that was so too often in a row.
 */
export function discard(entry: Entry, action: Action, error: string, fails: (fault: string) => void): void {
  if (action.do !== "start") return;
  const { containerId } = action;
  entry.containers = entry.containers.filter(({ id }) => id !== containerId);
  const tries = (entry.discarded?.tries ?? 0) + 1;
  entry.discarded = { containerId, tries: tries % triesMax };
  if (tries === triesMax)
    fails(
      `${error}; others have ${tries} in a row: see what listens on the machine or is on the containers' network, or give the node's agent others with ERU_AGENT_PORTS or ERU_AGENT_NETWORK`,
    );
}

/** So many times in a row others are tried in place of those that something else has. */
const triesMax = 16;
