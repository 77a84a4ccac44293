import { ruleLimits } from "@eru/events";
import { anything, failed, foregone, type Guard, held } from "./guard.ts";
import { type GraphNode, nextNode, type RuleGraph, testOf } from "./rule-graph.ts";

/** Where a way through a graph ends: at a backend, or at a branch that is missing. */
type WayEnd = {
  /** The node it ends at; of a missing branch the one that lacks it. */
  node: string;
  backend: boolean;
  /** The node whose regex gives the path, when one on the way does. */
  rewrittenBy?: string;
};

/** A way through a graph, with what is true of the requests that take it. */
export type Way = WayEnd & { guard: Guard };

/** A graph that cannot be flattened, and why. */
export class FlattenError extends Error {}

/**
 * All ways through a graph without cycles. Each is guarded by the tests on it, so few depend on their order; but requests
 * must try them in it: where a match has no place for a second test on the path, what fails the test comes first, and the
 * rest needs not ask.
 */
export function flatten(graph: RuleGraph): Way[] {
  const ways: Way[] = [];
  walk({ name: graph.init, from: graph.init, guard: anything }, graph, ways);
  return ways;
}

type Step = { name: string | undefined; from: string; guard: Guard; rewrittenBy?: string };

function walk(step: Step, graph: RuleGraph, ways: Way[]): void {
  const { name, from, guard, ...rewritten } = step;
  const node = name === undefined ? undefined : graph.rules[name];
  if (name === undefined || !node) add({ guard, ...rewritten, node: from, backend: false }, ways);
  else if (node.type === "backend") add({ guard, ...rewritten, node: name, backend: true }, ways);
  else for (const next of stepsFrom(name, node, step)) walk(next, graph, ways);
}

/** The branches a request may take from a test, in the order of their rules. */
function stepsFrom(
  name: string,
  node: GraphNode<"ua"> | GraphNode<"path">,
  { guard, rewrittenBy }: Step,
): Step[] {
  const test = testOf(node);
  if (test.ask === "path" && rewrittenBy !== undefined)
    throw new FlattenError(
      `the rule ${JSON.stringify(name)} tests the path that ${JSON.stringify(rewrittenBy)} has rewritten before; a condition sees the path of the request: test it before it is rewritten`,
    );
  const before = rewrittenBy === undefined ? {} : { rewrittenBy };
  const rewrites = node.type === "path" && node.args.regex === true && node.args.rewrite === true;
  const succ = (known: Guard): Step => ({
    ...(rewrites ? { rewrittenBy: name } : before),
    name: nextNode(node.args.succ),
    from: name,
    guard: known,
  });
  const fail = (known: Guard): Step => ({
    ...before,
    name: nextNode(node.args.fail),
    from: name,
    guard: known,
  });
  const certain = foregone(guard, test);
  if (certain !== undefined) return [certain ? succ(guard) : fail(guard)];
  const guarded = held(guard, test);
  return guarded ? [succ(guarded), fail(failed(guard, test))] : [fail(failed(guard, test)), succ(guard)];
}

function add(way: Way, ways: Way[]): void {
  if (way.guard.failed.length > ruleLimits.matchesMax)
    throw new FlattenError(
      `a way to ${JSON.stringify(way.node)} fails ${way.guard.failed.length} tests, a rule has at most ${ruleLimits.matchesMax} under \`not\`: write this host's rules anew`,
    );
  if (ways.length === ruleLimits.rulesMax)
    throw new FlattenError(
      `there are more than ${ruleLimits.rulesMax} ways through the rules, a host has at most so many rules: write this host's rules anew`,
    );
  ways.push(way);
}
