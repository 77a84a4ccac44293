/** A picture at the bottom of a terminal that is drawn over by the next one. */
export class LivePicture {
  readonly #write: (text: string) => void;
  #lines = 0;

  constructor(write: (text: string) => void) {
    this.#write = write;
  }

  /** Draws the picture in the place of the last one. */
  draw(lines: readonly string[]): void {
    this.#write(`${this.#over()}${lines.map((line) => `${line}\n`).join("")}`);
    this.#lines = lines.length;
  }

  #over(): string {
    return this.#lines === 0 ? "" : `\u001b[${this.#lines}F\u001b[J`;
  }
}
