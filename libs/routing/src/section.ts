import { type AppSpec, type ElbEntry, type RouteContent, type Rule, rulesFrom } from "@eru/events";
import { canonical } from "./canonical.ts";
import { routeFaults } from "./limits.ts";
import type { RouteFault } from "./route-fault.ts";

/** A host of an `elb` section as a route, and where in the `app.yaml` each of its rules stands. */
export type SectionRoute = {
  readonly content: RouteContent;
  readonly origins: readonly (readonly (string | number)[])[];
};

type Entry = readonly [entrypoint: string, entry: ElbEntry];
const entriesOf = ({ elb = {} }: AppSpec): Entry[] => Object.entries(elb);

/** The hosts whose requests the section sends to an entrypoint. */
export const sectionHosts = ({ elb }: AppSpec, entrypoint: string): readonly string[] =>
  elb && Object.hasOwn(elb, entrypoint) ? (elb[entrypoint]?.hosts ?? []) : [];

/** The whole route of a host: the rules of every entrypoint that names it, owned by the app. */
export function sectionRoute(spec: AppSpec, host: string): SectionRoute {
  const rules: Rule[] = [];
  const origins: (string | number)[][] = [];
  const shared: Partial<Pick<RouteContent, (typeof settings)[number]>> = {};
  for (const [entrypoint, entry] of entriesOf(spec)) {
    if (!entry.hosts.includes(host)) continue;
    const { port, paths } = entry;
    const to = { app: spec.appname, entrypoint, ...(port !== undefined && { port }) };
    rules.push(...rulesFrom(paths.map((pathPrefix) => ({ pathPrefix, ...to }))), ...entry.rules);
    origins.push(
      ...paths.map((_, index) => ["elb", entrypoint, "paths", index]),
      ...entry.rules.map((_, index) => ["elb", entrypoint, "rules", index]),
    );
    for (const name of settings)
      if (entry[name] !== undefined) Object.assign(shared, { [name]: entry[name] });
  }
  return { content: { app: spec.appname, rules, ...shared }, origins };
}

// What a host has once, whichever of its entrypoints says it.
const settings = ["tls", "groups", "slowStartMs", "check"] as const;

/** What is wrong with the `elb` section of an `app.yaml`, with paths in it. */
export function sectionFaults(spec: AppSpec): RouteFault[] {
  const entries = entriesOf(spec);
  const faults = entries.flatMap((entry) => entryFaults(spec, entry));
  if (faults.length > 0) return faults;
  const hosts = new Set(entries.flatMap(([, { hosts }]) => hosts));
  return [...hosts].flatMap((host) => hostFaults(spec, entries, host));
}

function entryFaults({ entrypoints }: AppSpec, [name, { port }]: Entry): RouteFault[] {
  const entrypoint = Object.hasOwn(entrypoints, name) ? entrypoints[name] : undefined;
  if (!entrypoint)
    return [
      {
        at: ["elb", name],
        message: `there is no entrypoint \`${name}\`: there is ${Object.keys(entrypoints).join(", ")}`,
      },
    ];
  if (entrypoint.publish.length === 0)
    return [
      {
        at: ["elb", name],
        message: `entrypoint \`${name}\` publishes no port: add \`publish\` to it, or it cannot be reached`,
      },
    ];
  if (port !== undefined && !entrypoint.publish.includes(port))
    return [
      {
        at: ["elb", name, "port"],
        value: port,
        message: `entrypoint \`${name}\` does not publish port ${port}, but ${entrypoint.publish.join(", ")}`,
      },
    ];
  return [];
}

function hostFaults(spec: AppSpec, entries: readonly Entry[], host: string): RouteFault[] {
  const { content, origins } = sectionRoute(spec, host);
  const ids = content.rules.map(({ id }) => id);
  const twice = ids.findIndex((id, index) => ids.indexOf(id) < index);
  if (twice >= 0)
    return [
      {
        at: origins[twice] ?? ["elb"],
        value: ids[twice] ?? "",
        message: `host ${host} has \`${ids[twice]}\` twice, the first at ${origins[ids.indexOf(ids[twice] ?? "")]?.join(".")}: a path or rule id stands once in a host`,
      },
    ];
  const split = settings.flatMap((name) => {
    const said = entries.filter(([, entry]) => entry.hosts.includes(host) && entry[name] !== undefined);
    const differing = said.find(([, entry]) => canonical(entry[name]) !== canonical(said[0]?.[1][name]));
    return differing
      ? [
          {
            at: ["elb", differing[0], name],
            message: `host ${host} has another \`${name}\` in elb.${said[0]?.[0]}: it can have one`,
          },
        ]
      : [];
  });
  if (split.length > 0) return split;
  return routeFaults(host, content).map((fault) => {
    const [, index, ...rest] = fault.at;
    const origin = typeof index === "number" ? origins[index] : undefined;
    return { ...fault, at: origin ? [...origin, ...(origin[2] === "rules" ? rest : [])] : ["elb"] };
  });
}
