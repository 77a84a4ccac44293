import { rmSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { LocalError } from "./errors.ts";
import type { Home } from "./home.ts";
import { childrenOf, commandOf, type Identity, identityOf, runs, signalProcess } from "./identity.ts";
import { runningProcesses } from "./running.ts";

const killedMs = 5_000;
const pollMs = 20;

/** Ends those of these processes that run, all at a time, and forgets them. Says for each how it went. */
export async function endProcesses(
  home: Home,
  names: readonly string[],
  limitMs: number,
  tell: (text: string) => void,
): Promise<void> {
  const running = runningProcesses(home);
  await Promise.all(
    names.map(async (name) => {
      const identity = running.get(name);
      if (identity) tell(`${name} ${await end(identity, limitMs)}`);
      rmSync(home.pidFile(name), { force: true });
    }),
  );
}

/** SIGTERM, and SIGKILL when that does not help. Behind an nsenter, the process inside gets the signal. */
async function end(identity: Identity, limitMs: number): Promise<string> {
  const inner = innerOf(identity);
  signalProcess(inner ?? identity, "SIGTERM");
  if (await gone(identity, limitMs)) return "ended";
  signalProcess(identity, "SIGKILL");
  if (!(await gone(identity, killedMs)))
    throw new LocalError(
      `process ${identity.pid} does not end, not even by SIGKILL: something holds it in the kernel`,
    );
  return `was killed: it did not end within ${limitMs / 1000} s`;
}

/** The process that an nsenter waits for; undefined for a process that is itself. */
function innerOf({ pid }: Identity): Identity | undefined {
  if (commandOf(pid) !== "nsenter") return undefined;
  const [inner] = childrenOf(pid);
  return inner === undefined ? undefined : identityOf(inner);
}

async function gone(identity: Identity, limitMs: number): Promise<boolean> {
  for (const until = performance.now() + limitMs; runs(identity); await sleep(pollMs))
    if (performance.now() > until) return false;
  return true;
}
