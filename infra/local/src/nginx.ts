import { readdirSync, readlinkSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Home } from "./home.ts";
import { commandOf } from "./identity.ts";

const endLimitMs = 5_000;
const pollMs = 50;
const names: ReadonlySet<string> = new Set(["nginx", "openresty"]);

/**
 * Ends the ELB of an installation, which serves on when router-sync ends. Masters and orphaned workers are recognised by
 * the files they have open: their numbers may be lost, and nginx writes over its own environment.
 */
export async function endNginx(home: Home): Promise<boolean> {
  const found = ownNginx(home);
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    const until = performance.now() + endLimitMs;
    for (const pid of ownNginx(home)) kill(pid, signal);
    while (performance.now() < until && ownNginx(home).length > 0) await sleep(pollMs);
  }
  return found.length > 0;
}

const ownNginx = (home: Home): number[] =>
  readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 0 && names.has(commandOf(pid)) && opens(pid, home.elb));

/** In the directory of the first load balancer, or in that of another: `elb-2`. */
const isBelow = (path: string, elb: string): boolean =>
  path.startsWith(elb) && /^(-\d)?\//.test(path.slice(elb.length));

function opens(pid: number, elb: string): boolean {
  const directory = `/proc/${pid}/fd`;
  try {
    return readdirSync(directory).some((fd) => isBelow(readlinkSync(`${directory}/${fd}`), elb));
  } catch {
    return false; // It ended, or is not ours to look into.
  }
}

function kill(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}
