import type { Condition, Forward, HeaderChanges, Match, Rule } from "@eru/events";
import { byteRegex, regexSubsetFault } from "./byte-regex.ts";
import { canonical } from "./canonical.ts";
import type { RouteFault } from "./route-fault.ts";

/** Conditions of one match that cannot hold together, or hold for no request at all. */
export function matchFaults({ not = [], ...condition }: Match): RouteFault[] {
  const faults = conditionFaults(condition);
  for (const [index, excluded] of not.entries()) {
    faults.push(...conditionFaults(excluded).map((fault) => ({ ...fault, at: ["not", index, ...fault.at] })));
    if (implies(condition, excluded))
      faults.push({
        at: ["not", index],
        message: "what is wanted is excluded again, so nothing can match: change one of the two",
      });
  }
  return faults;
}

/** Every condition of the second is one of the first's. */
const implies = (condition: Condition, excluded: Condition): boolean => {
  const has = new Set(parts(condition));
  return parts(excluded).every((part) => has.has(part));
};

const parts = ({ headers, query, cookies, ...single }: Condition): string[] => [
  ...Object.entries(single).map(([field, value]) => canonical([field, value])),
  ...Object.entries({ headers, query, cookies }).flatMap(([field, record]) =>
    Object.entries(record ?? {}).map(([name, value]) =>
      canonical([field, field === "headers" ? name.toLowerCase() : name, value]),
    ),
  ),
];

function conditionFaults({ path, percent, headers, methods, grpc }: Condition): RouteFault[] {
  const faults: RouteFault[] = [];
  const text = path && ("exact" in path ? path.exact : "prefix" in path ? path.prefix : undefined);
  if (text !== undefined && isNotNormal(text))
    faults.push({
      at: ["path"],
      value: text,
      message:
        "requests are matched by their normalised path, which has no `//`, `/./`, `/../`, `?` or `#`: write it as the client's path looks after that",
    });
  if (percent?.of === 0)
    faults.push({
      at: ["percent", "of"],
      value: 0,
      message: "0 percent matches nothing: set `enabled: false` on the rule instead",
    });
  const names = Object.keys(headers ?? {});
  const lower = names.map((name) => name.toLowerCase());
  const twice = names.find((_name, index) => lower.indexOf(lower[index] ?? "") < index);
  if (twice !== undefined)
    faults.push({
      at: ["headers", twice],
      message: `header ${twice} stands twice in different case: names of headers have none, so merge the two`,
    });
  if (grpc && methods && !methods.includes("POST"))
    faults.push({
      at: ["methods"],
      message: "a gRPC call is a POST, so these methods never match: leave `methods` out",
    });
  return faults;
}

const isNotNormal = (path: string): boolean => /\/\/|\/\.\.?(\/|$)|[?#]/.test(path);

/** What an action says against itself or its rule; paths are below `action`. */
export function actionFaults({ when, action }: Rule): RouteFault[] {
  if ("forward" in action)
    return forwardFaults(action.forward).map((fault) => ({ ...fault, at: ["forward", ...fault.at] }));
  if ("respond" in action)
    return headerFaults("respond", { set: action.respond.headers }, framing.answer).map((fault) => ({
      ...fault,
      at: ["respond", "headers"],
    }));
  const { location } = action.redirect;
  const highest = highestGroup(location);
  if (highest === 0) return [];
  const groups = (when ?? []).map(({ path }) => (path && "regex" in path ? groupsOf(path.regex) : 0));
  const fewest = groups.length > 0 ? Math.min(...groups) : 0;
  if (highest <= fewest) return [];
  return [
    {
      at: ["redirect", "location"],
      value: location,
      message: `$${highest} is filled in from the rule's path regex, which has ${fewest} groups in at least one of its matches`,
    },
  ];
}

function forwardFaults(forward: Forward): RouteFault[] {
  const { requestHeaders, responseHeaders, rewrite, retry, requestBuffering, protocol, mirror, endpointTls } =
    forward;
  const faults: RouteFault[] = [
    ...headerFaults("requestHeaders", requestHeaders, framing.request),
    ...headerFaults("responseHeaders", responseHeaders, framing.answer),
  ];
  if (rewrite?.regex) {
    const { pattern, replacement } = rewrite.regex;
    const highest = highestGroup(replacement);
    const groups = groupsOf(pattern);
    if (highest > groups)
      faults.push({
        at: ["rewrite", "regex", "replacement"],
        value: replacement,
        message: `$${highest} is wanted, and the pattern has ${groups} groups`,
      });
  }
  if (requestBuffering === false && retry && retry.tries > 1)
    faults.push({
      at: ["retry", "tries"],
      value: retry.tries,
      message:
        "a body that is passed on as it comes cannot be sent again: leave out `retry` or `requestBuffering: false`",
    });
  if (mirror && (protocol === "grpc" || protocol === "grpcs"))
    faults.push({
      at: ["mirror"],
      message: "calls of gRPC cannot be mirrored: leave out `mirror`, or mirror a rule of another protocol",
    });
  if (endpointTls && protocol !== "https" && protocol !== "grpcs")
    faults.push({
      at: ["endpointTls"],
      message: "endpoints have no certificates without TLS: give the rule `protocol: https` or `grpcs`",
    });
  return faults;
}

// Headers that say where a message ends, or who sent it, belong to the load balancer: a wrong one splits a request in two.
const always = ["connection", "content-length", "keep-alive", "proxy-connection", "te", "trailer"];
const framing = {
  request: new Set([
    ...[...always, "transfer-encoding", "upgrade", "x-request-id", "expect", "host", "http2-settings"],
    ...["x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"],
  ]),
  answer: new Set([...always, "transfer-encoding", "upgrade", "x-request-id", "date", "server"]),
};

function headerFaults(
  field: string,
  changes: HeaderChanges | undefined,
  kept: ReadonlySet<string>,
): RouteFault[] {
  const named = [
    ...Object.keys(changes?.set ?? {}).map((name) => ["set", name] as const),
    ...Object.keys(changes?.add ?? {}).map((name) => ["add", name] as const),
    ...(changes?.remove ?? []).map((name) => ["remove", name] as const),
  ];
  return named
    .filter(([, name]) => kept.has(name.toLowerCase()))
    .map(([how, name]) => ({ at: [field, how], value: name, message: belongs(name) }));
}

const belongs = (name: string): string =>
  name.toLowerCase() === "host"
    ? "the Host header is changed with `rewrite.host`"
    : `header ${name} is the load balancer's own: leave it out`;

const highestGroup = (text: string): number =>
  Math.max(0, ...[...text.matchAll(/\$(\d)/g)].map(([, digit]) => Number(digit)));

/** The groups of a pattern; of one that is refused anyway, as many as anybody may want. */
const groupsOf = (pattern: string): number =>
  regexSubsetFault(pattern) === undefined ? byteRegex(pattern).groups : 9;
