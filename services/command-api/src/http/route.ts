import { HostName, RouteEvent, subjects } from "@eru/events";
import { z } from "zod";
import { route as decider, type RouteCommand } from "../domain/route.ts";
import { about, type Command } from "../handle.ts";
import type { Intent } from "../intent.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";

const Rules = z.strictObject({ rules: RouteEvent.options[0].shape.rules });
const tag = "routes";
const params = z.strictObject({ host: HostName });
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
      "Replaces everything declared for the host. Some release of each app must have the entrypoint, and the entrypoint must publish the port.",
    params,
    body: Rules,
    ids,
    command: ({ params: { host }, body: { rules } }) => declareRoute(host, rules),
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

function declareRoute(host: string, rules: z.output<typeof Rules>["rules"]): Command {
  const appNames = [...new Set(rules.map((rule) => rule.app))];
  const podNames = [...new Set(rules.flatMap((rule) => rule.pod ?? []))];
  return {
    reads: [...appNames.map(subjects.app), ...podNames.map(subjects.pod)],
    writes: [subjects.route(host)],
    decide: (intent) => {
      const apps = new Map(appNames.map((app) => [app, intent.apps.get(app)]));
      const pods = new Set(podNames.filter((pod) => intent.pods.get(pod).phase === "present"));
      return decide(intent, { type: "DeclareRoute", host, rules, apps, pods });
    },
  };
}

const decide = (intent: Intent, command: RouteCommand) =>
  about(
    subjects.route(command.host),
    { host: command.host },
    decider.decide(intent.routes.get(command.host), command),
  );
