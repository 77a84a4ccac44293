import type { Rule, Selector } from "@eru/events";
import type { z } from "zod";
import { selectorOf } from "./backend-name.ts";
import type { Way } from "./flatten.ts";
import { matchOf } from "./guard.ts";
import { rewriteOf } from "./rewrite-of.ts";
import type { RuleGraph } from "./rule-graph.ts";

/** A rule as it is written into a file: without what is the default. */
export type ImportedRule = z.input<typeof Rule>;

/** Upstreams of the original with other names than `<app>___<entrypoint>___<pod>`, and what they mean. */
export type BackendNames = ReadonlyMap<string, Selector>;

/** The workloads an upstream means. */
export const backendOf = (servername: string, names: BackendNames): Selector | undefined =>
  names.get(servername) ?? selectorOf(servername);

/** Rules in the order of the ways, kept by their priorities. */
export function rulesOf(ways: readonly Way[], graph: RuleGraph, names: BackendNames): ImportedRule[] {
  const taken = new Set<string>();
  return ways.map((way, index) => {
    const when = matchOf(way.guard);
    return {
      id: freeId(way.node, taken),
      ...(ways.length > 1 && { priority: ways.length - index }),
      ...(when && { when: [when] }),
      action: actionOf(way, graph, names),
    };
  });
}

/** The name of the node where a way ends, counted when several end there. */
function freeId(node: string, taken: Set<string>): string {
  const plain = node.replaceAll(/[^A-Za-z0-9._/*@:-]/g, "-").slice(0, 100);
  const base = /^[A-Za-z0-9/*]/.test(plain) ? plain : `rule${plain}`;
  let id = base;
  for (let count = 2; taken.has(id); count++) id = `${base}@${count}`;
  taken.add(id);
  return id;
}

function actionOf(
  { node, backend, rewrittenBy }: Way,
  { rules }: RuleGraph,
  names: BackendNames,
): ImportedRule["action"] {
  const end = rules[node];
  if (!backend || end?.type !== "backend")
    return { respond: { status: 403, body: "There is no rule for this request.\n" } };
  const { servername, ...args } = end.args;
  const to = servername ? backendOf(servername, names) : undefined;
  if (!to) return { respond: { status: 404, body: "This rule has no backend.\n" } };
  // The original set what else stands at a backend as headers of the request.
  const set = Object.fromEntries(Object.entries(args).map(([name, value]) => [name, String(value)]));
  const rewriter = rewrittenBy === undefined ? undefined : rules[rewrittenBy];
  const regex = rewriter?.type === "path" ? rewriteOf(rewriter.args.pattern)?.regex : undefined;
  return {
    forward: {
      backends: [{ to }],
      ...(regex && { rewrite: { regex } }),
      ...(Object.keys(set).length > 0 && { requestHeaders: { set } }),
    },
  };
}
