import { AppError, subjects } from "@eru/events";
import { type Logger, pause } from "@eru/service";
import { ulid } from "ulid";
import { dueOf } from "./domain/stage.ts";
import { type Caller, type Command, type HandleDeps, handle } from "./handle.ts";
import { abortStage, promoteStage } from "./http/stage.ts";
import { problemOf } from "./problems.ts";

const lookEveryMs = 200;
const actor = "command-api";

/**
 * Ends staged changes of routes by what the load balancers that have them said: promotes them when all passed, takes them
 * back when one failed. What was said is in the log, so whoever runs next goes on; two at once are told apart by the
 * history's last sequence.
 */
export async function keepStages(deps: HandleDeps, log: Logger, signal: AbortSignal): Promise<void> {
  const { follower } = deps;
  await Promise.race([follower.ready, new Promise((resolve) => signal.addEventListener("abort", resolve))]);
  while (!signal.aborted) {
    for (const host of [...follower.intent.dueStages]) await end(deps, host, log);
    await pause(lookEveryMs, signal);
  }
}

async function end(deps: HandleDeps, host: string, log: Logger): Promise<void> {
  const state = deps.follower.intent.routes.get(host);
  const due = dueOf(state);
  if (!due || !state.stage) return;
  const { stage, failed = "" } = state.stage;
  const wish = due === "promote" ? promoteStage(host) : abortStage(host, "failed", failed);
  try {
    const outcome = await handle(deps, caller(), onlyIf(wish, host, stage));
    if (outcome.ok) {
      await deps.follower.reach(outcome.seq);
      log.info({ host, stage, due }, "a staged route is ended by what its load balancers said");
      return;
    }
    // What it names is not there any more: it never will be what everybody has.
    const { refusal } = outcome;
    const why = "commandId" in refusal ? refusal.code : problemOf(refusal, deps.follower.intent).message;
    await handle(deps, caller(), onlyIf(abortStage(host, "failed", why), host, stage));
  } catch (error) {
    if (!(error instanceof AppError && error.retryable)) throw error;
    log.warn({ err: error, host, stage }, "a staged route is not ended yet");
  }
}

const caller = (): Caller => ({ actor, commandId: ulid(), digest: "" });

/** Nothing, when another one ended it meanwhile. */
const onlyIf = (command: Command, host: string, stage: string): Command => ({
  ...command,
  decide: (intent) =>
    intent.routes.get(host).stage?.stage === stage
      ? command.decide(intent)
      : { ok: true, subject: subjects.route(host), ids: { host }, events: [] },
});
