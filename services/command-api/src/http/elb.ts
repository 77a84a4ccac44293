import { ElbName, subjects } from "@eru/events";
import { z } from "zod";
import { elb as decider, type ElbCommand } from "../domain/elb.ts";
import { about, type Command } from "../handle.ts";
import type { Intent } from "../intent.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";
import { elbsHeard, heartbeatsMs } from "./elbs-heard.ts";
import { flag } from "./flag.ts";

const tag = "routes";
const params = z.strictObject({ elb: ElbName });
const ids = { elb: ElbName };
/** All commands of this kind, one after another: two must not both leave the group to the other. */
const turn = "load balancers";

/** Commands about load balancers. */
export function elbRoutes(deps: RouteDeps): void {
  const { live } = deps.broker;
  const { heartbeatsMs: mostMs = heartbeatsMs } = deps.limits;
  commandRoute(deps, {
    name: "LeaveElb",
    method: "POST",
    url: "/v1/elbs/:elb/leave",
    tag,
    summary: "Tell a load balancer to leave",
    description:
      "It is not ready from then on, so that what stands before it sends elsewhere; it serves who still comes, and when its last request is done nobody waits for it any more. That lasts, also when it is started anew, until it is told to join. The last live one of a group that serves hosts is refused without `force`.",
    params,
    query: z.strictObject({ force: flag }),
    ids,
    command: async ({ params: { elb }, query: { force } }) => {
      const heard = await elbsHeard(live, mostMs, (all) => {
        const own = all.get(elb);
        return (
          own !== undefined && [...all.values()].some((one) => one.elb !== elb && one.group === own.group)
        );
      });
      const group = heard.has(elb) ? (heard.get(elb)?.group ?? "default") : undefined;
      const alive = [...heard.values()].filter(
        (one) => one.elb !== elb && (one.group ?? "default") === group,
      );
      return command(elb, (intent) => {
        const others = alive.map((one) => one.elb).filter((one) => !leaves(intent, one));
        return { type: "LeaveElb", elb, force, group, others, hosts: hostsOf(intent, group) };
      });
    },
  });
  commandRoute(deps, {
    name: "JoinElb",
    method: "POST",
    url: "/v1/elbs/:elb/join",
    tag,
    summary: "Tell a load balancer that left to serve again",
    description: "It has followed the log all the time: it is ready at once, and waited for.",
    params,
    ids,
    command: ({ params: { elb } }) => command(elb, () => ({ type: "JoinElb", elb })),
  });
  commandRoute(deps, {
    name: "ForgetElb",
    method: "DELETE",
    url: "/v1/elbs/:elb",
    tag,
    summary: "Forget a load balancer that is gone for ever",
    description: "Refused while it is alive. One of the same name that comes later is a new one.",
    params,
    ids,
    command: async ({ params: { elb } }) => {
      const heard = await elbsHeard(live, mostMs, (all) => all.has(elb));
      return command(elb, () => ({ type: "ForgetElb", elb, live: heard.has(elb) }));
    },
  });
}

const leaves = (intent: Intent, name: string): boolean => {
  const state = intent.elbs.get(name);
  return state.phase === "known" && state.leaving;
};

/** The hosts that a group serves. */
const hostsOf = (intent: Intent, group: string | undefined): string[] =>
  [...intent.routes].flatMap(([host, route]) =>
    route.phase === "declared" && group !== undefined && (route.content.groups?.includes(group) ?? true)
      ? [host]
      : [],
  );

const command = (elb: string, asked: (intent: Intent) => ElbCommand): Command => ({
  reads: [],
  writes: [subjects.balancer(elb), turn],
  decide: (intent) =>
    about(subjects.balancer(elb), { elb }, decider.decide(intent.elbs.get(elb), asked(intent))),
});
