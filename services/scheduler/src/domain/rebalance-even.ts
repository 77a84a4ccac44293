import { fullness, openNodes } from "./balance.ts";
import { affinitiesOf, countFor, verdictOn, type Wish } from "./filters.ts";
import { placeOf, thereBy, verdicts } from "./place.ts";
import { preferenceOf } from "./preference.ts";
import type { Relocation } from "./relocation.ts";
import type { Deployment, Node, Workload } from "./zone.ts";

/** By how much a node must be fuller than the one that takes its workload will be: less is not worth a move. */
const levelledBy = 0.05;
/** Fullest nodes that give, and emptiest that take, looked at for one move. */
const giversMax = 5;
const takersMax = 20;

/** First the workloads of each entrypoint over places and nodes, then nodes that are much fuller than others. */
export function evenOut(plan: Relocation): void {
  for (const deployment of plan.draft.pod.deployments.values()) {
    if (deployment.strategy !== "auto") continue;
    while (plan.left > 0 && uncrowd(plan, deployment));
  }
  while (plan.left > 0 && level(plan));
}

/**
 * How much one more, or the last one, weighs where it is: twice the count and the half of a newcomer, for its weight. A
 * move from a greater to a smaller one lessens the sum of squares, so that moves come to an end.
 */
type Weight = { place: number; node: number };

/** Moves one workload from where its entrypoint is crowded most to where it is least; false when nothing is gained. */
function uncrowd(plan: Relocation, deployment: Deployment): boolean {
  const { draft } = plan;
  const givers = [...new Set([...deployment.workloads.values()].map(({ node }) => node))];
  if (!deployment.filter.spread && givers.every((node) => draft.countOn(deployment.key, node.name) < 2))
    return false;
  const wish = plan.wish(deployment);
  plan.looked(draft.pod.nodes.size);
  const { open } = verdicts(draft, wish);
  const there = thereBy(wish, draft);
  const weights = deployment.filter.spread?.targets;
  const weightOf = (place: string): number =>
    weights ? (weights.find(({ value }) => value === place)?.weight ?? 1e-9) : 1;
  const weigh = (place: string, count: number, change: 1 | -1): Weight => ({
    place: wish.spread ? (2 * (there.get(place) ?? 0) + change) / weightOf(place) : 0,
    node: 2 * count + change,
  });
  const best = least(open, ({ place, count }) => weigh(place, count, 1));
  if (!best) return false;
  const from = least(
    givers.filter((node) => plan.movable(node).some((one) => one.deployment === deployment)),
    (node) => {
      const { place, node: crowd } = weigh(placeOf(node, wish), countFor(wish, node, draft), -1);
      return { place: -place, node: -crowd };
    },
  );
  const workload = from && plan.movable(from.of).findLast((one) => one.deployment === deployment);
  if (!workload) return false;
  const given: Weight = { place: -from.weight.place, node: -from.weight.node };
  const otherPlace = best.of.place !== placeOf(from.of, wish);
  const gains = otherPlace ? best.weight.place < given.place : best.weight.node < given.node;
  if (!gains || best.of.preference < preferenceHere(from.of, wish, plan)) return false;
  const { count } = best.of;
  plan.move(
    workload,
    best.of.at,
    `${deployment.key}: ${countFor(wish, from.of, draft)} on ${from.of.name}, ${count} on ${best.of.node}`,
  );
  return true;
}

const preferenceHere = (node: Node, wish: Wish, { draft }: Relocation): number =>
  preferenceOf(node, wish.prefer, affinitiesOf(wish, draft));

/** The one that weighs least, by place and then by node; of equals the first. */
function least<T>(all: readonly T[], weigh: (of: T) => Weight): { of: T; weight: Weight } | undefined {
  let found: { of: T; weight: Weight } | undefined;
  for (const of of all) {
    const weight = weigh(of);
    if (
      !found ||
      weight.place < found.weight.place ||
      (weight.place === found.weight.place && weight.node < found.weight.node)
    )
      found = { of, weight };
  }
  return found;
}

/** Moves one workload from one of the fullest nodes to one of the emptiest; false when nothing is gained. */
function level(plan: Relocation): boolean {
  const { draft } = plan;
  const byFullness = openNodes(draft)
    .map((node) => ({ node, full: fullness(draft, node) }))
    .sort((a, b) => b.full - a.full || (a.node.name < b.node.name ? -1 : 1));
  const takers = byFullness.slice(-takersMax).reverse();
  for (const giver of byFullness.slice(0, giversMax)) {
    const found = levelling(plan, giver, takers);
    if (!found) continue;
    const percent = (part: number): string => `${Math.round(part * 100)} %`;
    const { workload, taker } = found;
    plan.move(
      workload,
      taker.node,
      `${giver.node.name} is ${percent(giver.full)} full, ${taker.node.name} ${percent(taker.full)}`,
    );
    return true;
  }
  return false;
}

/** Strategies that fill some nodes so that others stay free. */
const packs: ReadonlySet<string> = new Set(["drained", "pack"]);

type Full = { node: Node; full: number };

/** Of what is on a full node, the workload whose move to one of the takers levels most. */
function levelling(
  plan: Relocation,
  giver: Full,
  takers: readonly Full[],
): { workload: Workload; taker: Full } | undefined {
  const { draft } = plan;
  let best: { workload: Workload; taker: Full; gain: number } | undefined;
  const seen = new Set<Deployment>();
  for (const workload of plan.movable(giver.node).toReversed()) {
    const { deployment } = workload;
    // What fills its nodes up shall not be evened out, and one of a deployment is like the other.
    if (packs.has(deployment.strategy) || seen.has(deployment)) continue;
    seen.add(deployment);
    const wish = plan.wish(deployment);
    plan.looked(takers.length);
    for (const taker of takers) {
      if (taker.node === giver.node || placeOf(taker.node, wish) !== placeOf(giver.node, wish)) continue;
      if (crowds(plan, wish, giver.node, taker.node) || "filter" in verdictOn(taker.node, wish, draft))
        continue;
      const gain = giver.full - draft.booksOf(taker.node).usage(wish.amounts, 0)(1);
      if (gain > Math.max(levelledBy, best?.gain ?? 0)) best = { workload, taker, gain };
    }
  }
  return best;
}

/** Whether the move would take back what was gained for its entrypoint, or for what its deployment prefers. */
const crowds = (plan: Relocation, wish: Wish, from: Node, to: Node): boolean =>
  (wish.strategy === "auto" && countFor(wish, to, plan.draft) >= countFor(wish, from, plan.draft)) ||
  preferenceHere(to, wish, plan) < preferenceHere(from, wish, plan);
