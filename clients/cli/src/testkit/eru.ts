import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";
import { Cli, run } from "../cli.ts";
import { addCommands } from "../commands/index.ts";
import type { Io } from "../io.ts";

/** What a run of `eru` left: its exit status and what it wrote. */
export type Ran = { code: number; out: string; err: string };

/** The token of the test context: must never be seen in what is written. */
export const testToken = "eru_secret-of-the-test";

const made: string[] = [];
afterAll(() => {
  for (const cwd of made.splice(0)) rmSync(cwd, { recursive: true, force: true });
});

/** A directory with a context for a server; removed when the test file ends. */
export function contextFor(url: string): { cwd: string } {
  const cwd = mkdtempSync(join(tmpdir(), "eru-cli-"));
  made.push(cwd);
  const content = { commandUrl: url, queryUrl: url, token: testToken };
  writeFileSync(join(cwd, "context.json"), JSON.stringify(content), { mode: 0o600 });
  return { cwd };
}

/** Runs `eru` in this process, as a script would: no terminal, its own directory. */
export async function eru(
  place: { cwd: string },
  parameters: readonly string[],
  changes: Partial<Io> = {},
): Promise<Ran> {
  let out = "";
  let err = "";
  const io: Io = {
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    errTty: false,
    columns: Number.POSITIVE_INFINITY,
    errColumns: 80,
    errRows: 24,
    colour: false,
    env: { ERU_CONTEXT: join(place.cwd, "context.json"), HOME: place.cwd },
    cwd: place.cwd,
    now: () => Date.parse("2026-01-01T00:10:00Z"),
    signal: new AbortController().signal,
    ...changes,
  };
  const cli = new Cli(io);
  addCommands(cli);
  const code = await run(cli, parameters);
  return { code, out, err };
}
