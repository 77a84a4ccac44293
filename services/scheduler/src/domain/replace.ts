import { countsPerNode, type Inherit } from "@eru/events";
import type { AskedChange, Change } from "./change.ts";
import type { Draft } from "./draft.ts";
import { actionBytes } from "./limits.ts";
import { remove } from "./remove.ts";
import { serves } from "./serves.ts";
import { failureOf } from "./steady.ts";
import { templateAt, type Workload } from "./zone.ts";

/**
 * Why the old container has to be stopped before the new one starts; undefined when a successor can run beside it until it
 * serves, so that no request is lost.
 */
export function inPlaceReason(
  draft: Draft,
  { deployment, version, node, resources, amounts, phase }: Workload,
  inherit: Inherit | undefined,
): string | undefined {
  const { network } = templateAt(deployment, version).entrypoint;
  if (inherit?.network) return "its network goes over to the new container: two cannot have one address";
  if (resources.volumes?.some(({ from }) => from === undefined))
    return "its volumes go over to the new container: two would write to the same files";
  if (amounts.ports.length > 0)
    return `${network === "host" ? "it is on the host's network: " : ""}port ${amounts.ports.join(" and ")} of ${node.name} is its own`;
  if (phase !== "healthy") return "it is not healthy, so that it serves nobody";
  if (countsPerNode(deployment.strategy)) return "its deployment has a number of them on each node";
  if (deployment.rollout) return "its deployment is being upgraded";
  const books = draft.booksOf(node);
  const short = (["cpu", "memory", "storage", "volume", "gpu"] as const).find((kind) =>
    books.rejects(kind, amounts),
  );
  return short && `${node.name} has no room for two of it at once (${books.why(short, amounts)})`;
}

/**
 * Places another workload beside this one, of the same template, with the same resources and on the same node. False when
 * this pass cannot: the next one goes on.
 */
export function placeSuccessor(draft: Draft, old: Workload, { seq, inherit, cause }: AskedChange): boolean {
  const { deployment, node, version, amounts, resources } = old;
  const template = templateAt(deployment, version);
  const cost = 1 + Math.floor(JSON.stringify(template).length / actionBytes);
  const placedBefore = draft.decisions.some(
    ({ event }) => event.type === "PlacementDecided" && event.deployment === deployment.id,
  );
  // Numbers are given by the log: one placement of a deployment at a time.
  if (placedBefore || draft.affordable(cost) < 1) {
    draft.unfinished.add(deployment);
    return false;
  }
  draft.spend(cost);
  const capacity = draft.booksOf(node).room(amounts, roomMax);
  const [granted] = draft.book(node, amounts, 1) ?? [];
  const count = draft.countOn(deployment.key, node.name);
  const workload = `${deployment.id}-${deployment.lastN + 1}`;
  const decision = draft.decide(
    {
      type: "PlacementDecided",
      deployment: deployment.id,
      release: template.release,
      because: "replaced",
      templateSeq: version,
      placed: [
        {
          ...{ workload, node: node.name, replaces: { workload: old.id, requestSeq: seq } },
          ...(granted && { granted }),
        },
      ],
      waiting: deployment.waiting,
      reasons: {
        ...{ policy, inputSeq: draft.zone.seq, wanted: 1, resources },
        ...{ nodesTotal: 1, candidatesTotal: 1, rejectedTotals: {}, rejected: [], wouldHelp: [] },
        scores: [{ node: node.name, count, capacity, placed: 1 }],
      },
    },
    cause,
  );
  draft.order(
    {
      ...{ type: "WorkloadAssigned", node: node.name, pod: deployment.pod, workload, generation: 1 },
      ...{ deployment: deployment.id, template, resources },
      ...(granted && { granted }),
      takesOver: { from: old.id, ...inherit },
    },
    decision,
  );
  return true;
}

/** The rule that decides: the node is the one of the workload before. */
const policy = "same-node-1";

/** Rooms that are counted: who replaces one workload wants to know whether there is any. */
const roomMax = 1_000;

/** Whether a change waits for something that a pass can see. */
export const isOpen = ({ step, undone }: Change): boolean => step === "beside" || undone !== undefined;

/** Goes on with a replacement: the old one gives way when its successor serves, and serves on when that fails. */
export function goOn(draft: Draft, old: Workload, { successor: id, undone, ...change }: Change): void {
  if (old.going || draft.going.has(old)) return;
  const asked = { ...change, seq: change.requestSeq };
  if (undone !== undefined) {
    refuse(
      draft,
      old,
      asked,
      `the new container was given up and the old one took its place again: ${undone}`,
    );
    return;
  }
  const successor = id === undefined ? undefined : draft.zone.workloads.get(id);
  if (!successor || successor.going || draft.going.has(successor)) {
    refuse(draft, old, asked, `${id ?? "its replacement"} was taken away before it served; it runs on`);
  } else if (successor.phase === "failed" || successor.phase === "unhealthy") {
    const detail = `it runs on, because its replacement does not serve: ${failureOf(successor)}`;
    if (remove(draft, successor, "replacement_failed")) refuse(draft, old, asked, detail);
  } else if (serves(draft, successor)) remove(draft, old, "replaced");
}

/** Says that what a user asked is not done, or not any more. */
export function refuse(
  draft: Draft,
  { deployment, node, id }: Workload,
  { verb: change, seq: requestSeq, cause }: Pick<AskedChange, "verb" | "seq" | "cause">,
  detail: string,
): void {
  draft.spend(1);
  const of = { deployment: deployment.id, workload: id, node: node.name };
  draft.decide({ type: "ChangeRefused", ...of, change, requestSeq, detail }, cause);
}

/** Without those that only come in the place of another one: they do not count before that is gone. */
export function withoutSuccessors(draft: Draft, staying: readonly Workload[]): Workload[] {
  return staying.filter(({ id, replaces }) => {
    const old = replaces === undefined ? undefined : draft.zone.workloads.get(replaces);
    return !old || old.going || draft.going.has(old) || old.change?.successor !== id;
  });
}
