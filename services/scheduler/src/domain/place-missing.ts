import { countsPerNode, type DecisionEvent, type Reasons, type Template } from "@eru/events";
import type { Amounts } from "./amounts.ts";
import type { Decided, Draft } from "./draft.ts";
import type { Wish } from "./filters.ts";
import { actionBytes, nodesPerAction, placedBytes, placedBytesMax, templateBytesMax } from "./limits.ts";
import { type Placement, place, roomIn, verdicts } from "./place.ts";
import { deferralKey, isShort } from "./reason-key.ts";
import { barrier } from "./serves.ts";
import { type Ranked, rankOf } from "./turn.ts";
import { contentAt, type Deployment, templateAt, type Workload } from "./zone.ts";

/** What a deployment lacks. */
export type Missing = {
  wanted: number;
  /** How many of them are new: refused when not all of `wanted` fit and the deployment does not wait. */
  refusable: number;
  /** The template they run. */
  version: number;
  because: Extract<DecisionEvent, { type: "PlacementDecided" }>["because"];
  cause: Decided["cause"];
  /** Workloads that an upgrade is about to retire. */
  retiring: readonly Workload[];
  /** Of a deployment that counts per node: where they are missing. */
  sets?: Wish["sets"];
  /** A workload that was asked to move: the one in its stead goes there and nowhere else. */
  move?: { instead: string; to: string };
  /** How many of them are refused when they do not fit, because they have waited as long as they may. */
  overdue?: number;
  /** Others may be displaced for them. */
  displaces?: boolean;
};

/** Why a template that fits into no message is not placed. */
export const tooLarge = "the template is too large for one order: shorten its environment or its commands";

const bytesOf = (template: Template): number => new TextEncoder().encode(JSON.stringify(template)).length;

/** True when an order with the template would be larger than a message may be. */
export const isTooLarge = (template: Template): boolean => bytesOf(template) > templateBytesMax;

/** What a deployment wants of a node. */
export function wishOf(
  deployment: Pick<Deployment, "key" | "strategy" | "nodesLimit" | "filter"> & Ranked,
  amounts: Amounts,
  retiring: readonly Workload[],
  sets?: Wish["sets"],
): Wish {
  const perNode = new Map<string, number>();
  for (const { counted, node } of retiring)
    if (counted) perNode.set(node.name, (perNode.get(node.name) ?? 0) + 1);
  return {
    deployment: deployment.id,
    rank: rankOf(deployment),
    key: deployment.key,
    amounts,
    strategy: deployment.strategy,
    // Of a strategy that counts per node it is the number of nodes.
    nodesLimit: countsPerNode(deployment.strategy) ? 0 : deployment.nodesLimit,
    sets,
    includes: new Set(deployment.filter.includes),
    excludes: new Set(deployment.filter.excludes),
    labels: deployment.filter.labels,
    constraints: deployment.filter.constraints ?? [],
    tolerates: deployment.filter.tolerates ?? [],
    affinity: deployment.filter.affinity ?? [],
    prefer: deployment.filter.prefer ?? [],
    spread: deployment.filter.spread,
    retiring: perNode,
  };
}

/**
 * Places what fits of what a deployment lacks and records what does not: waiting once per reason, refused when the request
 * says so. Returns how many were placed.
 */
export function placeMissing(draft: Draft, deployment: Deployment, missing: Missing): number {
  const { template, resources, amounts } = contentAt(deployment, missing.version);
  const bytes = bytesOf(template);
  const cost = 1 + Math.floor(bytes / actionBytes);
  const affordable = draft.affordable(cost);
  if (affordable === 0) {
    draft.unfinished.add(deployment);
    return 0;
  }
  if (bytes > templateBytesMax) {
    refuseTooLarge(draft, deployment, missing);
    return 0;
  }
  const anywhere = wishOf(deployment, amounts, missing.retiring, missing.sets);
  const wish = missing.move ? { ...anywhere, includes: new Set([missing.move.to]) } : anywhere;
  const { wanted, refused } = refuse(draft, deployment, missing, wish);
  if (wanted === 0) return 0;
  const now = Math.min(wanted, affordable, portionOf(wish.amounts));
  const placement = place(draft, wish, { wanted, now, resources });
  const placed = placement.placed.reduce((sum, { count }) => sum + count, 0);
  const overdue = isShort(placement.reasons) ? Math.min(wanted - placed, missing.overdue ?? 0) : 0;
  const waiting = wanted - placed - overdue;
  if (missing.displaces && waiting > 0 && isShort(placement.reasons))
    draft.short.set(deployment, { waiting, version: missing.version });
  if (overdue > 0) refuseOverdue(draft, deployment, missing, { overdue, reasons: placement.reasons });
  if (placed > 0) {
    draft.spend(placed * cost + Math.floor(draft.pod.nodes.size / nodesPerAction));
    record(draft, deployment, missing, { template, placement, waiting });
    if (waiting > 0 && !isShort(placement.reasons)) draft.unfinished.add(deployment);
  } else if (
    waiting > 0 &&
    (refused + overdue > 0 || deferralKey(waiting, placement.reasons) !== deployment.deferral)
  ) {
    const { id } = deployment;
    draft.spend(1);
    draft.decide(
      {
        type: "PlacementDeferred",
        deployment: id,
        waiting,
        ...displacedBy(deployment),
        reasons: withTables(draft, deployment, placement.reasons),
      },
      missing.cause,
    );
  }
  return placed;
}

