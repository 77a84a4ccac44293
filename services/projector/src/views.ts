import { mkdirSync, renameSync, rmSync } from "node:fs";
import { dirname } from "node:path";
import type { Logger } from "@eru/service";
import { View } from "./view.ts";

/**
 * The view that answers and the one that is being built, when they are not the same. A view is built in a file beside
 * the live one and takes its name when it has caught up with the log; until then an older one answers, if it can.
 *
 * One file is `path` (live), the other `path.rebuild`. Closing both and moving one is done without giving other code
 * a turn, so no query meets a closed file. Killed at any point, the next start finds either an old live file and a
 * rebuild to go on with, or the new live file.
 */
export class Views {
  readonly #path: string;
  readonly #log: Logger;
  #serving: View | undefined;
  #building: View | undefined;
  #damaged = new AbortController();

  /** Opens what is there. A missing, damaged or outdated file leads to a rebuild. */
  constructor(path: string, log: Logger) {
    this.#path = path;
    this.#log = log;
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const live = View.open(path);
    if (live.is !== "unusable") this.#serving = live.view;
    if (live.is === "current") removeFile(this.#rebuildPath);
    else {
      const why = live.is === "unusable" ? live.why : "it was made by an older version";
      log.info({ path, why }, "building the view beside the live file");
      this.#building = this.#openRebuild();
    }
  }

  /** Answers queries; undefined as long as no view has ever caught up. */
  get serving(): View | undefined {
    return this.#serving;
  }

  /** Takes in the log. */
  get target(): View {
    const target = this.#building ?? this.#serving;
    if (!target) throw new Error("invariant broken: the views are closed");
    return target;
  }

  /** Aborts when a query met damage: the view has to be built again. */
  get damaged(): AbortSignal {
    return this.#damaged.signal;
  }

  /** A query met damage. */
  reportDamage(): void {
    this.#damaged.abort();
  }

  /** True while a view is being built that does not answer yet. */
  get rebuilding(): boolean {
    return this.#building !== undefined;
  }

  /** The view being built has everything: it takes over. */
  caughtUp(): void {
    if (!this.#building) return;
    const { path, seq } = this.#building;
    this.#building.close();
    this.#building = undefined;
    this.#serving?.abandon();
    this.#serving = undefined;
    removeFile(this.#path);
    renameSync(path, this.#path);
    const opened = View.open(this.#path);
    if (opened.is !== "current") throw new Error(`invariant broken: the view just built is ${opened.is}`);
    this.#serving = opened.view;
    this.#log.info({ seq }, "the new view answers");
  }

  /**
   * Builds again from the beginning. The view that is there goes on answering when `keepServing` says that what it
   * holds is right, only old.
   */
  rebuild(why: string, keepServing: boolean): void {
    this.#log.warn({ why, keepServing }, "building the view again");
    this.#building?.abandon();
    this.#building = undefined;
    removeFile(this.#rebuildPath);
    if (!keepServing) {
      this.#serving?.abandon();
      this.#serving = undefined;
    }
    this.#building = this.#openRebuild();
    this.#damaged = new AbortController();
  }

  close(): void {
    const views = [this.#building, this.#serving];
    this.#building = undefined;
    this.#serving = undefined;
    for (const view of views) view?.close();
  }

  get #rebuildPath(): string {
    return `${this.#path}.rebuild`;
  }

  /** Goes on with a rebuild that was interrupted, when it is of this version. */
  #openRebuild(): View {
    const opened = View.open(this.#rebuildPath);
    if (opened.is === "current") return opened.view;
    if (opened.is === "outdated") opened.view.abandon();
    removeFile(this.#rebuildPath);
    return View.create(this.#rebuildPath);
  }
}

function removeFile(path: string): void {
  for (const suffix of ["", "-wal", "-shm"]) rmSync(path + suffix, { force: true });
}
