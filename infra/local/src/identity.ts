import { readFileSync } from "node:fs";

/** One process for ever: its number alone may be another's by now. Start time in clock ticks since the boot. */
export type Identity = { pid: number; startTicks: number; bootId: string };

const bootIdFile = "/proc/sys/kernel/random/boot_id";

/** The start time of a running process; undefined when there is none or it has ended and only waits to be reaped. */
function startTicksOf(pid: number): number | undefined {
  const text = read(`/proc/${pid}/stat`);
  // The name stands in parentheses and may hold anything.
  const [state, ...rest] = text?.slice(text.lastIndexOf(")") + 2).split(" ") ?? [];
  return state === undefined || state === "Z" || state === "X" ? undefined : Number(rest[18]);
}

/** Who runs under this number now. */
export function identityOf(pid: number): Identity | undefined {
  const startTicks = startTicksOf(pid);
  const bootId = read(bootIdFile)?.trim();
  return startTicks === undefined || bootId === undefined ? undefined : { pid, startTicks, bootId };
}

/** Whether exactly this process still runs. */
export const runs = ({ pid, startTicks, bootId }: Identity): boolean =>
  startTicksOf(pid) === startTicks && read(bootIdFile)?.trim() === bootId;

/** What `launch` wrote: "pid start-time boot-id"; undefined for no file or one that is not whole. */
export function readIdentity(path: string): Identity | undefined {
  const parts = /^(\d+) (\d+) (\S+)\n$/.exec(read(path) ?? "");
  return parts?.[3] === undefined
    ? undefined
    : { pid: Number(parts[1]), startTicks: Number(parts[2]), bootId: parts[3] };
}

/** The processes it started and that still run. */
export function childrenOf(pid: number): number[] {
  const text = read(`/proc/${pid}/task/${pid}/children`) ?? "";
  return text.split(" ").filter(Boolean).map(Number);
}

/** The name of its program as the kernel keeps it; empty when it has ended. */
export const commandOf = (pid: number): string => read(`/proc/${pid}/comm`)?.trim() ?? "";

/** Sends a signal to this process and to no stranger. False when it has ended. */
export function signalProcess(identity: Identity, signal: NodeJS.Signals): boolean {
  if (!runs(identity)) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    // ESRCH: the process ended while it was read.
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
