import { canarySize, countsPerNode } from "@eru/events";
import type { Draft } from "./draft.ts";
import { type InPlace, inPlaceOf } from "./in-place.ts";
import { keep } from "./keep.ts";
import {
  countsOf,
  excessOf,
  missingOf,
  needsOf,
  noteSets,
  removeByNode,
  setsFor,
  sweep,
  wishedSets,
} from "./per-node-needs.ts";
import { roomIn, verdicts } from "./place.ts";
import { endWaiting, isTooLarge, placeMissing, tooLarge, wishOf } from "./place-missing.ts";
import { remove, removeSurplus } from "./remove.ts";
import { freshNeeds, leavingOf, staleOver } from "./rollout-sets.ts";
import type { Rollout } from "./rollout-state.ts";
import { type Counts, type Step, settingsInWords, stepped } from "./rollout-step.ts";
import type { Sets } from "./sets.ts";
import { failureOf, releaseLost, replaceFailed } from "./steady.ts";
import { contentAt, type Deployment, targetOf, templateAt, type Workload } from "./zone.ts";

/**
 * The workloads of a rollout in the direction it goes: `fresh` run what is wished, which is what ran before when it goes
 * back. Those on lost nodes are in none but `lost`.
 */
type Groups = { fresh: Workload[]; stale: Workload[]; lost: Workload[] };

/** One look at a rollout: what it is about, and how many workloads there shall be. */
type Look = {
  readonly draft: Draft;
  readonly deployment: Deployment;
  readonly rollout: Rollout;
  readonly groups: Groups;
  target: number;
  /** Of a deployment that counts per node: where they shall be. */
  sets: Sets | undefined;
};

/**
 * One look at a rollout under way. Start-first: fresh workloads are placed up to `surge` above the count, and an old one
 * goes only when a fresh one serves in its place; stop-first: at most `batch` are missing at once. A fresh one that fails
 * for good, or is not healthy in time, turns it back or halts it; the old keep serving. Going back is the same in the
 * other direction. Until the first fresh one serves, what a lost node took of the old comes back as old.
 */
export function rollOut(
  draft: Draft,
  deployment: Deployment,
  rollout: Rollout,
  staying: readonly Workload[],
): void {
  const look: Look = {
    ...{ draft, deployment, rollout, groups: groupsOf(draft, deployment, staying) },
    ...{ target: targetOf(deployment), sets: undefined },
  };
  if (rollout.step === "requested") begin(look);
  if (rollout.paused) {
    keep(draft, deployment, staying);
    return;
  }
  if (countsPerNode(deployment.strategy)) lookAtSets(look);
  if (rollout.back ? endsHalted(look) : fails(look)) return;
  const { groups, target, sets } = look;
  const inPlace = inPlaceOf(draft, rollout, groups.fresh);
  const { serving } = inPlace;
  if (waitsAtCanary(look, inPlace)) return;
  const failed = dropUseless(look);
  const again = serving > 0 ? 0 : placeStaleAgain(look);
  if (again > 0) {
    const counts = { fresh: groups.fresh.length, stale: groups.stale.length + again };
    const detail = `${again} of the old release placed again: none of the new serves yet`;
    step(look, "placing", detail, counts);
    draft.unfinished.add(deployment); // One placement at a time: the next pass goes on.
    return;
  }
  const placed = placeFresh(look, inPlace);
  const fresh = groups.fresh.length + placed;
  const name = rollout.back ? "old" : "new";
  if (placed > 0)
    step(look, "placing", `${placed} of the ${name} release placed`, { fresh, stale: groups.stale.length });

  const retired = retire(look, inPlace);
  const stale = groups.stale.length - retired.size;
  if (retired.size > 0) step(look, "retiring", retiringText(look, serving, retired.size), { fresh, stale });
  const surplus = dropSurplus(look, fresh);
  const done = groups.stale.length === 0 && failed === 0;
  const whole = inPlace.instead.length >= target;
  if (sets?.everywhere) releaseOldLost(look, done && whole);
  else releaseLost(draft, groups.lost, target - (fresh - surplus.size) - stale);
  if (!done) return;
  if (rollout.back) {
    if (groups.lost.every(({ version }) => version === deployment.version))
      step(look, "rolled_back", `${groups.fresh.length} of the old release, none of the new`, groups);
  } else if (stillLost(look) === 0 && whole && placed === 0)
    step(look, "completed", `${serving} of the new release serve`, groups);
}

