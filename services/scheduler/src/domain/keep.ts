import { countsPerNode } from "@eru/events";
import type { Draft } from "./draft.ts";
import { keepSets } from "./keep-sets.ts";
import { keepCount } from "./steady.ts";
import type { Deployment, Workload } from "./zone.ts";

/** Keeps a deployment that is not being upgraded, or whose upgrade is held, as it is wished. */
export function keep(draft: Draft, deployment: Deployment, staying: readonly Workload[]): void {
  if (countsPerNode(deployment.strategy)) keepSets(draft, deployment, staying);
  else keepCount(draft, deployment, staying);
}
