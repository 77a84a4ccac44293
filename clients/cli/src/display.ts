import type { Cli } from "./cli.ts";
import { news, type Snapshot, summary } from "./progress.ts";
import { showSpan } from "./quantities.ts";
import { LivePicture } from "./render/live.ts";
import { picture } from "./render/progress.ts";
import { oneLine, painter } from "./render/text.ts";

/** Where progress is shown. */
export type Display = { show(now: Snapshot, elapsedMs: number, trouble: string | undefined): void };

/** Made for the place where this command writes. */
export function createDisplay(cli: Cli): Display {
  const { io } = cli;
  if (io.errTty) return new Picture(cli);
  return cli.options.json ? { show: () => {} } : new Lines(cli);
}

/** On a terminal: one picture, drawn over and over. */
class Picture implements Display {
  readonly #cli: Cli;
  readonly #live: LivePicture;

  constructor(cli: Cli) {
    this.#cli = cli;
    this.#live = new LivePicture((text) => cli.io.err(text));
  }

  show(now: Snapshot, elapsedMs: number, trouble: string | undefined): void {
    const { errColumns: columns, errRows: rows, colour } = this.#cli.io;
    const lines = picture(now, elapsedMs, { columns, rows, paint: painter(colour) });
    this.#live.draw(trouble === undefined ? lines : [...lines, `  ${trouble}`.slice(0, columns - 1)]);
  }
}

/** Elsewhere: a line whenever the numbers change, and one for each reason and error. */
class Lines implements Display {
  readonly #cli: Cli;
  #before: Snapshot | undefined;
  #said = "";

  constructor(cli: Cli) {
    this.#cli = cli;
  }

  show(now: Snapshot, elapsedMs: number, trouble: string | undefined): void {
    for (const line of news(this.#before, now)) this.#say(line, elapsedMs);
    this.#before = now;
    const line = trouble ?? summary(now);
    if (line !== this.#said) this.#say(line, elapsedMs);
    this.#said = line;
  }

  #say(line: string, elapsedMs: number): void {
    this.#cli.io.err(`${showSpan(elapsedMs).padStart(7)}  ${oneLine(line)}\n`);
  }
}