/** Where the workloads of a deployment that counts per node shall be; what is elsewhere goes. */
function lookAtSets(look: Look): void {
  const { draft, deployment, groups } = look;
  const here = [...groups.fresh, ...groups.stale];
  const sets = setsFor(draft, deployment, here);
  noteSets(draft, deployment, sets, missingOf(sets, needsOf(sets, countsOf(here))));
  const kept = new Set(sweep(draft, sets, here));
  groups.fresh = groups.fresh.filter((one) => kept.has(one));
  groups.stale = groups.stale.filter((one) => kept.has(one));
  look.sets = sets;
  look.target = sets.total;
}

/**
 * Takes old ones away, as far as they may go now. While it is held at its canary nothing new follows: none goes early, or its
 * place would be filled by one like it, over and over.
 */
function retire(look: Look, { instead }: InPlace, held = false): Set<Workload> {
  const { draft, rollout, groups, sets, target } = look;
  if (!sets) return removeSurplus(draft, groups.stale, surplusOf(look, instead.length), goes(rollout));
  const stopFirst = rollout.settings.order === "stop-first";
  const over = staleOver(sets, {
    stale: groups.stale,
    serving: instead,
    batch: stopFirst && !held ? rollout.settings.batch : 0,
    most: stopFirst ? Math.max(0, groups.stale.length - (target - freshMost(look))) : groups.stale.length,
  });
  return removeByNode(draft, groups.stale, over, goes(rollout));
}

/** Takes new ones away that are more than there shall be. */
const dropSurplus = ({ draft, groups, sets, target }: Look, fresh: number): Set<Workload> =>
  sets
    ? removeByNode(draft, groups.fresh, excessOf(sets, countsOf(groups.fresh)), "scaled")
    : removeSurplus(draft, groups.fresh, fresh - target, "scaled");

/** On a lost node that has a set of its own, the old ones go when all others are new: it gets new ones when it is back. */
function releaseOldLost({ draft, deployment, groups }: Look, done: boolean): void {
  if (done)
    for (const one of groups.lost) if (one.version !== deployment.version) remove(draft, one, "node_lost");
}

/** Of those on lost nodes, how many are not as they shall be. */
const stillLost = ({ deployment, groups, sets }: Look): number =>
  groups.lost.filter(({ version }) => !sets?.everywhere || version !== deployment.version).length;

const goes = ({ back }: Rollout): "rolled_back" | "upgraded" => (back ? "rolled_back" : "upgraded");

function groupsOf(draft: Draft, deployment: Deployment, staying: readonly Workload[]): Groups {
  const groups: Groups = { fresh: [], stale: [], lost: [] };
  for (const workload of staying) {
    if (draft.livenessOf(workload.node) === "lost") groups.lost.push(workload);
    else (workload.version === deployment.version ? groups.fresh : groups.stale).push(workload);
  }
  return groups;
}

function begin(look: Look): void {
  const { rollout, groups } = look;
  if (rollout.back) step(look, "rolling_back", "aborted", groups);
  else step(look, "started", settingsInWords(rollout), groups);
}

function step({ draft, deployment, rollout }: Look, is: Step, detail: string, counts: Counts | Groups): void {
  const number = (of: number | Workload[]): number => (typeof of === "number" ? of : of.length);
  const [fresh, stale] = [number(counts.fresh), number(counts.stale)];
  // Counted by what is new and what was before, in whatever direction it goes.
  const named = rollout.back ? { fresh: stale, stale: fresh } : { fresh, stale };
  stepped(draft, deployment, rollout, { step: is, detail, ...named });
}

