import { HostName, ruleLimits } from "@eru/events";
import { z } from "zod";
import { regexSubsetFault } from "../byte-regex.ts";
import { FlattenError, flatten } from "./flatten.ts";
import { notesOf } from "./notes.ts";
import { rewriteOf } from "./rewrite-of.ts";
import { type GraphNode, graphFaults, RuleGraph } from "./rule-graph.ts";
import { type BackendNames, backendOf, type ImportedRule, rulesOf } from "./to-rules.ts";

/** Characters of a path in a rule. */
const prefixMax = 1_024;

/** A host as it is declared in Eru. */
export type ImportedRoute = { host: string; rules: ImportedRule[] };

/** What became of a host of the original. */
export type ImportedHost =
  | { ok: true; name: string; route: ImportedRoute; notes: readonly string[] }
  | { ok: false; name: string; faults: readonly string[] };

/** The hosts in a file: `{host: {init, rules}}`, as the original's domain API answered it, or its etcd keys for the hosts. */
export function importGraphs(content: unknown, names: BackendNames = new Map()): ImportedHost[] {
  const hosts = z.record(z.string(), z.unknown()).safeParse(content);
  if (!hosts.success || "init" in hosts.data)
    return [
      { ok: false, name: "(the file)", faults: ["wanted {host: {init, rules}}: a JSON object of hosts"] },
    ];
  return Object.entries(hosts.data).map(([name, graph]) => importHost(name, graph, names));
}

function importHost(name: string, content: unknown, names: BackendNames): ImportedHost {
  const no = (...faults: string[]) => ({ ok: false, name, faults }) as const;
  const host = HostName.safeParse(hostOf(name));
  if (!host.success) return no(...host.error.issues.map(({ message }) => message));
  const graph = RuleGraph.safeParse(content);
  if (!graph.success)
    return no(
      ...graph.error.issues
        .slice(0, 5)
        .map(({ path, message }) => `${path.join(".") || "(all)"}: ${message}`),
    );
  const faults = [...graphFaults(graph.data), ...nodeFaults(graph.data, names)];
  if (faults.length > 0) return no(...faults);
  try {
    const ways = flatten(graph.data);
    const route = { host: host.data, rules: rulesOf(ways, graph.data, names) };
    return { ok: true, name, route, notes: notesOf(name, graph.data, ways) };
  } catch (error) {
    if (error instanceof FlattenError) return no(error.message);
    throw error;
  }
}

/** The last part of a key of etcd, without the port, which Eru does not route by. */
const hostOf = (name: string): string =>
  (name.split("/").at(-1) ?? "").toLowerCase().replace(/:\d+$/, "").replace(/\.$/, "");

/** What of the nodes has no counterpart. */
function nodeFaults({ rules }: RuleGraph, names: BackendNames): string[] {
  return Object.entries(rules).flatMap(([name, node]) => {
    const fault = node.type === "backend" ? backendFault(node.args, names) : testFault(node);
    return fault === undefined ? [] : [`the rule ${JSON.stringify(name)} ${fault}`];
  });
}

function backendFault({ servername, ...args }: GraphNode<"backend">["args"], names: BackendNames) {
  if (servername && !backendOf(servername, names))
    return `sends to ${JSON.stringify(servername)}, which is not <app>___<entrypoint>___<pod>[___<release>]: say what it means with --backend '${servername}=<app>/<entrypoint>'`;
  const odd = Object.entries(args).find(([name, value]) => !Header.safeParse([name, value]).success);
  return odd && `sets the request header ${JSON.stringify(odd[0])}, which is no name or no value of a header`;
}

const Header = z.tuple([
  z.string().regex(/^[A-Za-z0-9-]{1,128}$/),
  z.union([
    z.number(),
    z
      .string()
      .max(4_096)
      .regex(/^[^\r\n\0]*$/),
  ]),
]);

function testFault(node: GraphNode<"ua"> | GraphNode<"path">): string | undefined {
  const { pattern } = node.args;
  if (node.type === "path" && !node.args.regex) return prefixFault(pattern);
  const fault = regexFault(pattern, node.type === "ua");
  if (fault !== undefined) return `searches for ${JSON.stringify(pattern)}: ${fault}`;
  if (node.type === "path" && node.args.rewrite && !rewriteOf(pattern))
    return `rewrites by ${JSON.stringify(pattern)}, which is too long for that`;
  return undefined;
}

const prefixFault = (prefix: string): string | undefined =>
  prefix.length > prefixMax
    ? `wants a prefix of ${prefix.length} characters, at most are ${prefixMax}`
    : undefined;

function regexFault(pattern: string, ignoreCase: boolean): string | undefined {
  if (pattern === "") return "a regex must not be empty";
  const { regexLengthMax } = ruleLimits;
  if (pattern.length > regexLengthMax) return `a regex has at most ${regexLengthMax} characters`;
  return regexSubsetFault(pattern, ignoreCase);
}
