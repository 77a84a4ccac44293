import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { promisify } from "node:util";

const exec = promisify(execFile);

/** The processor of the proxies, and the one of everything that asks or answers them. */
export const cores = { proxy: "0", others: "1" } as const;

/** Runs a program bound to one processor; a machine with a single one gets no binding. */
export const pinned = (core: string, command: readonly string[], processors: number): string[] =>
  processors > 1 ? ["taskset", "-c", core, ...command] : [...command];

/** Binds running processes to a processor. */
export async function pin(core: string, pids: readonly number[], processors: number): Promise<void> {
  if (processors > 1) for (const pid of pids) await exec("taskset", ["-pc", core, String(pid)]);
}

export type Load = { requests: number; seconds: number; failed: number; p50Ms: number; p99Ms: number };

const scale: Record<string, number> = { us: 0.001, ms: 1, s: 1_000, m: 60_000 };

/** What wrk says, with every kind of failure counted. */
function parseWrk(text: string): Load {
  const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0);
  const time = (pattern: RegExp): number => {
    const found = pattern.exec(text);
    return Number(found?.[1] ?? Number.NaN) * (scale[found?.[2] ?? ""] ?? Number.NaN);
  };
  const sockets =
    /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1) ?? [];
  return {
    requests: number(/(\d+) requests in/),
    seconds: time(/requests in ([\d.]+)(us|ms|s|m)/) / 1_000,
    failed: sockets.reduce((sum, n) => sum + Number(n), number(/Non-2xx or 3xx responses: (\d+)/)),
    p50Ms: time(/^\s+50%\s+([\d.]+)(us|ms|s|m)/m),
    p99Ms: time(/^\s+99%\s+([\d.]+)(us|ms|s|m)/m),
  };
}

/** Load by wrk for so long. */
export async function wrk(
  url: string,
  options: { seconds: number; connections: number; headers: readonly string[]; processors: number },
): Promise<Load> {
  const { seconds, connections, headers, processors } = options;
  const all = ["wrk", "-t1", `-c${connections}`, `-d${seconds}s`, "--latency", "--timeout", "10s"];
  for (const header of headers) all.push("-H", header);
  const [command = "", ...args] = pinned(cores.others, [...all, url], processors);
  return parseWrk((await exec(command, args)).stdout);
}

/** Processor time of processes so far, in milliseconds. */
export async function cpuMs(pids: readonly number[]): Promise<number> {
  let sum = 0;
  // Of the main thread: none of the measured programs has another that works.
  for (const pid of pids)
    sum += Number((await readFile(`/proc/${pid}/schedstat`, "utf8")).split(" ")[0]) / 1e6;
  return sum;
}

/** Memory that processes have in common counted once, in MiB. */
export async function memoryMib(pids: readonly number[]): Promise<number> {
  let kib = 0;
  for (const pid of pids)
    kib += Number(/^Pss:\s+(\d+)/m.exec(await readFile(`/proc/${pid}/smaps_rollup`, "utf8"))?.[1] ?? 0);
  return kib / 1_024;
}

/** Processes a master has. */
export async function childrenOf(pid: number): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text.split(" ").filter(Boolean).map(Number);
}
