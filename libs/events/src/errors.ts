/** Base of every error thrown on purpose. `retryable` is what a caller may ask without knowing the class. */
export abstract class AppError extends Error {
  abstract readonly code: string;
  abstract readonly retryable: boolean;
  override get name(): string {
    return this.constructor.name;
  }
}

/** A message of the log that this process cannot read: a newer schema, a damaged body. Readers stop on it by name. */
export class UnreadableEventError extends AppError {
  readonly code = "unreadable_event";
  readonly retryable = false;
  readonly subject: string;
  readonly seq: number;
  constructor(subject: string, seq: number, why: string, options?: ErrorOptions) {
    super(`cannot read ${subject} at sequence ${seq}: ${why}`, options);
    this.subject = subject;
    this.seq = seq;
  }
}

/** Not for input: for states that only a bug can reach. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`);
}

/** Closes a switch over a union: the compiler refuses a forgotten case, the run time a smuggled one. */
export function unreachable(value: never): never {
  throw new Error(`invariant broken: unexpected ${JSON.stringify(value)}`);
}
