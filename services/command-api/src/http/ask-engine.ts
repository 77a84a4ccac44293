import { liveSubjects, type RouteContent, ValidateReply, type ValidateRequest } from "@eru/events";
import { type Live, LogUnavailableError } from "@eru/log";
import { hostLine } from "@eru/routing";
import { Problem } from "@eru/service";

/** How long a load balancer may take to compile what is about to be declared, in milliseconds. */
const timeoutMs = 2_000;

/** A route that is about to be declared. */
export type Wanted = { host: string; content: RouteContent };

/**
 * Lets a load balancer that is alive compile the routes in the very engine that would run them.
 * @returns the load balancer that did; undefined when there was none to ask
 * @throws Problem the engine does not take one
 */
export async function askEngine(live: Live, routes: readonly Wanted[]): Promise<string | undefined> {
  const lines = routes.flatMap(({ host, content }) => {
    const json = hostLine(content);
    return json === undefined ? [] : [{ key: `r:${host}`, json }];
  });
  if (lines.length === 0) return undefined;
  const verdict = await verdictOn(live, { lines });
  // Nobody there, or an answer of another version: what could be checked without it has been checked.
  if (verdict === undefined || "error" in verdict) return undefined;
  if (verdict.ok) return verdict.elb;
  throw new Problem(
    422,
    "engine_refused",
    `nothing was recorded: the engine of load balancer ${verdict.elb} does not take ${verdict.key.slice(2)}: ${verdict.reason}`,
    { faults: [{ field: "rules", message: verdict.reason }] },
  );
}

async function verdictOn(live: Live, question: ValidateRequest): Promise<ValidateReply | undefined> {
  try {
    const reply = await live.request(liveSubjects.validate, JSON.stringify(question), timeoutMs);
    return ValidateReply.safeParse(JSON.parse(reply)).data;
  } catch (error) {
    if (error instanceof LogUnavailableError || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
