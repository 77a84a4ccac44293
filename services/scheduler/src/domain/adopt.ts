import { countsPerNode } from "@eru/events";
import { type Amounts, amountsOf } from "./amounts.ts";
import type { Dissociated } from "./dissociated.ts";
import type { Draft } from "./draft.ts";
import { remove } from "./remove.ts";
import { sameTemplate } from "./same-template.ts";
import { type Deployment, type Node, templateAt } from "./zone.ts";

/** Takes dissociated workloads back that users ask for, where they still fit as they are. */
export function adopt(draft: Draft, deployment: Deployment): void {
  let { count } = deployment;
  for (const record of deployment.dissociated.values()) {
    const { asked } = record;
    if (!asked) continue;
    if (draft.affordable(1) < 1) {
      draft.unfinished.add(deployment);
      return;
    }
    const judged = judge(draft, deployment, record);
    if (judged === "later") continue;
    draft.spend(1);
    if ("refusal" in judged) {
      const of = { deployment: deployment.id, workload: record.id, node: record.node };
      draft.decide(
        { type: "AdoptionRefused", ...of, requestSeq: asked.seq, detail: judged.refusal },
        asked.cause,
      );
      continue;
    }
    const raises = !countsPerNode(deployment.strategy) && asked.seq > deployment.countSeq;
    if (raises) count += 1;
    begin(draft, deployment, { record, ...judged, count: raises ? count : undefined });
  }
}

type Judged = "later" | { refusal: string } | { node: Node; amounts: Amounts };

/** Whether it can be taken back now; why it never can be, as things are. */
function judge(draft: Draft, deployment: Deployment, record: Dissociated): Judged {
  const { template, resources, granted, node: name } = record;
  const node = draft.pod.nodes.get(name);
  if (deployment.removed) return { refusal: "its deployment is being removed" };
  if (record.gone)
    return { refusal: `its container is gone from ${name}: there is nothing to adopt; scale for a new one` };
  if (!node) return { refusal: `node ${name} was removed: add it again first` };
  if (draft.livenessOf(node) === "lost")
    return { refusal: `node ${name} is lost: ask again when it is back` };
  if (draft.closed(node))
    return { refusal: `node ${name} is being drained: nothing comes to it until that is cancelled` };
  if (deployment.rollout)
    return { refusal: "a rollout of its deployment is under way: ask again when that is over" };
  const wanted = templateAt(deployment, deployment.version);
  if (!sameTemplate(template, wanted)) return { refusal: otherwise(template.release, wanted.release) };
  if (countsPerNode(deployment.strategy) && onNode(draft, deployment, node) >= deployment.count)
    return {
      refusal: `its deployment wants ${deployment.count} on each node and has as many on ${name}: scale it up, and ask before another is placed`,
    };
  if (draft.livenessOf(node) !== "alive") return "later";
  const amounts = amountsOf(resources, template);
  const lacks = draft.booksOf(node).lacksFor(amounts, granted);
  if (lacks.length > 0)
    return {
      refusal: `it does not fit on ${name} any more, where it still runs without being booked: ${lacks.join("; ")}. Make room there and ask again`,
    };
  return { node, amounts };
}

const onNode = (draft: Draft, deployment: Deployment, node: Node): number =>
  draft.staying(deployment).filter((one) => one.node === node).length;

const otherwise = (has: string, wanted: string): string =>
  has === wanted
    ? `it runs release ${has} with other settings than its deployment has now: put those back, or let it run on its own`
    : `it runs release ${has}, its deployment ${wanted}: upgrade the deployment to ${has} first, or let it run on its own`;

type Adoption = {
  record: Dissociated;
  node: Node;
  amounts: Amounts;
  count: number | undefined;
};

function begin(draft: Draft, deployment: Deployment, { record, node, amounts, count }: Adoption): void {
  const { id, asked, template, resources, granted, revision } = record;
  if (!asked) return;
  const generation = record.generation + 1;
  const given = { resources, ...(Object.keys(granted).length > 0 && { granted }) };
  const of = { deployment: deployment.id, workload: id, node: node.name };
  draft.bookAs(node, amounts, granted);
  draft.spread(deployment.key, node.name, 1);
  const decision = draft.decide(
    {
      type: "AdoptionDecided",
      ...of,
      requestSeq: asked.seq,
      ...(count !== undefined && { count }),
      templateSeq: deployment.version,
      ...given,
      generation,
    },
    asked.cause,
  );
  draft.order(
    {
      type: "WorkloadAssigned",
      ...of,
      pod: deployment.pod,
      generation,
      template,
      ...given,
      ...(revision > 0 && { revision }),
      keep: "adopted",
    },
    decision,
  );
}

/**
 * What a node could not take back goes again, and the count with it: nothing shall come in its place. True when there was
 * something: then the log has to say so before anything else is decided about the deployment.
 */
export function undoAdoptions(draft: Draft, deployment: Deployment): boolean {
  if (deployment.removed) return false;
  let { count } = deployment;
  let some = false;
  for (const workload of deployment.workloads.values()) {
    const { adopting, going, node, id } = workload;
    if (adopting?.failure === undefined || going) continue;
    if (!remove(draft, workload, "not_adopted")) return true;
    some = true;
    const lowers = !countsPerNode(deployment.strategy) && adopting.requestSeq > deployment.countSeq;
    if (lowers) count = Math.max(0, count - 1);
    draft.decide(
      {
        type: "AdoptionRefused",
        ...{ deployment: deployment.id, workload: id, node: node.name },
        requestSeq: adopting.requestSeq,
        ...(lowers && { count }),
        detail: `node ${node.name} could not take it back: ${adopting.failure}`.slice(0, 1_000),
      },
      adopting.cause,
    );
  }
  if (some) draft.unfinished.add(deployment);
  return some;
}