const retiringText = ({ rollout }: Look, serving: number, going: number): string => {
  const [one, other] = rollout.back ? ["old", "new"] : ["new", "old"];
  return `${serving} of the ${one} release serve, ${going} of the ${other} go`;
};

/** Turns the rollout back or halts it when something is wrong with what is new. */
function fails(look: Look): boolean {
  const { draft, deployment, rollout, groups } = look;
  const excused = groups.fresh.filter(
    (one) => one.n <= rollout.excusedN && one.phase !== "healthy" && remove(draft, one, "upgraded"),
  );
  groups.fresh = groups.fresh.filter((one) => !excused.includes(one));
  const fault = faultOf(look);
  if (fault === undefined) return false;
  // Going back begins with the next pass: by then the log says so.
  step(look, rollout.settings.onFailure === "rollback" ? "rolling_back" : "halted", fault, groups);
  draft.unfinished.add(deployment);
  return true;
}

/** What is wrong with what is new, in words. */
function faultOf(look: Look): string | undefined {
  const { deployment, groups } = look;
  const failed = groups.fresh.find((one) => one.phase === "failed");
  if (failed) return failureOf(failed);
  if (isTooLarge(templateAt(deployment, deployment.version))) return tooLarge;
  return lateOf(look);
}

/** Which of the fresh ones is not healthy in time, in words. */
function lateOf({ draft, deployment, groups }: Look): string | undefined {
  const slow = draft.signals.stalled.get(deployment.id);
  const late = groups.fresh.find(({ id, phase }) => id === slow?.workload && phase !== "healthy");
  return late && slow && `not healthy within ${slow.afterMs / 1_000} s; ${failureOf(late)}`;
}

/** Going back, what ran before is replaced when it fails, as ever; when that does not help, it halts. */
function endsHalted(look: Look): boolean {
  const { draft, deployment, groups } = look;
  const replaced = replaceFailed(draft, deployment, groups.fresh);
  groups.fresh = groups.fresh.filter((one) => !replaced.has(one));
  const failed = deployment.halted ? groups.fresh.find(({ phase }) => phase === "failed") : undefined;
  const detail = failed ? failureOf(failed) : lateOf(look);
  if (detail === undefined) return false;
  step(look, "halted", `going back does not help: ${detail}`, groups);
  return true;
}

/** Old ones that serve nobody go at once: their room may be what the fresh ones need. Returns how many. */
function dropUseless({ draft, rollout, deployment, groups }: Look): number {
  const useless = groups.stale.filter(
    (one) =>
      (one.phase === "failed" || (rollout.back && one.phase !== "healthy")) &&
      remove(draft, one, goes(rollout)),
  );
  groups.stale = groups.stale.filter((one) => !useless.includes(one));
  if (rollout.back) {
    const gone = groups.lost.filter(
      (one) => one.version !== deployment.version && remove(draft, one, "node_lost"),
    );
    groups.lost = groups.lost.filter((one) => !gone.includes(one));
  }
  return useless.length;
}

/** How many of the old may go now. Stop-first, up to a batch may be missing, and no more than the canary takes. */
function surplusOf(look: Look, instead: number): number {
  const { rollout, target, groups } = look;
  const { order, batch } = rollout.settings;
  const covered = groups.stale.length + instead - target;
  if (order === "start-first") return covered;
  return Math.min(covered + batch, groups.stale.length - (target - freshMost(look)));
}

/** How many may run what is new, as far as it has been said. */
function freshMost({ rollout: { settings, promoted, back }, target }: Look): number {
  const { canary } = settings;
  return canary && !promoted && !back ? Math.min(target, canarySize(canary, target)) : target;
}