/** Who displaced what is missing, when that is why. */
const displacedBy = ({ why, displacedBy: by }: Deployment): { displacedBy?: string } =>
  why === "displaced" && by !== undefined ? { displacedBy: by } : {};

/** How many fit into the message of one decision, with the parts that each gets. */
function portionOf({ pieces, volumes, gpus, ports }: Amounts): number {
  const cards = gpus.reduce((sum, [, count]) => sum + count, 0);
  const pathBytes = volumes.reduce((sum, { to }) => sum + to.length, 0);
  const parts =
    Math.ceil(pieces / 100) * 14 + volumes.length * 1_200 + pathBytes + cards * 140 + ports.length * 6;
  return Math.max(1, Math.floor(placedBytesMax / (placedBytes + parts)));
}

/** All or nothing for the new ones; what replaces a lost or failed one waits like everything else. */
function refuse(
  draft: Draft,
  deployment: Deployment,
  missing: Missing,
  wish: Wish,
): { wanted: number; refused: number } {
  const { wanted, refusable, version, cause } = missing;
  if (refusable === 0 || roomIn(verdicts(draft, wish), wish) >= wanted) return { wanted, refused: 0 };
  const refused = Math.min(wanted, refusable);
  recordRefused(draft, deployment, { wanted, refused, version, cause }, wish);
  return { wanted: wanted - refused, refused };
}

/** Records that so many of the deployment's count are refused, because not all that is wanted fits. */
export function recordRefused(
  draft: Draft,
  deployment: Deployment,
  { wanted, refused, version, cause }: Pick<Missing, "wanted" | "version" | "cause"> & { refused: number },
  wish: Wish,
): void {
  const { reasons } = place(draft.fork(), wish, {
    wanted,
    now: wanted,
    resources: contentAt(deployment, version).resources,
  });
  const scores = reasons.scores.map((score) => ({ ...score, placed: 0 }));
  draft.spend(1);
  draft.decide(
    {
      type: "PlacementRefused",
      deployment: deployment.id,
      refused,
      reasons: withTables(draft, deployment, { ...reasons, scores }),
    },
    cause,
  );
}

/** They have waited as long as they may. */
function refuseOverdue(
  draft: Draft,
  deployment: Deployment,
  { cause }: Missing,
  { overdue, reasons }: { overdue: number; reasons: Reasons },
): void {
  const { waitDeadlineMs: waitedMs = 0 } = deployment.turn;
  draft.spend(1);
  draft.decide(
    {
      type: "PlacementRefused",
      deployment: deployment.id,
      refused: overdue,
      waitedMs,
      reasons: withTables(draft, deployment, reasons),
    },
    cause,
  );
}

function refuseTooLarge(draft: Draft, deployment: Deployment, { wanted, version, cause }: Missing): void {
  const reasons = { ...reasonsNow(draft, deployment, version), wanted, wouldHelp: [tooLarge] };
  draft.spend(1);
  draft.decide({ type: "PlacementRefused", deployment: deployment.id, refused: wanted, reasons }, cause);
}

function reasonsNow(draft: Draft, deployment: Deployment, version: number): Reasons {
  const { resources, amounts } = contentAt(deployment, version);
  const wish = wishOf(deployment, amounts, []);
  return withTables(draft, deployment, place(draft.fork(), wish, { wanted: 0, now: 0, resources }).reasons);
}

/** During an upgrade, how many are placed follows from how many serve: what that was judged by is a reason as well. */
const withTables = (draft: Draft, { rollout }: Deployment, reasons: Reasons): Reasons =>
  rollout ? { ...reasons, elbs: barrier(draft) } : reasons;

function record(
  draft: Draft,
  deployment: Deployment,
  missing: Missing,
  given: { template: Template; placement: Placement; waiting: number },
): void {
  const { template, placement, waiting } = given;
  let n = deployment.lastN;
  const placed = placement.placed.flatMap(({ node, count, granted }) =>
    Array.from({ length: count }, (_, index) => {
      const parts = granted?.[index];
      return { workload: `${deployment.id}-${++n}`, node: node.name, ...(parts && { granted: parts }) };
    }),
  );
  const decision = draft.decide(
    {
      type: "PlacementDecided",
      deployment: deployment.id,
      release: template.release,
      because: missing.because,
      ...(missing.move && { instead: missing.move.instead }),
      ...(missing.because === "displaced" && displacedBy(deployment)),
      templateSeq: missing.version,
      placed,
      waiting,
      reasons: withTables(draft, deployment, placement.reasons),
    },
    missing.cause,
  );
  for (const { workload, node, granted } of placed)
    draft.order(
      {
        type: "WorkloadAssigned",
        node,
        pod: deployment.pod,
        workload,
        deployment: deployment.id,
        generation: 1,
        template,
        resources: contentAt(deployment, missing.version).resources,
        ...(granted && { granted }),
      },
      decision,
    );
}

/** Says that nothing waits any more, when the last decision said otherwise. */
export function endWaiting(draft: Draft, deployment: Deployment, version: number): void {
  if (deployment.waiting === 0) return;
  const { release } = templateAt(deployment, version);
  draft.decide(
    {
      type: "PlacementDecided",
      deployment: deployment.id,
      release,
      because: "room",
      templateSeq: version,
      placed: [],
      waiting: 0,
      reasons: reasonsNow(draft, deployment, version),
    },
    deployment.cause,
  );
}
