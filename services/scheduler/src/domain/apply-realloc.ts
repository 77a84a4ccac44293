import type { DecisionEvent, DeploymentEvent, FactEvent, RecordedEvent, Resources } from "@eru/events";
import { amountsOf, bookOn, union } from "./amounts.ts";
import { causeOf, noteBound } from "./changes.ts";
import { touch } from "./touch.ts";
import { type Deployment, podOf, templateAt, type Workload, type Zone } from "./zone.ts";

type Asked = Extract<DeploymentEvent, { type: "WorkloadReallocRequested" }>;
type Of<T extends DecisionEvent["type"]> = Extract<DecisionEvent, { type: T }>;
type Answer = Extract<FactEvent, { type: "ReallocDone" | "ReallocFailed" }>;

/** A user asks for other resources of one workload. Of what is named twice the newest wish counts. */
export function askRealloc(zone: Zone, recorded: RecordedEvent, event: Asked): void {
  const workload = zone.workloads.get(event.workload);
  if (!workload || workload.deployment.id !== event.deployment) return;
  const { whole, amounts } = workload.wished ?? { whole: undefined, amounts: {} };
  const named = { whole, amounts: { ...amounts, ...event.amounts } };
  workload.wished = { ...named, seq: recorded.seq, cause: causeOf(recorded) };
  touch(zone, workload.deployment);
}

/** The same for all workloads of a deployment, and for those to come, of whatever release. */
export function askReallocOfAll(
  zone: Zone,
  recorded: RecordedEvent,
  deployment: Deployment,
  resources: Resources,
): void {
  const cause = causeOf(recorded);
  deployment.realloc = { seq: recorded.seq, cause };
  for (const [version, { template }] of deployment.contents)
    deployment.contents.set(version, { template, resources, amounts: amountsOf(resources, template) });
  for (const workload of deployment.workloads.values())
    if (!workload.going) workload.wished = { whole: resources, amounts: {}, seq: recorded.seq, cause };
  podOf(zone, deployment.pod).changed = true;
  touch(zone, deployment);
}

/** A workload that was placed by somebody who had not seen yet that all of its deployment shall have other resources. */
export function wishAnew(workload: Workload, inputSeq: number): void {
  const { deployment, version } = workload;
  const { realloc } = deployment;
  const content = deployment.contents.get(version);
  if (realloc && content && inputSeq < realloc.seq)
    workload.wished = { whole: content.resources, amounts: {}, ...realloc };
}

/** It is on its way: until the agent answers, nobody else gets what it has or what it shall have. */
export function beginRealloc(zone: Zone, recorded: RecordedEvent, event: Of<"ReallocDecided">): void {
  const workload = zone.workloads.get(event.workload);
  if (!workload) return;
  const { resources, requestSeq } = event;
  const { amounts: has, granted: parts } = workload;
  const before = workload.realloc?.before ?? {
    resources: workload.resources,
    amounts: has,
    granted: parts,
  };
  const amounts = amountsOf(resources, templateAt(workload.deployment, workload.version));
  const back = event.because === "not_done";
  workload.revision = event.revision;
  workload.resources = resources;
  workload.granted = event.granted ?? parts;
  workload.realloc = {
    ...{ revision: event.revision, requestSeq, before, amounts, back },
    failure: undefined,
    cause: causeOf(recorded),
  };
  if (!back) book(zone, workload, union(before, { amounts, granted: workload.granted }));
  podOf(zone, workload.deployment.pod).changed = true;
  if (workload.wished && workload.wished.seq <= requestSeq) workload.wished = undefined;
}

/** It keeps what it has. */
export function refuseRealloc(zone: Zone, event: Of<"ReallocRefused">): void {
  const workload = zone.workloads.get(event.workload);
  if (workload?.wished && workload.wished.seq <= event.requestSeq) workload.wished = undefined;
}

/** The agent's answer frees what is not needed any more, or asks for the way back. */
export function endRealloc(zone: Zone, workload: Workload, event: Answer): void {
  const { realloc } = workload;
  if (realloc?.revision !== event.revision) return;
  if (event.type === "ReallocFailed" && !realloc.back) {
    realloc.failure = event.error;
  } else {
    book(zone, workload, { amounts: realloc.amounts, booked: workload.granted });
    workload.realloc = undefined;
    podOf(zone, workload.deployment.pod).changed = true;
  }
  touch(zone, workload.deployment);
}

function book(
  zone: Zone,
  workload: Workload,
  { amounts, booked }: Pick<Workload, "amounts" | "booked">,
): void {
  const { node, deployment } = workload;
  node.books.giveBack(workload.amounts, workload.booked);
  workload.amounts = amounts;
  workload.booked = booked;
  bookOn(node, workload);
  noteBound(podOf(zone, deployment.pod), node);
}
