import {
  countsPerNode,
  type NodeScore,
  type PlanRefusal,
  type WhyNotReply,
  type WhyNotRequest,
} from "@eru/events";
import { kindNames } from "@eru/resources";
import { Draft, noSignals } from "./draft.ts";
import { allRejectionsOf, detailOf, type FilterName, type Wish } from "./filters.ts";
import { holdsOf } from "./hold.ts";
import { helpMax, rankMax } from "./limits.ts";
import { setsNow } from "./per-node-needs.ts";
import { scoreOf, sharesOf, verdicts } from "./place.ts";
import { wishOf } from "./place-missing.ts";
import { againstOneKind } from "./would-help.ts";
import { contentAt, type Deployment, type Node, podOf, targetOf, type Zone } from "./zone.ts";

type Candidates = ReturnType<typeof verdicts>["open"];

/** What keeps one more workload of a deployment off a node, or how the node stands among those that could take it. */
export function whyNot(zone: Zone, asked: WhyNotRequest["whyNot"]): WhyNotReply | PlanRefusal {
  const deployment = zone.deployments.get(asked.deployment);
  if (!deployment || deployment.removed) return noDeployment(zone, asked.deployment, deployment);
  const node = zone.nodes.get(asked.node);
  if (!node) return { error: `at sequence ${zone.seq} there is no node ${asked.node}`, code: "node_unknown" };
  const pod = podOf(zone, deployment.pod);
  const draft = new Draft(zone, pod, noSignals, { drainDeadlineMs: 0, actionsMax: 0 });
  draft.holds = holdsOf(draft);
  const staying = draft.staying(deployment);
  const { amounts } = contentAt(deployment, deployment.version);
  // An upgrade looks past what it is about to retire.
  const upgrades = deployment.rollout !== undefined && deployment.rollout.step !== "halted";
  const retiring = upgrades ? staying.filter(({ version }) => version !== deployment.version) : [];
  const sets = countsPerNode(deployment.strategy) ? setsNow(draft, deployment) : undefined;
  const wish = wishOf(deployment, amounts, retiring, sets?.wished);
  const { open } = verdicts(draft, wish);
  const wanted = sets ? sets.total : targetOf(deployment);
  const first = firstOf(open, wish, draft);
  const because = node.pod === pod.name ? rejectionsOn(node, wish, draft) : otherPod(node, deployment);
  const standing = standingOf(node, open, wish, draft);
  return {
    atSeq: zone.seq,
    deployment: deployment.id,
    pod: pod.name,
    node: node.name,
    there: staying.filter((one) => one.node === node).length,
    wanted,
    missing: sets ? sets.missing : Math.max(0, wanted - staying.length + retiring.length),
    ...because,
    nodesTotal: pod.nodes.size,
    candidatesTotal: open.length,
    ...(first && { first }),
    ...(standing && { standing }),
  };
}

const noDeployment = (zone: Zone, id: string, removed: Deployment | undefined): PlanRefusal => ({
  error: removed
    ? `deployment ${id} is removed at sequence ${zone.seq}: nothing more of it is placed`
    : `at sequence ${zone.seq} there is no deployment ${id}`,
  code: "deployment_unknown",
});

type Because = Pick<WhyNotReply, "rejections" | "wouldHelp">;

const otherPod = ({ name, pod }: Node, deployment: Deployment): Because => ({
  rejections: [
    {
      filter: "other_pod",
      detail: `it is in pod ${pod}, the deployment is for nodes of pod ${deployment.pod}`,
    },
  ],
  wouldHelp: [
    `deploy to pod ${pod}, or remove ${name} from it and add it to pod ${deployment.pod}: a node changes its pod only so`,
  ],
});

/** Every no, and for each what would undo it there. */
function rejectionsOn(node: Node, wish: Wish, draft: Draft): Because {
  const all = allRejectionsOf(node, wish, draft);
  const isKind = (name: FilterName): boolean => kindNames.some((kind) => kind === name);
  // Without a word about what may be booked there, it is nothing for every kind: said once.
  const filters = all.includes("no_capacity_known") ? all.filter((name) => !isKind(name)) : all;
  const kinds = filters.filter(isKind);
  const groups = [...filters.filter((name) => !isKind(name)).map((name) => [name]), kinds];
  return {
    rejections: filters.map((filter) => ({ filter, detail: detailOf(filter, node, wish, draft) })),
    wouldHelp: groups
      .filter((group) => group.length > 0)
      .flatMap((group) =>
        group.includes("nodes_limit")
          ? [`raise nodesLimit above ${wish.nodesLimit} in a new deployment: it allows no more on one node`]
          : againstOneKind(draft, wish, [{ node, filters: group }]),
      )
      .slice(0, filters.length + helpMax),
  };
}

/** The candidate that one more would go to. */
function nextOf(open: Candidates, wish: Wish, draft: Draft): Candidates[number] | undefined {
  return sharesOf(open, wish, 1, draft).find(({ placed }) => placed > 0)?.candidate;
}

function firstOf(open: Candidates, wish: Wish, draft: Draft): NodeScore | undefined {
  const candidate = nextOf(open, wish, draft);
  return candidate && scoreOf(wish, { candidate, placed: 1 });
}

/** Found by the very function that places: who would be next without those before it. */
function standingOf(node: Node, open: Candidates, wish: Wish, draft: Draft): WhyNotReply["standing"] {
  const own = open.find(({ at }) => at === node);
  if (!own) return undefined;
  const score = scoreOf(wish, { candidate: own, placed: 0 });
  let left = open;
  for (let rank = 1; rank <= rankMax; rank++) {
    const next = nextOf(left, wish, draft);
    if (!next) break;
    if (next === own) return { score: { ...score, placed: rank === 1 ? 1 : 0 }, rank };
    left = left.filter((one) => one !== next);
  }
  return { score };
}
