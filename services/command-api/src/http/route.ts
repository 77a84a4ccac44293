import { decodeMessage, HostName, type RecordedEvent, type RouteEvent, subjects } from "@eru/events";
import { inPrecedence } from "@eru/routing";
import { z } from "zod";
import { namedIn } from "../domain/declaration.ts";
import { route as decider, type RouteCommand } from "../domain/route.ts";
import { type Version, versionBefore, versionsOf } from "../domain/route-history.ts";
import { about, type Command, type Decided, NotCaughtUpError } from "../handle.ts";
import type { Intent } from "../intent.ts";
import { problemOf } from "../problems.ts";
import { askEngine } from "./ask-engine.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";
import { flag } from "./flag.ts";
import { type Declaration, declarationOf, RouteBody } from "./route-body.ts";
import { Host } from "./route-host.ts";

const tag = "routes";
const params = z.strictObject({ host: Host });
const engine = z
  .string()
  .optional()
  .describe("The load balancer whose engine tried the rules beforehand; absent: there was none to ask.");
const ids = { host: HostName, engine };

const Checked = z.object({
  host: HostName,
  engine,
  changed: z.boolean().describe("Whether declaring it would change something."),
  rules: z.array(z.string()).describe("The ids of the rules in the order in which they are tried."),
});

/** Commands about routes. */
export function routeRoutes(deps: RouteDeps): void {
  const { live, log } = deps.broker;
  commandRoute(deps, {
    name: "DeclareRoute",
    method: "PUT",
    url: "/v1/routes/:host",
    tag,
    summary: "Declare where requests for a host go",
    description:
      "Replaces everything declared for the host. Some release of each app must have the entrypoint, and the entrypoint must publish the port. A host belongs to the `app` that declared it; `takeOver` takes it. A load balancer that is alive tries the rules in its engine before they are recorded. With `dryRun` nothing is recorded.",
    params,
    query: z.strictObject({ takeOver: flag, dryRun: flag }),
    body: RouteBody,
    ids,
    command: async ({ params: { host }, body, query: { takeOver } }) => {
      const declaration = declarationOf(host, body);
      const by = await askEngine(live, [{ host, content: declaration.content }]);
      return declareRoute({ host, takeOver, engine: by }, declaration);
    },
    instead: {
      answer: Checked,
      when: ({ params: { host }, body, query: { dryRun, takeOver } }) =>
        dryRun ? check(deps, { host, takeOver }, body) : undefined,
    },
  });
  commandRoute(deps, {
    name: "UndoRoute",
    method: "POST",
    url: "/v1/routes/:host/undo",
    tag,
    summary: "Put a route back to what it was",
    description:
      "To before its last change, or to how it was at the sequence `to`. What was declared then is checked and declared anew; where there was no route it is removed. An undo can be undone.",
    params,
    body: z.strictObject({ to: z.int().min(1).optional() }).default({}),
    ids,
    command: async ({ params: { host }, body: { to } }) => {
      const history = await log.read(subjects.route(host), 1);
      const events = history.flatMap(decodeMessage) as RecordedEvent<RouteEvent>[];
      return undoRoute(host, { versions: versionsOf(events), knownSeq: events.at(-1)?.seq ?? 0 }, to);
    },
  });
  commandRoute(deps, {
    name: "RemoveRoute",
    method: "DELETE",
    url: "/v1/routes/:host",
    tag,
    summary: "Remove a route",
    description: "Requests for the host find nothing from then on. An undo brings it back.",
    params,
    ids,
    command: ({ params: { host } }) => ({
      reads: [],
      writes: [subjects.route(host)],
      decide: (intent) => decide(intent, { type: "RemoveRoute", host }),
    }),
  });
}

/** Whose declaration it is; `engine`: the load balancer that tried it. */
export type Wish = { host: string; takeOver: boolean; engine?: string | undefined };

function declareRoute(wish: Wish, declaration: Declaration): Command {
  const named = namedIn(declaration.content);
  return {
    reads: [
      ...named.apps.map(subjects.app),
      ...named.pods.map(subjects.pod),
      ...named.certificates.map(subjects.certificate),
    ],
    writes: [subjects.route(wish.host)],
    decide: (intent) => declared(intent, wish, declaration),
  };
}

/** What a declaration comes to. */
export function declared(
  intent: Intent,
  { host, takeOver, engine }: Wish,
  declaration: Declaration,
): Decided {
  const { content, fieldOf } = declaration;
  const known = knownOf(intent, namedIn(content));
  const decided = decide(intent, { type: "DeclareRoute", host, content, takeOver, ...known });
  if (!decided.ok) return atSentField(decided, fieldOf);
  return engine === undefined ? decided : { ...decided, ids: { ...decided.ids, engine } };
}

/** What would become of a declaration, which is refused like the declaration itself. */
async function check(
  deps: RouteDeps,
  wish: Wish,
  body: z.output<typeof RouteBody>,
): Promise<z.infer<typeof Checked>> {
  const { follower } = deps.handling;
  if (!follower.caughtUp) throw new NotCaughtUpError(follower.position);
  const declaration = declarationOf(wish.host, body);
  const by = await askEngine(deps.broker.live, [{ host: wish.host, content: declaration.content }]);
  await follower.catchUp();
  const decided = declared(follower.intent, wish, declaration);
  if (!decided.ok) throw problemOf(decided.refusal, follower.intent);
  return {
    host: wish.host,
    ...(by !== undefined && { engine: by }),
    changed: decided.events.length > 0,
    rules: inPrecedence(declaration.content.rules).map(({ id }) => id),
  };
}

/** The past does not change, so it may be read before the command's turn; the turn sees whether it has grown. */
function undoRoute(
  host: string,
  { versions, knownSeq }: { versions: readonly Version[]; knownSeq: number },
  to: number | undefined,
): Command {
  return {
    reads: [],
    writes: [subjects.route(host)],
    decide: (intent) => {
      const lastSeq = intent.lastSeqOf(subjects.route(host));
      const before = versionBefore(host, versions, { to, lastSeq, knownSeq });
      if (!before.ok) return before;
      const { version } = before;
      if (version?.state.phase !== "declared") return decide(intent, { type: "RemoveRoute", host });
      const { content } = version.state;
      return decide(intent, {
        type: "DeclareRoute",
        host,
        content,
        takeOver: true,
        restores: version.seq,
        ...(version.section !== undefined && { section: version.section }),
        ...knownOf(intent, namedIn(content)),
      });
    },
  };
}

/** A refusal names the field as it was sent, which for the short form of a rule is another. */
export function atSentField(
  decided: Extract<Decided, { ok: false }>,
  fieldOf: Declaration["fieldOf"],
): Decided {
  const { at } = decided.refusal;
  if (at === undefined) return decided;
  const path = at.split(".").map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  return { ok: false, refusal: { ...decided.refusal, at: fieldOf(path) } };
}

/** What must be known about what a route names. */
export const knownOf = (intent: Intent, { apps, pods, certificates }: ReturnType<typeof namedIn>) => ({
  apps: new Map(apps.map((app) => [app, intent.apps.get(app)])),
  pods: new Set(pods.filter((pod) => intent.pods.get(pod).phase === "present")),
  certificate: intent.certificates.get(certificates[0] ?? ""),
  acme: intent.acme,
});

/** Decides a command about a route. */
export const decide = (intent: Intent, command: RouteCommand) =>
  about(
    subjects.route(command.host),
    { host: command.host },
    decider.decide(intent.routes.get(command.host), command),
  );
