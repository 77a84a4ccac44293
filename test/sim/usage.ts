import { type EruEvent, subjects, type UsageNode } from "@eru/events";
import { accountsOf, compare, nodeDiffers } from "../../services/scheduler/src/domain/usage.ts";
import type { Zone } from "../../services/scheduler/src/domain/zone.ts";
import type { Chance } from "./chance.ts";
import type { SimNode } from "./sim-node.ts";

/** Every node in three accounts, as the check compares them. */
export async function usage(nodes: ReadonlyMap<string, SimNode>, zone: Zone): Promise<UsageNode[]> {
  const live = accountsOf(zone.pods.get("p"));
  const all: UsageNode[] = [];
  for (const node of zone.nodes.values()) {
    const inventory = (await nodes.get(node.name)?.inventory()) ?? { error: "there is no such machine" };
    all.push(compare({ node, live: live.get(node.name), inventory }));
  }
  return all;
}

/** At rest nothing differs. */
export function agree(all: readonly UsageNode[]): void {
  const bad = all.find((one) => nodeDiffers(one) || one.unanswered !== undefined);
  if (bad) throw new Error(`at rest, and yet the accounts differ: ${JSON.stringify(bad)}`);
}

/** Somebody gives running containers other bounds by hand; what the check says then is what is corrected. */
export async function tamper(
  nodes: ReadonlyMap<string, SimNode>,
  zone: Zone,
  chance: Chance,
): Promise<{ subject: string; event: EruEvent } | undefined> {
  const touched = new Set<string>();
  for (const [name, node] of nodes) {
    // Of one that is being changed nobody says how it shall be bound before that is over.
    const booked = [...(zone.nodes.get(name)?.workloads ?? [])].filter(({ change }) => !change);
    const ids = new Set(booked.map(({ id }) => id));
    const ours = node.running().filter(({ labels }) => ids.has(labels["eru.workload"] ?? ""));
    const victim = chance.may(0.5) ? chance.pick(ours) : undefined;
    if (!victim) continue;
    node.engine.boundByHand(victim.name, { NanoCpus: 3_333_000_000 });
    touched.add(victim.labels["eru.workload"] ?? "");
  }
  const differing = (await usage(nodes, zone)).filter(nodeDiffers);
  const found = differing.flatMap(({ differences }) => differences);
  const seen = found.filter(({ what }) => what === "limits").map(({ workload }) => workload ?? "");
  if (found.length !== touched.size || seen.some((id) => !touched.has(id)))
    throw new Error(`${[...touched].join()} have other bounds, told is ${JSON.stringify(found)}`);
  if (differing.length === 0) return undefined;
  const corrected = differing.map(({ node, lines, differences }) => ({ node, lines, differences }));
  return {
    subject: subjects.pod("p"),
    event: { type: "UsageCorrectionRequested", pod: "p", atSeq: zone.seq, nodes: corrected },
  };
}
