import { AppError } from "@eru/events";

/** The log skipped a sequence: it is never deleted from, so something between us and it is wrong. */
export class LogGapError extends AppError {
  readonly code = "log_gap";
  readonly retryable = false;
  readonly seq: number;
  constructor(lastSeq: number, seq: number) {
    super(`the log went on with sequence ${seq} after ${lastSeq}: it must not skip any`);
    this.seq = seq;
  }
}

/** A readable event that a projection could not take in: a bug in the projection, or a history no writer makes. */
export class ProjectionError extends AppError {
  readonly code = "projection_failed";
  readonly retryable = false;
  readonly seq: number;
  constructor(projection: string, subject: string, seq: number, options: ErrorOptions) {
    super(`projection ${projection} cannot apply ${subject} at sequence ${seq}`, options);
    this.seq = seq;
  }
}

/** The log is not the one the view was built from: it is shorter, or holds another message at the view's position. */
export class ForeignLogError extends AppError {
  readonly code = "foreign_log";
  readonly retryable = true;
}

/** The database file cannot be trusted any more; the view has to be built again. */
export class BrokenViewError extends AppError {
  readonly code = "broken_view";
  readonly retryable = true;
}
