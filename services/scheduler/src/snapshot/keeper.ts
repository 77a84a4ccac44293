import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { Log } from "@eru/log";
import { type Logger, pause } from "@eru/service";
import type { Zone } from "../domain/zone.ts";
import { codeVersion } from "./code.ts";
import { restoreZone } from "./restore.ts";

/** Milliseconds between two looks at whether a snapshot is due. */
const lookEveryMs = 1_000;
/** After one, so many times as long as it took nothing is done: it never takes more than a tenth of a processor. */
const restTimes = 10;
/** Milliseconds one may take. */
const makeMostMs = 15 * 60_000;

type KeeperDeps = {
  folder: string;
  /** Messages after which a new one is due. */
  everyMessages: number;
  log: Logger;
  /** Monotonic milliseconds. */
  now: () => number;
};

/** Snapshots in a folder: read when a scheduler starts, and made anew by a process of its own. */
export class SnapshotKeeper {
  readonly #deps: KeeperDeps;
  readonly #code = codeVersion();
  /** Up to where the newest snapshot goes. */
  #seq = 0;
  #restUntil = 0;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  /** The zone as the snapshot has it, when it fits; at most as new as `seqMax`. */
  async restore(log: Log, signal: AbortSignal, seqMax?: number): Promise<Zone | undefined> {
    const { folder, log: logger } = this.#deps;
    const zone = await restoreZone({ folder, code: this.#code, log, logger }, signal, seqMax);
    if (zone && seqMax === undefined) this.#seq = zone.seq;
    return zone;
  }

  /** Has a snapshot made whenever one is due, until the signal aborts. `foldedSeq`: undefined while the log is still read. */
  async run(foldedSeq: () => number | undefined, signal: AbortSignal): Promise<void> {
    const { everyMessages, now } = this.#deps;
    while (!signal.aborted) {
      await pause(lookEveryMs, signal);
      const seq = foldedSeq();
      if (seq === undefined || seq - this.#seq < everyMessages || now() < this.#restUntil) continue;
      const begun = now();
      if (await this.#make(signal)) this.#seq = seq;
      this.#restUntil = now() + restTimes * (now() - begun);
    }
  }

  /** True when it was made. One that was not is tried again: a scheduler without a snapshot is only slower to start. */
  async #make(signal: AbortSignal): Promise<boolean> {
    const child = spawn(process.execPath, [join(import.meta.dirname, "main.ts")], {
      // The channel tells it when this process is no more.
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    });
    // It has nothing to put away: a file that is not finished is none.
    const stop = (): void => void child.kill("SIGKILL");
    signal.addEventListener("abort", stop, { once: true });
    const limit = setTimeout(() => child.kill("SIGKILL"), makeMostMs);
    try {
      const end = await endOf(child);
      if (end === "made") return true;
      if (!signal.aborted)
        this.#deps.log.warn({ end }, "no snapshot was made: the next start reads more of the log");
      return false;
    } finally {
      clearTimeout(limit);
      signal.removeEventListener("abort", stop);
    }
  }
}

async function endOf(child: ChildProcess): Promise<string> {
  try {
    const [code, signal] = (await once(child, "exit")) as [number | null, NodeJS.Signals | null];
    return code === 0 ? "made" : `its process ended with ${code ?? signal}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error); // It could not be started.
  }
}
