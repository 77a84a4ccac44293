import Table from "cli-table3";
import { oneLine, type Paint, type Tone } from "./text.ts";

/** A column: its title, what a row shows in it, and how it behaves when the terminal is narrow. */
export type Column<Row> = {
  title: string;
  cell: (row: Row) => string | number | undefined;
  tone?: (row: Row) => Tone | undefined;
  align?: "right";
  /** Cut first when the table is too wide. Ids are not: a cut id cannot be used. */
  flexible?: true;
};

/** How wide the terminal is, Infinity when there is none, and its colours. */
export type Look = { columns: number; paint: Paint };

const gap = 2;
const flexibleWidthMin = 12;

/** Rows under titles, in the width that there is. Without a terminal nothing is cut, so scripts see every character. */
export function table<Row>(columns: readonly Column<Row>[], rows: readonly Row[], look: Look): string {
  const cells = rows.map((row) => columns.map(({ cell }) => oneLine(String(cell(row) ?? "-"))));
  const drawn = new Table({
    head: columns.map(({ title }) => look.paint("strong", title.toUpperCase())),
    colAligns: columns.map(({ align }) => align ?? "left"),
    ...(Number.isFinite(look.columns) && { colWidths: widths(columns, cells, look.columns) }),
    truncate: "…",
    chars: borderless,
    style: { "padding-left": 0, "padding-right": gap, head: [], border: [], compact: true },
  });
  for (const [index, row] of rows.entries())
    drawn.push(columns.map(({ tone }, at) => look.paint(tone?.(row), cells[index]?.[at] ?? "")));
  return `${trimLines(drawn.toString())}\n`;
}

/** Names with values below each other: one thing in detail. */
export function details(pairs: readonly (readonly [string, string | undefined])[], look: Look): string {
  const shown = pairs.filter((pair): pair is readonly [string, string] => pair[1] !== undefined);
  const width = Math.max(0, ...shown.map(([name]) => name.length));
  return shown.map(([name, value]) => `${look.paint("faint", name.padEnd(width))}  ${value}\n`).join("");
}

const borderless = Object.fromEntries(
  ["top", "bottom", "mid", "left", "right"]
    .flatMap((side) => [side, `${side}-mid`, `${side}-left`, `${side}-right`])
    .concat("middle")
    .map((name) => [name, ""]),
);

/** Widths that fit: flexible columns give way, the widest first, down to a readable rest. */
function widths<Row>(columns: readonly Column<Row>[], cells: readonly string[][], most: number): number[] {
  const all = columns.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((row) => row[at]?.length ?? 0)),
  );
  const total = () => all.reduce((sum, width) => sum + width + gap, -gap);
  while (total() > most) {
    const giving = columns.flatMap(({ flexible }, at) =>
      flexible && (all[at] ?? 0) > flexibleWidthMin ? [at] : [],
    );
    const widest = giving.toSorted((a, b) => (all[b] ?? 0) - (all[a] ?? 0))[0];
    if (widest === undefined) break;
    all[widest] = (all[widest] ?? 0) - 1;
  }
  return all.map((width) => width + gap);
}

const trimLines = (text: string): string =>
  text
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
