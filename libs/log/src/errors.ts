import { AppError } from "@eru/events";

/** Someone else appended first. Catch up with the history and decide again. */
export class ConflictError extends AppError {
  readonly code = "conflict";
  readonly retryable = true;
  /** The subject that moved; absent when the broker did not say which of a batch it was. */
  readonly subject: string | undefined;
  constructor(subject: string | undefined, detail: string, options?: ErrorOptions) {
    super(`append to ${subject ?? "several subjects"} lost a race: ${detail}`, options);
    this.subject = subject;
  }
}

/** No answer in time. Whether an append was stored is unknown: append the same message id again to find out. */
export class LogUnavailableError extends AppError {
  readonly code = "log_unavailable";
  readonly retryable = true;
  /** The id of the message (the first of a batch) whose fate is unknown; absent for reads. */
  readonly messageId: string | undefined;
  constructor(doing: string, messageId?: string, options?: ErrorOptions) {
    super(`no answer from the log while ${doing}${messageId ? ` (message ${messageId})` : ""}`, options);
    this.messageId = messageId;
  }
}

/** The log is out of room: nothing was stored. It takes messages again when there is room. */
export class LogFullError extends AppError {
  readonly code = "log_full";
  readonly retryable = true;
  constructor(why: string, options?: ErrorOptions) {
    super(
      `the log is out of room: ${why}; give the broker more disk (max_file_store) or the stream more bytes`,
      options,
    );
  }
}

/** The message with its headers is larger than the stream takes: split its events over several messages. */
export class MessageTooLargeError extends AppError {
  readonly code = "message_too_large";
  readonly retryable = false;
  constructor(subject: string, bytes: number, bytesMax: number) {
    super(`the message for ${subject} has ${bytes} bytes, at most ${bytesMax} are stored: split its events`);
  }
}

/** The server's limit for one batch is lower: nothing was stored. Write several, or raise `jetstream.limits.batch.max_msgs`. */
export class BatchTooLargeError extends AppError {
  readonly code = "batch_too_large";
  readonly retryable = true;
  constructor(messages: number, detail: string) {
    super(
      `the broker takes no batch of ${messages} messages: ${detail}; raise jetstream.limits.batch.max_msgs in its configuration`,
    );
  }
}

/** One setting of a stream that is not what this program needs. */
export type SettingDifference = { setting: string; wanted: string; actual: string };

/** The stream is not configured as this program needs it. Running on would lose its guarantees silently. */
export class StreamMismatchError extends AppError {
  readonly code = "stream_mismatch";
  readonly retryable = false;
  readonly differences: readonly SettingDifference[];
  constructor(stream: string, differences: readonly SettingDifference[]) {
    const list = differences.map((one) => `${one.setting} is ${one.actual}, wanted ${one.wanted}`).join("; ");
    super(
      `stream ${stream} differs from what is needed: ${list}; run \`eru up\` to set it up, or correct it by hand`,
    );
    this.differences = differences;
  }
}

/** The server would ignore features that the log depends on. */
export class ServerTooOldError extends AppError {
  readonly code = "server_too_old";
  readonly retryable = false;
  constructor(version: string, wanted: string) {
    super(`nats-server ${version} is too old, ${wanted} is needed: \`make setup\` installs one`);
  }
}

/** The broker refuses this user that operation: its permissions do not fit what the program does. */
export class NotPermittedError extends AppError {
  readonly code = "not_permitted";
  readonly retryable = false;
  constructor(user: string, doing: string, options?: ErrorOptions) {
    super(`NATS user ${user} may not ${doing}: check its password and its permissions`, options);
  }
}

/** A reader is further than the log: the log was replaced or lost its end. Its views must be rebuilt. */
export class CheckpointAheadError extends AppError {
  readonly code = "checkpoint_ahead";
  readonly retryable = false;
  constructor(fromSeq: number, lastSeq: number) {
    super(
      `asked to read from sequence ${fromSeq}, the log ends at ${lastSeq}: it was replaced or lost its end; rebuild what was read from it`,
    );
  }
}
