import { AppError } from "@eru/events";

/** The installation cannot be started, stopped or read. The message says what to do. */
export class LocalError extends AppError {
  readonly code = "local";
  readonly retryable = false;
}
