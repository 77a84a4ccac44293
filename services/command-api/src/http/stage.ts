import { type ElbHeartbeat, ElbName, HostName, promoteAfterMsMax, RouteStage, subjects } from "@eru/events";
import { z } from "zod";
import { namedIn } from "../domain/declaration.ts";
import { names } from "../domain/refusal.ts";
import type { Command } from "../handle.ts";
import type { Intent } from "../intent.ts";
import { askEngine } from "./ask-engine.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";
import { elbsHeard, heartbeatsMs } from "./elbs-heard.ts";
import { flag } from "./flag.ts";
import { atSentField, decide, knownOf } from "./route.ts";
import { type Declaration, declarationOf, RouteBody } from "./route-body.ts";
import { Host } from "./route-host.ts";

const tag = "routes";
const params = z.strictObject({ host: Host });
const elbsAnswer = z.array(ElbName).optional().describe("The load balancers that get it first.");
const ids = { host: HostName, elbs: elbsAnswer };

const StageBody = z.strictObject({
  route: RouteBody.describe("Everything the host shall have."),
  elbs: RouteStage.shape.elbs
    .optional()
    .describe(
      "Who gets it first; absent: the first by name that is alive, of each group that serves the host.",
    ),
  promoteAfterMs: RouteStage.shape.promoteAfterMs.describe(
    `After so many milliseconds it is declared for all, if those load balancers took it and answers got no worse; absent: when somebody says so. At most ${promoteAfterMsMax}.`,
  ),
  failuresMaxPercent: RouteStage.shape.failuresMaxPercent.describe(
    "Percent of the host's answers that may be 5xx beyond what was before; absent: 1.",
  ),
});

/** Commands about changes of routes that some load balancers get before the others. */
export function stageRoutes(deps: RouteDeps): void {
  const { live } = deps.broker;
  commandRoute(deps, {
    name: "StageRoute",
    method: "POST",
    url: "/v1/routes/:host/stage",
    tag,
    summary: "Declare a route at some load balancers first",
    description:
      "Checked like a declaration. Those load balancers route by it, the others as before, while endpoints go on changing for all. When the engine of one refuses it, it is taken back. One change at a time is staged for a host, and nothing else is declared for it meanwhile.",
    params,
    query: z.strictObject({ takeOver: flag }),
    body: StageBody,
    ids,
    command: async ({ params: { host }, body, query: { takeOver }, commandId }) => {
      const { route, elbs: named, ...limits } = body;
      const declaration = declarationOf(host, route);
      await askEngine(live, [{ host, content: declaration.content }]);
      const { groups } = declaration.content;
      const { heartbeatsMs: mostMs = heartbeatsMs } = deps.limits;
      const heard = await elbsHeard(live, mostMs, (all) => named?.every((elb) => all.has(elb)) ?? false);
      return stageRoute({ host, takeOver, declaration }, (intent) => {
        const serving = [...heard.values()].filter((one) => serves(intent, one, groups));
        const elbs = named
          ? named.filter((elb) => serving.some((one) => one.elb === elb))
          : firstOfEach(serving);
        return elbs.length === (named ?? elbs).length && elbs.length > 0
          ? { stage: commandId, elbs, ...limits }
          : undefined;
      });
    },
  });
  commandRoute(deps, {
    name: "PromoteRouteStage",
    method: "POST",
    url: "/v1/routes/:host/stage/promote",
    tag,
    summary: "Declare for all what was staged",
    description: "Checked again; what the first load balancers saw is not asked.",
    params,
    ids: { host: HostName },
    command: ({ params: { host } }) => promoteStage(host),
  });
  commandRoute(deps, {
    name: "AbortRouteStage",
    method: "POST",
    url: "/v1/routes/:host/stage/abort",
    tag,
    summary: "Take back what was staged",
    description: "All load balancers route by what is declared again.",
    params,
    ids: { host: HostName },
    command: ({ params: { host } }) => abortStage(host, "aborted", ""),
  });
}

/** Declares for all what is staged for a host. */
export const promoteStage = (host: string): Command => ({
  reads: [],
  writes: [subjects.route(host)],
  decide: (intent) => {
    const { stage } = intent.routes.get(host);
    const named = stage ? namedIn(stage.content) : { apps: [], pods: [], certificates: [] };
    return decide(intent, { type: "PromoteRouteStage", host, ...knownOf(intent, named) });
  },
});

/** Takes back what is staged for a host. */
export const abortStage = (host: string, because: "aborted" | "failed", detail: string): Command => ({
  reads: [],
  writes: [subjects.route(host)],
  decide: (intent) => decide(intent, { type: "AbortRouteStage", host, because, detail }),
});

type Wish = { host: string; takeOver: boolean; declaration: Declaration };

function stageRoute(
  { host, takeOver, declaration }: Wish,
  stageOf: (intent: Intent) => RouteStage | undefined,
): Command {
  const { content, fieldOf } = declaration;
  const named = namedIn(content);
  return {
    reads: [
      ...named.apps.map(subjects.app),
      ...named.pods.map(subjects.pod),
      ...named.certificates.map(subjects.certificate),
    ],
    writes: [subjects.route(host)],
    decide: (intent) => {
      const stage = stageOf(intent);
      if (!stage)
        return { ok: false, refusal: { code: "nobody_to_stage", host, groups: names(content.groups ?? []) } };
      const known = knownOf(intent, named);
      const decided = decide(intent, { type: "StageRoute", host, content, stage, takeOver, ...known });
      if (!decided.ok) return atSentField(decided, fieldOf);
      return { ...decided, ids: { ...decided.ids, elbs: stage.elbs } };
    },
  };
}

/** Alive, of the route's groups, and not told to leave. */
function serves(
  intent: Intent,
  { elb, group = "default", left }: ElbHeartbeat,
  groups?: readonly string[],
): boolean {
  const state = intent.elbs.get(elb);
  const leaves = left === true || (state.phase === "known" && state.leaving);
  return !leaves && (groups?.includes(group) ?? true);
}

/** The first by name of each group. */
function firstOfEach(heard: readonly ElbHeartbeat[]): string[] {
  const first = new Map<string, string>();
  for (const { elb, group = "default" } of heard.toSorted((a, b) => (a.elb < b.elb ? -1 : 1)))
    if (!first.has(group)) first.set(group, elb);
  return [...first.values()].sort();
}
