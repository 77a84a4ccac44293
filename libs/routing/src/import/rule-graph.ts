import { z } from "zod";

// The rules of the original elb: for each host a graph that is walked from `init` to a backend.

const Branch = z.string().nullish();

/** A test on the user agent: a regex searched for in the value in lower case. */
const UaArgs = z.looseObject({ pattern: z.string(), succ: Branch, fail: Branch });

/** A test on the path: a prefix of bytes, or a regex whose first group may become the path. */
const PathArgs = z.looseObject({
  pattern: z.string(),
  regex: z.boolean().nullish(),
  rewrite: z.boolean().nullish(),
  succ: Branch,
  fail: Branch,
});

/** The end of a walk: an upstream, and whatever else is set as request headers. */
const BackendArgs = z.looseObject({ servername: z.string().nullish() });

const AnyNode = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("ua"), args: UaArgs }),
  z.looseObject({ type: z.literal("path"), args: PathArgs }),
  z.looseObject({ type: z.literal("backend"), args: BackendArgs }),
]);

/** A node of one type. */
export type GraphNode<T extends string> = Extract<z.infer<typeof AnyNode>, { type: T }>;

/** A host's graph. */
export const RuleGraph = z.looseObject({
  init: z.string(),
  rules: z.record(z.string(), AnyNode),
});
export type RuleGraph = z.infer<typeof RuleGraph>;

/** What a node asks of a request. */
export type GraphTest =
  | { ask: "userAgent"; regex: string }
  | { ask: "path"; prefix: string }
  | { ask: "path"; regex: string };

/** Where a test leads to: another node, or nowhere, which the original answers with 403. */
export type NextNode = string | undefined;

/** The name of the node a branch leads to. */
export const nextNode = (branch: string | null | undefined): NextNode =>
  branch === undefined || branch === null || branch === "" ? undefined : branch;

/** What is wrong with the graph itself: branches into nothing, and cycles, which the original walked for ever. */
export function graphFaults({ init, rules }: RuleGraph): string[] {
  const faults: string[] = [];
  const known = (name: string, from: string) => {
    if (rules[name] !== undefined) return true;
    faults.push(`${from} names the rule ${JSON.stringify(name)}, which is not there`);
    return false;
  };
  const done = new Set<string>();
  const visit = (name: string, way: readonly string[]): void => {
    const from = way.at(-1);
    if (!known(name, from === undefined ? "`init`" : `the rule ${JSON.stringify(from)}`)) return;
    const seen = way.indexOf(name);
    if (seen >= 0) {
      faults.push(`the rules run in a circle: ${[...way.slice(seen), name].join(" → ")}`);
      return;
    }
    if (done.has(name)) return;
    for (const next of branches(rules[name])) visit(next, [...way, name]);
    done.add(name);
  };
  visit(init, []);
  return faults;
}

function branches(node: RuleGraph["rules"][string] | undefined): string[] {
  if (!node || node.type === "backend") return [];
  return [nextNode(node.args.succ), nextNode(node.args.fail)].filter((name) => name !== undefined);
}

/** The test of a node. */
export function testOf(node: GraphNode<"ua"> | GraphNode<"path">): GraphTest {
  if (node.type === "ua") return { ask: "userAgent", regex: node.args.pattern };
  const { regex, pattern } = node.args;
  return regex ? { ask: "path", regex: pattern } : { ask: "path", prefix: pattern };
}
