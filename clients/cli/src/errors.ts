/** How `eru` ends. Scripts may rely on these numbers. */
export const exitCodes = {
  ok: 0,
  /** The request was taken, but what was asked for did not come true: `--wait` failed or ran out of time. */
  notTrue: 1,
  /** The command line is wrong, or no context can be found. */
  usage: 2,
  /** A server refused: it answered 4xx. */
  refused: 3,
  /** No server answered, or it answered 5xx. */
  unreachable: 4,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** What Ctrl-C ends with, as shells expect it: 128 + SIGINT. */
export const interruptedCode = 130;

/** One field of what was asked that is not as it must be. */
export type Fault = { field: string; value?: unknown; message: string };

/** A failure a person can act on: what happened, which fields are at fault, what to do next. */
export class CliError extends Error {
  readonly exitCode: ExitCode;
  readonly faults: readonly Fault[];
  /** The next step, as a phrase: "run `eru pod list`". */
  readonly next: string | undefined;
  /** The server's machine-readable reason, when a server answered. */
  readonly code: string | undefined;
  constructor(
    exitCode: ExitCode,
    message: string,
    more: { faults?: readonly Fault[]; next?: string | undefined; code?: string; cause?: unknown } = {},
  ) {
    super(message, { cause: more.cause });
    this.exitCode = exitCode;
    this.faults = more.faults ?? [];
    this.next = more.next;
    this.code = more.code;
  }
}
