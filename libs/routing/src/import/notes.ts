import type { Way } from "./flatten.ts";
import { rewriteOf } from "./rewrite-of.ts";
import { nextNode, type RuleGraph } from "./rule-graph.ts";

/** What whoever imports a host should know: where Eru answers otherwise than the original, and what to see to. */
export function notesOf(name: string, graph: RuleGraph, ways: readonly Way[]): string[] {
  const nodes = Object.entries(graph.rules);
  const regexes = nodes.filter(([, node]) => node.type === "path" && node.args.regex === true);
  const slashed = regexes.filter(
    ([, node]) => node.type === "path" && node.args.rewrite && rewriteOf(node.args.pattern)?.addsSlash,
  );
  const shouting = nodes.filter(
    ([, node]) => node.type === "ua" && /[A-Z]/.test(node.args.pattern.replaceAll(/\\./g, "")),
  );
  const incomplete = nodes.filter(
    ([, node]) => node.type !== "backend" && (!nextNode(node.args.succ) || !nextNode(node.args.fail)),
  );
  const releases = new Set(
    nodes.flatMap(([, node]) =>
      node.type === "backend" ? (node.args.servername?.split("___")[3] ?? []) : [],
    ),
  );
  const unreached = nodes.filter(
    ([node, { type }]) => type === "backend" && !ways.some((way) => way.node === node),
  );
  const say = (found: readonly (readonly [string, unknown])[], text: string) =>
    found.length === 0 ? [] : [`${found.map(([node]) => node).join(", ")}: ${text}`];
  return [
    ...(/:\d+$/.test(name) ? ["the port of the host is left out: Eru routes by the name alone"] : []),
    ...say(
      regexes,
      "a path that the regex does not match takes the fail branch; the original took it for success",
    ),
    ...say(slashed, "the rewritten path gets a slash before it, which the original left out"),
    ...say(
      shouting,
      "capitals are found in any case; the original looked for them in lower case, and never found them",
    ),
    ...say(incomplete, "a branch that is missing answers with 403, as it did"),
    ...say(unreached, "no request gets there, so there is no rule for it"),
    ...[...releases].map((release) => `release ${release}: it must be registered under exactly this name`),
  ];
}
