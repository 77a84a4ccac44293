import { backOffMs, type Logger, pause } from "@eru/service";
import { type NginxAdmin, NginxUnreachableError, type Status } from "./nginx-admin.ts";
import { NginxStartError } from "./nginx-error.ts";
import { type NginxProcess, send } from "./nginx-process.ts";

export type KeeperDeps = {
  process: NginxProcess;
  admin: NginxAdmin;
  log: Logger;
  newBootId: () => string;
  /** The newest table as a boot file, or undefined when only the file that is there can be used. */
  bootText: () => string | undefined;
  /** nginx refused to start because of this line. */
  rejected: (rejected: { key: string; reason: string }) => void;
  /** Another nginx than before serves. */
  booted: (bootId: string) => void;
  /** A master that lives but does not answer for so long is replaced. */
  silentMostMs: number;
};

const lookEveryMs = 250;
/** A last answer so long ago does not prove that nginx serves. */
const freshMs = 2_000;
/** What an nginx that does not answer gets to end by itself. */
const silentGraceMs = 1_000;
/** What requests under way get to finish when the service ends: less than a supervisor's patience. */
const quitGraceMs = 8_000;
const retryFirstMs = 500;
const retryMostMs = 15_000;
const startLooksMax = 100;
const startLookMs = 10;
const dismissMostMs = 2_000;
const dismissLookMs = 20;
const trimLogsEveryMs = 60_000;

/** Keeps one nginx serving: takes over one that runs, replaces one that died, never ends one that works. */
export class NginxKeeper {
  readonly #deps: KeeperDeps;
  #status: Status | undefined;
  #answeredAtMs = performance.now();
  #fault: string | undefined;
  #failures = 0;
  #starts = 0;
  #trimmedAtMs = performance.now();

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  /** What nginx answered last, if that was a moment ago. */
  get serving(): Status | undefined {
    return performance.now() - this.#answeredAtMs < freshMs ? this.#status : undefined;
  }

  /** Why nginx does not serve. */
  get fault(): string | undefined {
    return this.serving ? undefined : (this.#fault ?? "nginx does not answer yet");
  }

  /** How often nginx was started. */
  get starts(): number {
    return this.#starts;
  }

  /**
   * Looks after nginx until the signal aborts. `mayStart` is asked while nginx does not run: false while the table is
   * still being computed.
   */
  async run(mayStart: () => boolean, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const status = await this.#ask();
      if (status && !status.orphaned) await this.#note(status);
      else if (mayStart()) await this.#replace(status, signal);
      if (performance.now() - this.#trimmedAtMs > trimLogsEveryMs) {
        this.#trimmedAtMs = performance.now();
        await this.#deps.process.trimLogs();
      }
      await pause(lookEveryMs, signal);
    }
  }

  /** Lets nginx finish and end. */
  async quit(): Promise<void> {
    const pid = (await this.#ask())?.masterPid ?? (await this.#deps.process.readPid());
    if (pid !== undefined) await this.#deps.process.quit(pid, quitGraceMs);
  }

  async #ask(): Promise<Status | undefined> {
    try {
      return await this.#deps.admin.status();
    } catch (error) {
      if (!(error instanceof NginxUnreachableError)) throw error;
      return undefined;
    }
  }

  async #note(status: Status): Promise<void> {
    const before = this.#status?.bootId;
    this.#status = status;
    this.#answeredAtMs = performance.now();
    this.#fault = undefined;
    this.#failures = 0;
    if (status.bootId === before) return;
    await this.#deps.process.writePid(status.masterPid);
    this.#deps.log.info({ bootId: status.bootId, pid: status.masterPid, seq: status.seq }, "nginx serves");
    this.#deps.booted(status.bootId);
  }

  async #replace(orphans: Status | undefined, signal: AbortSignal): Promise<void> {
    const { process, log, bootText } = this.#deps;
    const pid = orphans ? undefined : await process.readPid();
    if (pid !== undefined) {
      if (performance.now() - this.#answeredAtMs < this.#deps.silentMostMs) return;
      log.error({ pid }, "nginx runs but does not answer: replacing it");
      await process.replace(pid, silentGraceMs);
    }
    const text = bootText();
    if (text !== undefined) await process.writeBootFile(text);
    else if (!(await process.hasBootFile())) {
      this.#fault = "there is no route table yet: the log was never reachable, and no boot file is left";
      return;
    }
    // They serve on without their master, but hold the ports a new one needs.
    if (orphans) await this.#dismiss(orphans, signal);
    await this.#start(text === undefined, signal);
  }

  /** Lets workers without a master finish what they have, and waits until they listen no more. */
  async #dismiss(orphans: Status, signal: AbortSignal): Promise<void> {
    for (const { pid } of orphans.workers) send(pid, "SIGQUIT");
    const endMs = performance.now() + dismissMostMs;
    while (performance.now() < endMs && !signal.aborted && (await this.#ask()))
      await pause(dismissLookMs, signal);
  }

  async #start(stale: boolean, signal: AbortSignal): Promise<void> {
    const { process, log, newBootId, rejected } = this.#deps;
    const bootId = newBootId();
    try {
      await process.start(bootId);
      this.#starts++;
      log.info({ bootId, stale }, stale ? "nginx started with the last table known" : "nginx started");
      // It accepts already; its workers need a moment before one of them answers.
      for (let look = 0; look < startLooksMax && !signal.aborted; look++) {
        const status = await this.#ask();
        if (status) return await this.#note(status);
        await pause(startLookMs, signal);
      }
    } catch (error) {
      if (!(error instanceof NginxStartError)) throw error;
      if (error.rejected && !stale) {
        rejected(error.rejected);
        return;
      }
      this.#fault = error.message;
      log.error({ err: error }, "nginx did not start");
      await pause(backOffMs(++this.#failures, retryFirstMs, retryMostMs), signal);
    }
  }
}
