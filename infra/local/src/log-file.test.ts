import { mkdtempSync, readFileSync, rmSync, statSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { lastLines, openLog, rotateLog } from "./log-file.ts";

const directory = mkdtempSync(join(tmpdir(), "eru-log-file-"));
afterAll(() => rmSync(directory, { recursive: true }));

test("a log that is full moves aside while its writer goes on in the same file", () => {
  const path = join(directory, "full.log");
  const writer = openLog(path);
  writeSync(writer, "x".repeat(10 * 1024 * 1024 - 1));
  rotateLog(path);
  expect(statSync(path).size).toBe(10 * 1024 * 1024 - 1); // One byte is still free.
  writeSync(writer, "\n");
  rotateLog(path);
  writeSync(writer, "after\n");
  expect(readFileSync(path, "utf8")).toBe("after\n");
  expect(statSync(`${path}.1`).size).toBe(10 * 1024 * 1024);
});

test("the last lines are the last ones, and none where there is no log", () => {
  const path = join(directory, "short.log");
  writeSync(openLog(path), "one\ntwo\nthree\n");
  expect(lastLines(path, 2)).toBe("two\nthree");
  expect(lastLines(join(directory, "none.log"), 2)).toBe("");
  rotateLog(join(directory, "none.log"));
});
