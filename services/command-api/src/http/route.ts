import { HostName, type RouteContent, subjects } from "@eru/events";
import { selectorsOf } from "@eru/routing";
import { z } from "zod";
import { route as decider, type RouteCommand } from "../domain/route.ts";
import { about, type Command, type Decided } from "../handle.ts";
import type { Intent } from "../intent.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";
import { flag } from "./flag.ts";
import { type Declaration, declarationOf, RouteBody } from "./route-body.ts";
import { Host } from "./route-host.ts";

const tag = "routes";
const params = z.strictObject({ host: Host });
const ids = { host: HostName };

/** Commands about routes. */
export function routeRoutes(deps: RouteDeps): void {
  commandRoute(deps, {
    name: "DeclareRoute",
    method: "PUT",
    url: "/v1/routes/:host",
    tag,
    summary: "Declare where requests for a host go",
    description:
      "Replaces everything declared for the host. Some release of each app must have the entrypoint, and the entrypoint must publish the port. A host belongs to the `app` that declared it; `takeOver` takes it.",
    params,
    query: z.strictObject({ takeOver: flag }),
    body: RouteBody,
    ids,
    command: ({ params: { host }, body, query: { takeOver } }) =>
      declareRoute(host, declarationOf(host, body), takeOver),
  });
  commandRoute(deps, {
    name: "RemoveRoute",
    method: "DELETE",
    url: "/v1/routes/:host",
    tag,
    summary: "Remove a route",
    description: "Requests for the host find nothing from then on.",
    params,
    ids,
    command: ({ params: { host } }) => ({
      reads: [],
      writes: [subjects.route(host)],
      decide: (intent) => decide(intent, { type: "RemoveRoute", host }),
    }),
  });
}

function declareRoute(host: string, { content, fieldOf }: Declaration, takeOver: boolean): Command {
  const named = namedIn(content);
  return {
    reads: [
      ...named.apps.map(subjects.app),
      ...named.pods.map(subjects.pod),
      ...named.certificates.map(subjects.certificate),
    ],
    writes: [subjects.route(host)],
    decide: (intent) => {
      const known = knownOf(intent, named);
      const decided = decide(intent, { type: "DeclareRoute", host, content, takeOver, ...known });
      return decided.ok ? decided : atSentField(decided, fieldOf);
    },
  };
}

/** A refusal names the field as it was sent, which for the short form of a rule is another. */
function atSentField(decided: Extract<Decided, { ok: false }>, fieldOf: Declaration["fieldOf"]): Decided {
  const { at } = decided.refusal;
  if (at === undefined) return decided;
  const path = at.split(".").map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  return { ok: false, refusal: { ...decided.refusal, at: fieldOf(path) } };
}

/** The apps, pods and certificates that a route names. */
function namedIn({ app, rules, tls }: RouteContent) {
  const selectors = rules.flatMap(selectorsOf).map(({ selector }) => selector);
  return {
    apps: [...new Set([...(app === undefined ? [] : [app]), ...selectors.map((one) => one.app)])],
    pods: [...new Set(selectors.flatMap(({ pod }) => pod ?? []))],
    certificates: tls && "name" in tls.certificate ? [tls.certificate.name] : [],
  };
}

const knownOf = (intent: Intent, { apps, pods, certificates }: ReturnType<typeof namedIn>) => ({
  apps: new Map(apps.map((app) => [app, intent.apps.get(app)])),
  pods: new Set(pods.filter((pod) => intent.pods.get(pod).phase === "present")),
  certificate: intent.certificates.get(certificates[0] ?? ""),
});

const decide = (intent: Intent, command: RouteCommand) =>
  about(
    subjects.route(command.host),
    { host: command.host },
    decider.decide(intent.routes.get(command.host), command),
  );
