import type { DecisionEvent, DeploymentEvent, FactEvent, RecordedEvent } from "@eru/events";
import { addWorkload, numberOf } from "./add-workload.ts";
import { amountsOf, grantedOf } from "./amounts.ts";
import { dropChange } from "./apply-change.ts";
import { wishAnew } from "./apply-realloc.ts";
import { causeOf, forgetWorkload, stopping, uncount } from "./changes.ts";
import { type Dissociated, deploymentOf } from "./dissociated.ts";
import { accept } from "./sets-decided.ts";
import { touch } from "./touch.ts";
import { contentAt, type Deployment, podOf, templateAt, type Workload, type Zone } from "./zone.ts";

type Of<T extends DecisionEvent["type"]> = Extract<DecisionEvent, { type: T }>;
type Asked = Extract<DeploymentEvent, { type: "DissociationRequested" | "AdoptionRequested" }>;
type Fact = Extract<FactEvent, { type: "ContainerReleased" | "ContainerAdopted" | "AdoptionFailed" }>;

/** A user wants a workload out of Eru, or back. What is so or on its way already is not asked for again. */
export function askOfWorkload(zone: Zone, recorded: RecordedEvent, event: Asked): void {
  const deployment = zone.deployments.get(event.deployment);
  const asked = { seq: recorded.seq, cause: causeOf(recorded) };
  const workload = deployment?.workloads.get(event.workload);
  if (!deployment) return;
  if (event.type === "DissociationRequested") {
    if (!workload || workload.going?.keeps) return;
    workload.parting = { ...asked, replace: event.replace ?? false };
  } else if (workload?.going?.keeps) workload.going.adopt = asked;
  else {
    const record = deployment.dissociated.get(event.workload);
    if (!record) return;
    record.asked = asked;
  }
  touch(zone, deployment);
}

type Decided = Of<
  "ReleaseOrdered" | "DissociationDecided" | "DissociationRefused" | "AdoptionDecided" | "AdoptionRefused"
>;

/** Whether it is a decision about a workload that leaves Eru with its container, or comes back. */
export const isAboutDissociation = (event: DecisionEvent): event is Decided =>
  event.type === "ReleaseOrdered" ||
  event.type === "DissociationDecided" ||
  event.type === "DissociationRefused" ||
  event.type === "AdoptionDecided" ||
  event.type === "AdoptionRefused";

/** Folds such a decision. */
export function applyDissociation(
  zone: Zone,
  recorded: RecordedEvent,
  deployment: Deployment,
  event: Decided,
): void {
  const workload = zone.workloads.get(event.workload);
  switch (event.type) {
    case "ReleaseOrdered":
      if (workload) stopping(podOf(zone, deployment.pod), workload, causeOf(recorded));
      break;
    case "DissociationDecided":
      beginDissociation(zone, recorded, deployment, event);
      break;
    case "DissociationRefused":
      refuseDissociation(zone, event);
      break;
    case "AdoptionDecided":
      beginAdoption(zone, recorded, deployment, event);
      break;
    case "AdoptionRefused":
      refuseAdoption(deployment, event);
      break;
  }
}

/** What users said about the count after the request stays as they said it. */
function setCount(
  deployment: Deployment,
  { count, requestSeq }: { count?: number | undefined; requestSeq: number },
): void {
  if (count === undefined || deployment.countSeq > requestSeq) return;
  deployment.count = count;
  deployment.accepted = Math.min(deployment.accepted, count);
}

/** It leaves as one that is removed does, but for what becomes of its container. */
function beginDissociation(
  zone: Zone,
  recorded: RecordedEvent,
  deployment: Deployment,
  event: Of<"DissociationDecided">,
): void {
  setCount(deployment, event);
  const workload = zone.workloads.get(event.workload);
  if (!workload) return;
  const pod = podOf(zone, deployment.pod);
  dropChange(zone, workload, recorded.id);
  pod.draining.delete(workload);
  const { drain, drainDeadlineMs: deadlineMs } = event;
  workload.going = { drain, deadlineMs, cause: causeOf(recorded), keeps: true };
  workload.parting = undefined;
  if (drain) pod.draining.add(workload);
  if (event.count === undefined) deployment.why = "dissociated";
  uncount(zone, workload);
}

