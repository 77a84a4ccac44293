import type { Row } from "./refusals.ts";

const route = { field: "host", value: (r: { host: string }) => r.host } as const;
const about = { field: "elb", value: (r: { elb: string }) => r.elb } as const;

type Code =
  | "elb_unknown"
  | "elb_last"
  | "elb_alive"
  | "route_staged"
  | "route_not_staged"
  | "nobody_to_stage";

/** What is answered to refusals about load balancers, and about changes that some of them have first. */
export const elbRows: { readonly [C in Code]: Row<C> } = {
  elb_unknown: {
    ...about,
    status: 404,
    say: ({ elb, removed }, intent) => {
      const known = [...intent.elbs].flatMap(([name, { phase }]) => (phase === "known" ? [name] : [])).sort();
      const there = known.length > 0 ? `there is ${known.slice(0, 8).join(", ")}` : "none has reported yet";
      return `there is no load balancer \`${elb}\`${removed ? " any more: it was forgotten" : ""}; ${there}`;
    },
  },
  route_staged: {
    ...route,
    status: 409,
    say: ({ host, elbs: { shown } }) =>
      `a change of \`${host}\` is staged at ${shown.join(", ")} and not ended: look at it with GET /v1/route-stages, then promote it with POST /v1/routes/${host}/stage/promote or take it back with POST /v1/routes/${host}/stage/abort`,
  },
  route_not_staged: {
    ...route,
    status: 409,
    say: ({ host }) => `no change of \`${host}\` is staged: stage one with POST /v1/routes/${host}/stage`,
  },
  nobody_to_stage: {
    ...route,
    status: 409,
    say: ({ host, groups: { shown } }) =>
      `no load balancer ${shown.length > 0 ? `of ${shown.join(", ")} ` : ""}that serves \`${host}\` is alive, so nobody could try the change: start one, name another, or declare it for all with PUT /v1/routes/${host}`,
  },
  elb_last: {
    ...about,
    status: 409,
    say: ({ elb, group, hosts: { shown, total } }) =>
      `\`${elb}\` is the last live load balancer of group \`${group}\`, which serves ${shown.join(", ")}${total > shown.length ? ` and ${total - shown.length} more` : ""}: start another one, tell one that has left to join, or add ?force=true when nobody shall be served`,
  },
  elb_alive: {
    ...about,
    status: 409,
    say: ({ elb }) =>
      `load balancer \`${elb}\` is alive: tell it to leave with POST /v1/elbs/${elb}/leave and end its router-sync first; only one that is gone is forgotten`,
  },
};
