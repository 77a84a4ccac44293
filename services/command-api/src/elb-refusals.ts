import type { Row } from "./refusals.ts";

const about = { field: "elb", value: (r: { elb: string }) => r.elb } as const;

/** What is answered to refusals about load balancers. */
export const elbRows: { readonly [C in "elb_unknown" | "elb_last" | "elb_alive"]: Row<C> } = {
  elb_unknown: {
    ...about,
    status: 404,
    say: ({ elb, removed }, intent) => {
      const known = [...intent.elbs].flatMap(([name, { phase }]) => (phase === "known" ? [name] : [])).sort();
      const there = known.length > 0 ? `there is ${known.slice(0, 8).join(", ")}` : "none has reported yet";
      return `there is no load balancer \`${elb}\`${removed ? " any more: it was forgotten" : ""}; ${there}`;
    },
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
