import { spawn } from "node:child_process";
import { closeSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { LocalError } from "./errors.ts";
import { readIfThere, repository } from "./home.ts";
import { commandOf, type Identity, identityOf, readIdentity } from "./identity.ts";
import { openLog } from "./log-file.ts";
import type { UnitSpec } from "./unit.ts";

const launcher = join(repository, "infra/local/launch");
const launchLimitMs = 5_000;
const launchPollMs = 5;
const taskLimitMs = 60_000;

/** Where a started thing writes and who it is afterwards. */
export type Place = { pidFile: string; logFile: string };

/** A process of ours. `end` resolves with how it ended: "exit 1", "SIGKILL". */
export type Started = { identity: Identity; end: Promise<string> };

/**
 * Starts a process that outlives us, in a session of its own.
 * @throws LocalError it ended before it was itself
 */
export async function startProcess(
  { command, env }: Pick<UnitSpec, "command" | "env">,
  place: Place,
): Promise<Started> {
  rmSync(place.pidFile, { force: true });
  const output = openLog(place.logFile);
  const child = spawn(launcher, [place.pidFile, ...command], {
    detached: true,
    stdio: ["ignore", output, output],
    env,
  });
  closeSync(output);
  child.unref();
  let ended: string | undefined;
  const end = new Promise<string>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? `exit ${code}`));
  });
  void end.then((how) => {
    ended = how;
  });
  for (
    const limit = performance.now() + launchLimitMs;
    performance.now() < limit;
    await sleep(launchPollMs)
  ) {
    const identity = readIdentity(place.pidFile);
    if (identity && identity.pid === child.pid) return { identity, end };
    if (ended !== undefined) throw new LocalError(`${command[0]} cannot be started: ${ended}`);
  }
  throw new LocalError(`${command[0]} was not started within ${launchLimitMs / 1000} s`);
}

/** Runs a command to its end. @throws LocalError it failed or took longer than a minute */
export async function runTask(
  { name, command, env }: Pick<UnitSpec, "name" | "command" | "env">,
  logFile: string,
): Promise<void> {
  const output = openLog(logFile);
  const child = spawn(command[0], command.slice(1), {
    stdio: ["ignore", output, output],
    env,
    timeout: taskLimitMs,
    killSignal: "SIGKILL",
  });
  closeSync(output);
  const end = await new Promise<string | number>((resolve) => {
    child.once("error", (error) => resolve(error.message));
    child.once("exit", (code, signal) => resolve(signal ?? code ?? 0));
  });
  if (end !== 0) throw new LocalError(`${name}: ${typeof end === "number" ? `exit ${end}` : end}`);
}

/** Who a node's first process is, by the number that the rig left; undefined for a stranger under that number. */
export function nodeIdentity(pidFile: string): Identity | undefined {
  const pid = Number(readIfThere(pidFile) ?? "");
  return pid > 0 && commandOf(pid) === "docker-init" ? identityOf(pid) : undefined;
}
