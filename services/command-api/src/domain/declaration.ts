import type { RouteContent, RouteStage, Selector } from "@eru/events";
import { selectorsOf } from "@eru/routing";
import { type App, unknownApp } from "./app.ts";
import { type Certificate, tlsFault } from "./certificate.ts";
import { names, type Refusal } from "./refusal.ts";
import { entrypointOf } from "./template.ts";

/** A change of a route that some load balancers have before the others. */
type Stage = RouteStage & {
  content: RouteContent;
  /** Load balancers that said it may become everybody's. */
  passedBy: ReadonlySet<string>;
  /** What the first that found it bad said. */
  failed?: string;
};

/** A route as its history tells it. `section`: it follows the `elb` section of its app. */
export type Route = (
  | { phase: "absent" }
  | { phase: "declared"; content: RouteContent; section: boolean }
  | { phase: "removed" }
) & {
  /** A change of it that some load balancers have before the others. */
  stage?: Stage;
};

/** A declaration, with what must be known to check it. */
export type Declaration = {
  host: string;
  content: RouteContent;
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
};

/** Why a route cannot be declared so. */
export function declarationFault(state: Route, command: Declaration): Refusal | undefined {
  const { host, content } = command;
  return ownerFault(state, command) ?? contentFault(command) ?? tlsFault(host, content.tls, command);
}

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
function ownerFault(state: Route, { host, content, takeOver }: Declaration): Refusal | undefined {
  if (state.phase !== "declared" || takeOver || state.content.app === content.app) return undefined;
  return { code: "host_owned", host, owner: state.content.app, app: content.app };
}

function contentFault({ content, apps, pods }: Declaration): Refusal | undefined {
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
