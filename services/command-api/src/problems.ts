import {
  bodyBytesMax,
  ConflictError,
  LogFullError,
  LogUnavailableError,
  MessageTooLargeError,
} from "@eru/log";
import { Problem } from "@eru/service";
import { type Caller, NotCaughtUpError, type Outcome } from "./handle.ts";
import type { Intent } from "./intent.ts";
import { answerTo } from "./refusals.ts";
import { NoTurnError } from "./turns.ts";

/** Seconds after which a caller may try again when the log did not answer. */
const retryAfterSeconds = "2";

/** A refusal as the problem that is answered. */
export function problemOf(refusal: Extract<Outcome, { ok: false }>["refusal"], intent: Intent): Problem {
  if (refusal.code === "idempotency_key_reused")
    return new Problem(
      422,
      refusal.code,
      `Idempotency-Key ${refusal.commandId} was used for another command: use a new key, or repeat the first one unchanged`,
      {
        faults: [{ field: "idempotency-key", value: refusal.commandId, message: "used for another command" }],
      },
    );
  const { status, detail, fault } = answerTo(refusal, intent);
  return new Problem(status, refusal.code, detail, { faults: [fault] });
}

/** A failure of what is around us as the problem that is answered; undefined for a bug. */
export function problemOfFailure(
  error: unknown,
  { commandId }: Pick<Caller, "commandId">,
): Problem | undefined {
  const again = `send it again with \`Idempotency-Key: ${commandId}\``;
  const headers = { "retry-after": retryAfterSeconds };
  if (error instanceof ConflictError)
    return new Problem(409, "conflict", `others keep changing the same thing; look at it and ${again}`, {
      commandId,
      cause: error,
    });
  if (error instanceof LogUnavailableError)
    return new Problem(
      503,
      "log_unavailable",
      `the log does not answer; whether the command was recorded is unknown: ${again}, it happens at most once`,
      { headers, commandId, cause: error },
    );
  if (error instanceof NotCaughtUpError || error instanceof NoTurnError)
    return new Problem(
      503,
      error instanceof NoTurnError ? "busy" : "not_ready",
      `${error.message}: nothing was decided, ${again}`,
      {
        headers,
        commandId,
      },
    );
  if (error instanceof LogFullError)
    return new Problem(507, "log_full", `nothing was recorded: ${error.message}`, {
      commandId,
      cause: error,
    });
  if (error instanceof MessageTooLargeError)
    return new Problem(
      413,
      "event_too_large",
      `nothing was recorded: the command's event would be larger than the ${bodyBytesMax} bytes a message of the log takes; shorten its texts and lists (an app.yaml counts twice: as text and as parsed)`,
      { cause: error },
    );
  return undefined;
}
