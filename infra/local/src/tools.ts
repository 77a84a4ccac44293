import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { repository } from "./home.ts";

const run = promisify(execFile);

/** One thing that Eru needs on a machine. */
export type Tool = {
  ok: boolean;
  tool: string;
  wanted: string;
  found: string;
  /** How `make setup` would get it, or what a person can do. */
  how: string;
  /** Needed to run Eru at all, to build the example app, or by the tests. */
  purpose: "run" | "example" | "tests";
};

/** What this machine has of what so many nodes need. Changes nothing. */
export async function doctor({ nodes = 3 }: { nodes?: number } = {}): Promise<Tool[]> {
  // Bash, because it also runs where there is neither Node nor npm yet; one table for both.
  const { stdout } = await run(join(repository, "infra/setup/setup"), ["--tsv"], {
    env: { ...process.env, NODES: String(nodes) },
  });
  return stdout
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [state, tool = "", wanted = "", found = "", how = "", purpose] = line.split("\t");
      return {
        ok: state === "ok",
        tool,
        wanted,
        found,
        how,
        purpose: purpose === "example" || purpose === "tests" ? purpose : "run",
      };
    });
}

/** What `doctor` finds wanting to run Eru. */
export const missing = async (nodes: number): Promise<Tool[]> =>
  (await doctor({ nodes })).filter(({ ok, purpose }) => !ok && purpose === "run");
