import { expect, test } from "vitest";
import { details, table } from "./table.ts";
import { painter } from "./text.ts";

type Row = { id: string; words: string; count: number };
const columns = [
  { title: "id", cell: (row: Row) => row.id },
  { title: "words", cell: (row: Row) => row.words, flexible: true },
  { title: "count", cell: (row: Row) => row.count, align: "right" },
] as const;
const rows: Row[] = [
  { id: "hello-web-abc123-1", words: "a sentence that is far too long for a narrow terminal", count: 7 },
  { id: "n1", words: "short", count: 12 },
];
const plain = painter(false);

test("a table aligns its columns and leaves no blanks at line ends", () => {
  const text = table(columns, rows, { columns: Number.POSITIVE_INFINITY, paint: plain });
  expect(text).toBe(
    [
      "ID                  WORDS                                                  COUNT",
      "hello-web-abc123-1  a sentence that is far too long for a narrow terminal      7",
      "n1                  short                                                     12",
      "",
    ].join("\n"),
  );
});

test("in a narrow terminal flexible columns are cut, ids never", () => {
  const text = table(columns, rows, { columns: 50, paint: plain });
  for (const line of text.split("\n")) expect(line.length).toBeLessThanOrEqual(50);
  expect(text).toContain("hello-web-abc123-1  a sentence that is far…");
  const tiny = table(columns, rows, { columns: 10, paint: plain });
  expect(tiny).toContain("hello-web-abc123-1");
});

test("colours surround a cell and do not change the widths", () => {
  const toned = [{ ...columns[0], tone: () => "good" as const }, columns[1], columns[2]];
  const text = table(toned, rows, { columns: 50, paint: painter(true) });
  expect(text).toContain("\u001b[32mhello-web-abc123-1\u001b[39m  a sentence");
});

test("what a row holds cannot move the cursor or break the line", () => {
  const text = table(columns, [{ id: "x\u001b[2Jy", words: "two\nlines\tand tab", count: 0 }], {
    columns: Number.POSITIVE_INFINITY,
    paint: plain,
  });
  expect(text).toContain("x�[2Jy  two lines and tab");
});

test("a missing value is a dash", () => {
  const text = table([{ title: "a", cell: () => undefined }], [{}], { columns: 80, paint: plain });
  expect(text).toBe("A\n-\n");
});

test("details align their names and leave out what is not there", () => {
  const pairs = [
    ["name", "n1"],
    ["pod", undefined],
    ["state", "alive"],
  ] as const;
  expect(details(pairs, { columns: 80, paint: plain })).toBe("name   n1\nstate  alive\n");
});
