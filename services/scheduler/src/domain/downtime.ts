import type { DowntimeRisk, Resources, Template } from "@eru/events";
import { carries, hasRoute } from "./carriers.ts";
import type { Draft } from "./draft.ts";

/** What is to be changed. */
type Change = {
  key: string;
  pod: string;
  template: Template;
  resources: Resources;
  /** How many there are or shall be. */
  count: number;
  /** How old and new take turns; what is only removed or moved is start-first. */
  order: "start-first" | "stop-first";
};

/** Why a change may cost requests; empty when nothing is known that would. */
export function risksOf({ zone, signals }: Draft, change: Change): DowntimeRisk[] {
  const { entrypoint } = change.template;
  const ports = entrypoint.publish;
  const risks: DowntimeRisk[] = [];
  const add = (reason: DowntimeRisk["reason"], detail: string): void => {
    risks.push({ reason, detail });
  };
  if (change.order === "stop-first")
    add("stop_first", "stop-first: an old workload is gone before the new one in its place starts");
  if (!entrypoint.healthcheck)
    add("no_health_check", "no health check: what runs counts as healthy, whether it answers or not");
  const bound = (change.resources.ports ?? []).map(({ hostPort }) => hostPort);
  if (bound.length > 0) add("host_port", boundText(bound, change.count));
  if (ports.length === 0) return risks; // No route can send it requests.
  if (entrypoint.network === "host")
    add(
      "host_network",
      `on the host's network: old and new cannot both have port ${ports.join(" or ")} of one node`,
    );
  if (!hasRoute(zone, change))
    add("no_route", "no route leads to it: who knows its address is not moved to the new ones");
  else if (!signals.elbs.keys().some((elb) => carries(zone, elb, change, Number.POSITIVE_INFINITY)))
    add("no_elb", "no load balancer is alive: nobody says when the last request to an old one is done");
  return risks;
}

/** A port of the machine is there once: the new one has it on another node, to which nobody is told to go. */
function boundText(ports: readonly number[], count: number): string {
  const of = `port ${ports.join(" and ")} of its node`;
  const elsewhere = "a new one starts only on a node where it is free";
  return count === 1
    ? `the only workload is bound to ${of}: ${elsewhere}, and who calls the old node's address finds nobody`
    : `bound to ${of}: ${elsewhere}, and who calls a node's address may find nobody there afterwards`;
}
