import { readdirSync } from "node:fs";
import { dirname } from "node:path";
import type { Home } from "./home.ts";
import { type Identity, readIdentity, runs } from "./identity.ts";

/** The processes of an installation that run now, by the files they left, supervised or not. */
export function runningProcesses(home: Home): Map<string, Identity> {
  const found = new Map<string, Identity>();
  for (const file of filesOf(dirname(home.pidFile("any")))) {
    if (!file.endsWith(".pid")) continue;
    const name = file.slice(0, -".pid".length);
    const identity = readIdentity(home.pidFile(name));
    if (identity && runs(identity)) found.set(name, identity);
  }
  return found;
}

/** Whether any of them runs. */
export const anythingRuns = (home: Home): boolean => runningProcesses(home).size > 0;

function filesOf(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
