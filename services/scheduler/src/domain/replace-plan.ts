import type { ReplacePlanReply, ReplacePlanRequest } from "@eru/events";
import { mayServe } from "./carriers.ts";
import type { Draft, Signals } from "./draft.ts";
import { draftOf } from "./dry-run.ts";
import { inPlaceReason } from "./replace.ts";
import { mayBegin, refusalOf, riskOf } from "./verbs.ts";
import { podOf, templateAt, type Workload, type Zone } from "./zone.ts";

/** How a workload would be replaced, with nothing recorded; undefined when the workload is not known. */
export function replacePlan(
  zone: Zone,
  { replace: id, inherit = {} }: ReplacePlanRequest,
  elbs: Signals["elbs"],
): ReplacePlanReply | undefined {
  const workload = zone.workloads.get(id);
  if (!workload) return undefined;
  const { deployment, node, version, resources } = workload;
  const draft = draftOf(zone, podOf(zone, deployment.pod), elbs);
  const { copy = [], network = false } = inherit;
  const about = {
    ...{ atSeq: zone.seq, workload: id, node: node.name },
    release: templateAt(deployment, version).release,
  };
  const refused = refusalOf(draft, workload, "replace");
  if (refused !== undefined)
    return { ...about, how: "refused", refused, risk: "", inherits: { copy, volumes: [], network } };
  const inPlace = inPlaceReason(draft, workload, inherit);
  const waits = waitsFor(draft, workload);
  const own = (resources.volumes ?? []).filter(({ from }) => from === undefined).map(({ to }) => to);
  const drain = workload.phase !== "stopped" && mayServe(zone, workload);
  return {
    ...about,
    how: inPlace === undefined ? "beside" : "in_place",
    ...(waits !== undefined && { waits }),
    ...(inPlace !== undefined && { inPlace }),
    risk: inPlace !== undefined && drain ? riskOf(draft, workload, "replace", inPlace) : "",
    inherits: { copy, volumes: own, network },
  };
}

/** What is in the way now and passes; undefined when it would begin at once. */
function waitsFor(draft: Draft, workload: Workload): string | undefined {
  const { change, node } = workload;
  if (change?.verb === "replace") return "it is being replaced already: it would not be asked for again";
  if (change) return `its ${change.verb} is under way`;
  if (draft.livenessOf(node) !== "alive") return `node ${node.name} is not alive`;
  return mayBegin(draft, workload, "replace")
    ? undefined
    : "one workload of a deployment goes after another: each that is healthy has to serve first";
}
