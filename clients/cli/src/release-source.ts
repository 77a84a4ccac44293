import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { promisify } from "node:util";
import { CliError, exitCodes, type Fault } from "./errors.ts";

/** Largest app.yaml that is sent, in bytes: a release must fit into one message of the log. */
const specBytesMax = 128 * 1024;
const gitTimeoutMs = 10_000;

/** An app.yaml as it lies on disk. */
export type SpecFile = { path: string; text: string };

/** Reads the app.yaml that `--file` names. */
export function readSpec(file: string, cwd: string): SpecFile {
  const path = resolve(cwd, file);
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const why =
      code === "ENOENT" ? "there is no such file" : code === "EISDIR" ? "it is a directory" : String(error);
    throw new CliError(exitCodes.usage, `cannot read --file ${file}: ${why}`, { cause: error });
  }
  if (bytes.length > specBytesMax)
    throw new CliError(
      exitCodes.usage,
      `--file ${file} has ${bytes.length} bytes: an app.yaml has at most ${specBytesMax}`,
    );
  return { path, text: bytes.toString("utf8") };
}

/** The commit a file's repository is at, and whether its work tree differs from it. */
export async function commitOf(file: string): Promise<{ sha: string; changed: boolean }> {
  const git = (...parameters: string[]) =>
    promisify(execFile)("git", ["-C", dirname(file), ...parameters], { timeout: gitTimeoutMs });
  try {
    const { stdout } = await git("rev-parse", "--verify", "HEAD");
    const status = await git("status", "--porcelain", "--untracked-files=no", "--", ".");
    return { sha: stdout.trim(), changed: status.stdout !== "" };
  } catch (error) {
    const missing = (error as NodeJS.ErrnoException).code === "ENOENT";
    throw new CliError(
      exitCodes.usage,
      missing
        ? "no --release given, and git is not installed to ask for the commit"
        : `no --release given, and ${dirname(file)} is in no git repository with a commit`,
      { next: "name the release: --release v1", cause: error },
    );
  }
}

/** Faults at `line 4, column 3 (path)` with the line they are at, so that nobody has to count. */
export function pointInto({ path, text }: SpecFile, faults: readonly Fault[]): Fault[] {
  const lines = text.split(/\r?\n/);
  return faults.map((fault) => {
    const [, line] = /^line (\d+), column \d+/.exec(fault.field) ?? [];
    if (line === undefined) return fault;
    const quoted = lines[Number(line) - 1]?.trim();
    return {
      field: `${basename(path)}, ${fault.field}`,
      message: quoted ? `${fault.message}\n      | ${quoted}` : fault.message,
    };
  });
}
