import { AppError, assert, type Decision, type EruEvent } from "@eru/events";
import { type Append, type Appended, ConflictError, type Log } from "@eru/log";
import type { Refusal } from "./domain/refusal.ts";
import type { Follower } from "./follower.ts";
import type { Answer, Ids, Intent } from "./intent.ts";
import type { Keep, Turns } from "./turns.ts";

/** How often a command is decided again when others append to the same history. */
const attemptsMax = 5;

/** Who asks, and how the asking is recognised when it comes again. */
export type Caller = { actor: string; commandId: string; digest: string };

/** What is to be recorded in one history. */
type Recording = { subject: string; events: readonly EruEvent[] };

/** A decision about one history, and what goes with it in others: all of it is recorded, or nothing. */
export type Decided =
  | ({ ok: true; ids: Ids; also?: readonly Recording[] } & Recording)
  | { ok: false; refusal: Refusal };

/**
 * What is asked: decided on the intent when its turn has come, again whenever that turned out to be out of date. What an
 * acceptance depends on must be among its keys; a refusal is checked against the whole log in any case.
 */
export type Command = {
  /** Keys of what the decision depends on, and of what it changes; see Turns. */
  reads: readonly string[];
  writes: readonly string[];
  decide: (intent: Intent) => Decided;
};

/** How a command ended well: recorded now, recorded before under the same key, or already true. */
type Accepted = { ok: true; how: "recorded" | "repeated" | "unchanged"; seq: number; ids: Ids };
/** How a command ended. */
export type Outcome =
  | Accepted
  | { ok: false; refusal: Refusal | { code: "idempotency_key_reused"; commandId: string } };

/** The log has not been read to its end yet. */
export class NotCaughtUpError extends AppError {
  readonly code = "not_caught_up";
  readonly retryable = true;
  constructor(position: number) {
    super(`still reading the log, at sequence ${position}`);
  }
}

/** What handling needs; time and ids come from outside. */
export type HandleDeps = {
  log: Log;
  follower: Follower;
  turns: Turns;
  now: () => Date;
  /** Told how long each append took. */
  appended: (seconds: number) => void;
};

/** Puts a decider's answer together with the history it is about. */
export function about(subject: string, ids: Ids, decision: Decision<EruEvent, Refusal>): Decided {
  return decision.ok ? { ok: true, subject, ids, events: decision.events } : decision;
}

/**
 * Decides a command and records its events. The only I/O around a decider, and the only place that retries a lost race.
 * @throws ConflictError others kept appending to the history
 * @throws LogUnavailableError whether it was recorded is unknown: the same command id again finds out
 * @throws LogFullError nothing was recorded
 * @throws NotCaughtUpError nothing was decided
 * @throws NoTurnError nothing was decided
 */
export async function handle(deps: HandleDeps, caller: Caller, command: Command): Promise<Outcome> {
  if (!deps.follower.caughtUp) throw new NotCaughtUpError(deps.follower.position);
  const keys = { shared: command.reads, exclusive: [...command.writes, `command ${caller.commandId}`] };
  return await deps.turns.take(keys, (keep) => decideAndAppend(deps, caller, command, keep));
}

async function decideAndAppend(
  deps: HandleDeps,
  caller: Caller,
  command: Command,
  keep: Keep,
): Promise<Outcome> {
  const { follower } = deps;
  let current = false;
  for (let attempt = 1; ; ) {
    const first = follower.intent.answerTo(caller.commandId);
    if (first) return repeated(first, caller);
    const decided = command.decide(follower.intent);
    if (decided.ok && decided.events.length > 0) {
      try {
        return await append(deps, caller, decided, keep);
      } catch (error) {
        if (!(error instanceof ConflictError) || attempt === attemptsMax) throw error;
        attempt++;
      }
    } else if (current) {
      // No is said, and "already so", only on what the whole log said after the question came.
      if (!decided.ok) return decided;
      const seq = follower.intent.lastSeqOf(decided.subject);
      return { ok: true, how: "unchanged", seq, ids: decided.ids };
    }
    await follower.catchUp();
    current = true;
  }
}

async function append(
  { log, follower, now, appended: measured }: HandleDeps,
  caller: Caller,
  { subject, events, ids, also = [] }: Extract<Decided, { ok: true }>,
  keep: Keep,
): Promise<Outcome> {
  const { actor, commandId, digest } = caller;
  const cause = { correlationId: commandId, causationId: commandId };
  const begin = performance.now();
  const meta = { id: commandId, time: now().toISOString(), actor, commandId, commandDigest: digest };
  const appends = [{ subject, events }, ...also].map((one) => ({
    subject: one.subject,
    expectedLastSeq: follower.intent.lastSeqOf(one.subject),
    message: { meta, events: one.events.map((event) => ({ event, cause })) },
  }));
  const [{ seq, duplicate }, last] = await store(log, appends);
  measured((performance.now() - begin) / 1_000);
  // It is durable, so the caller has the answer now; what depends on it waits until it is applied here.
  keep(follower.applied(last));
  if (!duplicate) return { ok: true, how: "recorded", seq, ids };
  await follower.reach(seq);
  const first = follower.intent.answerTo(commandId);
  return first ? repeated(first, caller) : { ok: true, how: "repeated", seq, ids };
}

/** Where the first of the messages was stored, and the sequence of the last. */
async function store(log: Log, appends: readonly Append[]): Promise<[first: Appended, lastSeq: number]> {
  const [only] = appends;
  const stored = appends.length === 1 && only ? [await log.append(only)] : await log.appendBatch(appends);
  const [first] = stored;
  assert(first !== undefined, "an append without messages");
  return [first, stored.at(-1)?.seq ?? first.seq];
}

/** The first answer again, to the same question; another question under the same key is a mistake. */
function repeated({ seq, ids, digest }: Answer, caller: Caller): Outcome {
  if (digest !== caller.digest)
    return { ok: false, refusal: { code: "idempotency_key_reused", commandId: caller.commandId } };
  return { ok: true, how: "repeated", seq, ids };
}
