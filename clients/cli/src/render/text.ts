import { styleText } from "node:util";

/** What a colour says. Nothing is said by colour alone. */
export type Tone = "good" | "busy" | "bad" | "faint" | "strong";

const formats = { good: "green", busy: "yellow", bad: "red", faint: "dim", strong: "bold" } as const;

/** Colours a text, or leaves it when the terminal wants none. */
export type Paint = (tone: Tone | undefined, text: string) => string;

export const painter =
  (colour: boolean): Paint =>
  (tone, text) =>
    colour && tone && text !== "" ? styleText(formats[tone], text, { validateStream: false }) : text;

/** `1 workload`, `3 workloads`. */
export const plural = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;

/** One line of printable text: what a server or an engine said must not move the cursor. */
export const oneLine = (text: string): string =>
  text
    .replaceAll(/\s+/g, " ")
    .replaceAll(/\p{Cc}/gu, "�")
    .trim();

/** Several lines of printable text. */
export const printable = (text: string): string =>
  text.replaceAll("\t", "  ").replaceAll(/[^\P{Cc}\n]/gu, "�");
