import {
  accept,
  type Decider,
  type RouteContent,
  type RouteEvent,
  refuse,
  type Selector,
  unreachable,
} from "@eru/events";
import { selectorsOf } from "@eru/routing";
import { type App, unknownApp } from "./app.ts";
import { type Certificate, tlsFault } from "./certificate.ts";
import { names, type Refusal } from "./refusal.ts";
import { same } from "./same.ts";
import { entrypointOf } from "./template.ts";

/** A route as its history tells it. `section`: it follows the `elb` section of its app. */
export type Route =
  | { phase: "absent" }
  | { phase: "declared"; content: RouteContent; section: boolean }
  | { phase: "removed" };

/** What may be asked of a route, with what must be known about its neighbours. */
export type RouteCommand =
  | {
      type: "DeclareRoute";
      host: string;
      content: RouteContent;
      /** The release whose `elb` section this is, when it is one. */
      section?: string;
      /** The declaration that is repeated, when this is an undo. */
      restores?: number;
      /** Whether the host may be taken from its owner. */
      takeOver: boolean;
      /** The apps that the content names. */
      apps: ReadonlyMap<string, App>;
      /** The pods that the rules name and that are there. */
      pods: ReadonlySet<string>;
      /** The certificate that the content names. */
      certificate: Certificate;
      /** Whether the zone gets certificates from an ACME directory. */
      acme: boolean;
    }
  | { type: "RemoveRoute"; host: string };

type Declare = Extract<RouteCommand, { type: "DeclareRoute" }>;

/** Declaring replaces everything declared for the host. */
export const route: Decider<Route, RouteCommand, RouteEvent, Refusal> = {
  initial: { phase: "absent" },

  evolve: (_state, event) => {
    switch (event.type) {
      case "RouteDeclared": {
        const { type: _, host: __, section, restores: ___, ...content } = event;
        return { phase: "declared", content, section: section !== undefined };
      }
      case "RouteRemoved":
        return { phase: "removed" };
      default:
        return unreachable(event);
    }
  },

  decide: (state, command) => {
    const { host } = command;
    switch (command.type) {
      case "DeclareRoute": {
        const { content, section, restores } = command;
        const fault =
          ownerFault(state, command) ?? contentFault(command) ?? tlsFault(host, content.tls, command);
        if (fault) return refuse(fault);
        const asBefore =
          state.phase === "declared" &&
          same(state.content, content) &&
          state.section === (section !== undefined);
        if (asBefore) return accept();
        return accept({
          type: "RouteDeclared",
          host,
          ...content,
          ...(section !== undefined && { section }),
          ...(restores !== undefined && { restores }),
        });
      }
      case "RemoveRoute":
        if (state.phase === "removed") return accept();
        if (state.phase === "absent") return refuse({ code: "route_unknown", host });
        return accept({ type: "RouteRemoved", host });
      default:
        return unreachable(command);
    }
  },
};

/** The apps, pods and certificates that a route names. */
export function namedIn({ app, rules, tls }: RouteContent): {
  apps: string[];
  pods: string[];
  certificates: string[];
} {
  const selectors = rules.flatMap(selectorsOf).map(({ selector }) => selector);
  return {
    apps: [...new Set([...(app === undefined ? [] : [app]), ...selectors.map((one) => one.app)])],
    pods: [...new Set(selectors.flatMap(({ pod }) => pod ?? []))],
    certificates: tls && "name" in tls.certificate ? [tls.certificate.name] : [],
  };
}

/** A host belongs to who declared it: an app, or nobody's in particular. Others must say that they take it over. */
function ownerFault(state: Route, { host, content, takeOver }: Declare): Refusal | undefined {
  if (state.phase !== "declared" || takeOver || state.content.app === content.app) return undefined;
  return { code: "host_owned", host, owner: state.content.app, app: content.app };
}

function contentFault({ content, apps, pods }: Declare): Refusal | undefined {
  const stateOf = (app: string): App => apps.get(app) ?? { phase: "absent" };
  if (content.app !== undefined && stateOf(content.app).phase !== "present")
    return unknownApp(content.app, stateOf(content.app));
  for (const [index, rule] of content.rules.entries())
    for (const { at, selector } of selectorsOf(rule)) {
      const fault = faultOf(selector, stateOf(selector.app), pods);
      if (fault) return { ...fault.refusal, at: ["rules", index, ...at, fault.field].join(".") };
    }
  return undefined;
}

type Fault = { field: keyof Selector; refusal: Refusal };

/** Some release must have what the selector points at; which one runs is the deployments' matter. */
function faultOf(selector: Selector, state: App, pods: ReadonlySet<string>): Fault | undefined {
  const { app, entrypoint, pod, port, release } = selector;
  if (state.phase !== "present") return { field: "app", refusal: unknownApp(app, state) };
  if (state.releases.size === 0) return { field: "app", refusal: { code: "app_without_release", app } };
  if (release !== undefined && !state.releases.has(release)) {
    const known = names(state.releases.keys());
    return { field: "release", refusal: { code: "release_unknown", app, release, known } };
  }
  const specs = [...state.releases]
    .filter(([name]) => release === undefined || name === release)
    .map(([, { spec }]) => spec.entrypoints);
  const found = specs.map((all) => entrypointOf(all, entrypoint)).filter((one) => one !== undefined);
  if (found.length === 0) {
    const known = names(new Set(specs.flatMap((all) => Object.keys(all))));
    return { field: "entrypoint", refusal: { code: "entrypoint_unknown", app, entrypoint, known } };
  }
  const published = [...new Set(found.flatMap((one) => one.publish))].sort((one, other) => one - other);
  if (published.length === 0)
    return { field: "entrypoint", refusal: { code: "nothing_published", app, entrypoint } };
  if (port !== undefined && !published.includes(port))
    return { field: "port", refusal: { code: "port_not_published", app, entrypoint, port, published } };
  if (pod !== undefined && !pods.has(pod))
    return { field: "pod", refusal: { code: "pod_unknown", pod, removed: false } };
  return undefined;
}
