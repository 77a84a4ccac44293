import { subjects } from "@eru/events";
import { z } from "zod";
import { namedIn } from "../domain/declaration.ts";
import type { Command, Decided } from "../handle.ts";
import { askEngine } from "./ask-engine.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";
import { flag } from "./flag.ts";
import { declared, type Wish } from "./route.ts";
import { type Declaration, declarationOf, RouteBody } from "./route-body.ts";
import { Host } from "./route-host.ts";

/** Routes of one command: each is a message of the batch, and a batch has a limit. */
const routesMax = 500;

const Routes = z.strictObject({
  routes: z
    .array(z.strictObject({ host: Host, route: RouteBody }))
    .min(1)
    .max(routesMax, `at most ${routesMax} routes are declared at once: send the others after them`)
    .refine(
      (routes) => new Set(routes.map(({ host }) => host)).size === routes.length,
      "a host is named twice: what it shall have is declared once",
    ),
});

type One = { host: string; declaration: Declaration };

/** The command about several routes. */
export function routesAtOnce(deps: RouteDeps): void {
  commandRoute(deps, {
    name: "DeclareRoutes",
    method: "POST",
    url: "/v1/routes",
    tag: "routes",
    summary: "Declare the routes of several hosts, all or none",
    description:
      "As declaring each, in one atomic batch: what one is refused for refuses all, and no load balancer sees some of them without the others for longer than a moment. Those that are so already are left as they are.",
    query: z.strictObject({ takeOver: flag }),
    body: Routes,
    ids: {},
    command: async ({ body: { routes }, query: { takeOver } }) => {
      const all = routes.map(({ host, route }) => ({ host, declaration: declarationOf(host, route) }));
      await askEngine(
        deps.broker.live,
        all.map(({ host, declaration }) => ({ host, content: declaration.content })),
      );
      return declareAll(all, takeOver);
    },
  });
}

function declareAll(all: readonly One[], takeOver: boolean): Command {
  const named = all.map(({ declaration }) => namedIn(declaration.content));
  const each = (keys: (of: (typeof named)[number]) => readonly string[]): string[] => [
    ...new Set(named.flatMap(keys)),
  ];
  return {
    reads: [
      ...each(({ apps }) => apps.map(subjects.app)),
      ...each(({ pods }) => pods.map(subjects.pod)),
      ...each(({ certificates }) => certificates.map(subjects.certificate)),
    ],
    writes: all.map(({ host }) => subjects.route(host)),
    decide: (intent) => {
      const changes: Extract<Decided, { ok: true }>[] = [];
      for (const [index, { host, declaration }] of all.entries()) {
        const wish: Wish = { host, takeOver };
        const decided = declared(intent, wish, declaration);
        if (!decided.ok) return atRoute(decided, index);
        changes.push(decided);
      }
      const [first, ...also] = changes.filter(({ events }) => events.length > 0);
      const [any] = changes;
      if (first) return { ...first, ids: {}, also };
      return any ? { ...any, ids: {} } : { ok: true, subject: "", ids: {}, events: [] };
    },
  };
}

/** A refusal names the field as it was sent. */
const atRoute = (decided: Extract<Decided, { ok: false }>, index: number): Decided => ({
  ok: false,
  refusal: { ...decided.refusal, at: `routes.${index}.route.${decided.refusal.at ?? "app"}` },
});
