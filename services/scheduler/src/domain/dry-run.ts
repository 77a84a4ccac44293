import type { PlanReply, PlanRequest } from "@eru/events";
import { amountsOf } from "./amounts.ts";
import { Draft, noSignals } from "./draft.ts";
import { place } from "./place.ts";
import { wishOf } from "./place-missing.ts";
import { emptyPod, type Zone } from "./zone.ts";

/** What would be decided for a deployment now, by the very function that decides, with nothing recorded. */
export function dryRun(zone: Zone, request: PlanRequest): PlanReply {
  const { template, count, resources, strategy, nodesLimit, filter } = request;
  const pod = zone.pods.get(request.pod) ?? emptyPod(request.pod);
  const draft = new Draft(zone, pod, noSignals, { drainDeadlineMs: 0, actionsMax: 0 });
  const key = `${template.app}/${template.entrypointName}`;
  const wish = wishOf({ key, amounts: amountsOf(resources), strategy, nodesLimit, filter }, []);
  const { placed, short, reasons } = place(draft, wish, { wanted: count, now: count, resources });
  return {
    atSeq: zone.seq,
    placed: placed.map(({ node, count: many }) => ({ node: node.name, count: many })),
    waiting: short,
    reasons,
  };
}
