import { copyFileSync, openSync, readFileSync, statSync, truncateSync } from "node:fs";

const logBytesMax = 10 * 1024 * 1024;

/** Opens a log for a child that writes to its end whatever happens to us. */
export const openLog = (path: string): number => openSync(path, "a", 0o600);

/**
 * Keeps a log below 10 MiB, with the part before in `<path>.1`. The child keeps its file and goes on at the new end; what
 * it writes between the copy and the cut, a moment, is lost.
 */
export function rotateLog(path: string): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  if (size < logBytesMax) return;
  copyFileSync(path, `${path}.1`);
  truncateSync(path);
}

/** The last lines of a log, for an error. */
export function lastLines(path: string, count: number): string {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").slice(-count).join("\n");
  } catch {
    return "";
  }
}