/** A canary that serves waits for a word; meanwhile the count is kept. */
function waitsAtCanary(look: Look, inPlace: InPlace): boolean {
  const { draft, deployment, rollout, target, groups } = look;
  const { canary } = rollout.settings;
  if (!canary || rollout.promoted || rollout.back) return false;
  const size = freshMost(look);
  const { serving, instead } = inPlace;
  if (instead.length < size || groups.fresh.length < size) return false;
  // While a node is drained, what is above the count are replacements on their way.
  const moving = [...groups.fresh, ...groups.stale].some(({ node }) => draft.drains(node));
  const many = moving && rollout.step === "canary" ? 0 : groups.stale.length + instead.length - target;
  const retired = look.sets
    ? retire(look, inPlace, true)
    : removeSurplus(draft, groups.stale, many, "upgraded");
  const stale = groups.stale.length - retired.size;
  const counts = { fresh: groups.fresh.length, stale };
  if (retired.size > 0) step(look, "retiring", retiringText(look, serving, retired.size), counts);
  if (rollout.step !== "canary")
    step(look, "canary", `${serving} of the new release serve: promote or abort`, counts);
  keep(draft, deployment, draft.staying(deployment));
  return true;
}

/**
 * Places what a lost node took of the release that worked, as far as there is room. Returns how many were placed. Where each
 * node has a set, none of another is placed.
 */
function placeStaleAgain({
  draft,
  deployment,
  rollout,
  groups: { fresh, stale, lost },
  target,
  sets,
}: Look): number {
  if (sets) return 0;
  const version = deployment.stableVersion;
  const gone = lost.filter((one) => one.version === version && one.phase === "healthy").length;
  const most = target + rollout.settings.surge - fresh.length - stale.length;
  const allowed = rollout.back ? 0 : Math.min(gone, target - stale.length, most);
  if (allowed <= 0) return 0;
  const wish = wishOf(deployment, contentAt(deployment, version).amounts, []);
  // Never waits for room: that would be recorded in turns with the waiting of the fresh ones.
  const wanted = Math.min(allowed, roomIn(verdicts(draft, wish), wish));
  if (wanted <= 0) return 0;
  return placeMissing(draft, deployment, {
    wanted,
    refusable: 0,
    version,
    because: "node_lost",
    cause: draft.nodeLost ?? deployment.cause,
    retiring: [],
  });
}

/** How many fresh ones may be placed now; undefined while a batch is on its way. Per node, those it `lacks` in all. */
function freshWanted(look: Look, { serving, stopped }: InPlace, lacks: number | undefined) {
  const { draft, deployment, rollout, target, groups } = look;
  const { settings } = rollout;
  const [fresh, stale] = [groups.fresh.length, groups.stale.length];
  const open = freshMost(look) - fresh;
  if (settings.order === "stop-first")
    return Math.min(open, lacks ?? target - fresh - stale - leavingOf(draft, deployment).length);
  const lacking = lacks ?? Math.max(0, target - fresh - stale);
  const replacing = Math.max(0, settings.batch - (fresh - serving - stopped));
  // A full batch is no end of waiting for room.
  if (open > 0 && lacking + replacing === 0) return undefined;
  return Math.min(open, target + settings.surge - (fresh - stopped) - stale, lacking + replacing);
}

function placeFresh(look: Look, inPlace: InPlace): number {
  const { draft, deployment, rollout, groups, sets } = look;
  const needed = sets && freshNeeds(draft, deployment, sets, groups, rollout.settings);
  const wanted = freshWanted(look, inPlace, needed?.lacking);
  if (wanted === undefined) return 0;
  if (wanted <= 0) {
    endWaiting(draft, deployment, deployment.version);
    return 0;
  }
  return placeMissing(draft, deployment, {
    wanted,
    refusable: 0,
    version: deployment.version,
    because: rollout.back ? "rollback" : "upgrade",
    cause: groups.lost.length > 0 ? (draft.nodeLost ?? deployment.cause) : deployment.cause,
    retiring: groups.stale,
    ...(sets && needed && { sets: wishedSets(sets, needed.needs) }),
  });
}
