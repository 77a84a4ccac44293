import { AppError } from "@eru/events";

/** nginx refused to start. The message holds what it said. */
export class NginxStartError extends AppError {
  readonly code = "nginx_start";
  readonly retryable = true;
  /** The line of the boot file nginx does not take, when that was the reason. */
  readonly rejected: { key: string; reason: string } | undefined;
  constructor(said: string, options?: ErrorOptions) {
    super(`nginx did not start: ${said}`, options);
    const found = /boot file \S+: rejects (\S+) in line \d+: ([^\n]*)/.exec(said);
    this.rejected = found?.[1] && found[2] ? { key: found[1], reason: found[2] } : undefined;
  }
}