/** It stays what it is. */
function refuseDissociation(zone: Zone, event: Of<"DissociationRefused">): void {
  const workload = zone.workloads.get(event.workload);
  if (workload?.parting && workload.parting.seq <= event.requestSeq) workload.parting = undefined;
}

/** It is a workload of its deployment again, with what it had. */
function beginAdoption(
  zone: Zone,
  recorded: RecordedEvent,
  deployment: Deployment,
  event: Of<"AdoptionDecided">,
): void {
  const pod = podOf(zone, deployment.pod);
  const { workload: id, generation, resources, requestSeq } = event;
  const record = deployment.dissociated.get(id);
  deployment.dissociated.delete(id);
  setCount(deployment, event);
  deployment.lastN = Math.max(deployment.lastN, numberOf(deployment, id));
  const node = pod.nodes.get(event.node);
  const cause = causeOf(recorded);
  // The node was removed meanwhile: the order is taken back.
  if (!node) {
    pod.orphans.set(id, {
      ...{ node: event.node, workload: id, deployment: deployment.id, generation, cause },
      keeps: true,
    });
    return;
  }
  const { template } =
    deployment.contents.get(event.templateSeq) ?? contentAt(deployment, deployment.version);
  const amounts = amountsOf(resources, template);
  const workload = addWorkload(zone, {
    ...{ id, deployment, node, version: event.templateSeq, amounts, resources, generation },
    placedSeq: recorded.seq,
    granted: grantedOf(event.granted, amounts),
    revision: record?.revision ?? 0,
  });
  workload.adopting = { requestSeq, cause, failure: undefined };
  if (record) wishAnew(workload, record.seq);
  accept(deployment);
}

/** It stays dissociated, or is removed with what was decided for it. */
function refuseAdoption(deployment: Deployment, event: Of<"AdoptionRefused">): void {
  setCount(deployment, event);
  const record = deployment.dissociated.get(event.workload);
  if (record?.asked && record.asked.seq <= event.requestSeq) record.asked = undefined;
}

/** What agents say about containers that were let go of or shall be taken back. */
export function applyDissociationFact(
  zone: Zone,
  recorded: RecordedEvent,
  workload: Workload,
  event: Fact,
): void {
  if (event.generation < workload.generation) return;
  if (event.type === "ContainerReleased") {
    if (!workload.stopping || !workload.going?.keeps) return;
    const gone = event.containerId === undefined;
    remember(workload, { generation: event.generation, seq: recorded.seq, gone });
    forgetWorkload(zone, workload);
  } else if (workload.adopting) {
    if (event.type === "ContainerAdopted") workload.adopting = undefined;
    else workload.adopting.failure = event.error;
    workload.phase = event.type === "ContainerAdopted" ? "created" : "failed";
    touch(zone, workload.deployment);
  }
}

/** Notes what is needed to take a workload back. */
export function remember(workload: Workload, left: Pick<Dissociated, "generation" | "seq" | "gone">): void {
  const { id, node, deployment, version, resources, revision, granted, going } = workload;
  deployment.dissociated.set(id, {
    ...{ id, node: node.name, resources, revision, granted },
    template: templateAt(deployment, version),
    ...left,
    asked: going?.adopt,
  });
}

/** A dissociated container ended and was removed, by whomever. */
export function loseDissociated(zone: Zone, event: Extract<FactEvent, { type: "ContainerRemoved" }>): void {
  const deployment = zone.deployments.get(deploymentOf(event.workload));
  const record = deployment?.dissociated.get(event.workload);
  if (!deployment || record?.node !== event.node || event.generation < record.generation) return;
  record.gone = true;
  touch(zone, deployment);
}
