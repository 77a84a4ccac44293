import type { Readable } from "node:stream";
import { endProcess } from "./end-process.ts";
import type { ExecLimits, ExecResult } from "./engine.ts";

/** One command that the engine runs in a container, as far as it is needed here. */
export type EngineExec = {
  start: (abortSignal: AbortSignal) => Promise<Readable>;
  inspect: () => Promise<{ Running: boolean; ExitCode: number | null; Pid: number }>;
  /** A variable that only processes of its container have. */
  mark: () => Promise<string | undefined>;
};

/** Every part of a multiplexed output has a head of this size, which ends with the part's length. */
const headBytes = 8;
const lengthAt = 4;
/** The end of a process and what the engine says of it are not at the same moment. */
const settleMs = 20;
const settleTries = 50;

/** Runs a prepared command to its end or to its time, whichever comes first. */
export async function runExec(exec: EngineExec, limits: ExecLimits): Promise<ExecResult> {
  const late = AbortSignal.timeout(limits.timeoutMs);
  const output = new Output(limits.outputBytesMax);
  try {
    for await (const chunk of await exec.start(late)) output.take(chunk as Buffer);
  } catch (error) {
    if (!late.aborted) throw error;
    return { output: output.text(), ended: await end(exec) };
  }
  for (let tried = 0; tried < settleTries; tried++) {
    const { Running: running, ExitCode: exitCode } = await exec.inspect();
    if (!running && exitCode !== null) return { output: output.text(), exitCode };
    await new Promise((resolve) => setTimeout(resolve, settleMs));
  }
  return { output: output.text(), ended: await end(exec) };
}

/** The engine cannot end a command, but its process is one of this machine. */
async function end(exec: EngineExec): Promise<boolean> {
  const { Running: running, Pid: enginePid } = await exec.inspect();
  if (!running) return true;
  const mark = await exec.mark();
  return mark !== undefined && (await endProcess({ enginePid, mark }));
}

/** The first bytes of what a command writes, taken out of the engine's framing. */
class Output {
  readonly #bytesMax: number;
  readonly #kept: Buffer[] = [];
  #bytes = 0;
  #rest = Buffer.alloc(0);
  /** Bytes of the present part that are still to come. */
  #due = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  take(chunk: Buffer): void {
    let left = Buffer.concat([this.#rest, chunk]);
    while (left.length > 0) {
      if (this.#due === 0) {
        if (left.length < headBytes) break;
        this.#due = left.readUInt32BE(lengthAt);
        left = left.subarray(headBytes);
        continue;
      }
      const part = left.subarray(0, this.#due);
      this.#keep(part);
      this.#due -= part.length;
      left = left.subarray(part.length);
    }
    this.#rest = left;
  }

  text(): string {
    return Buffer.concat(this.#kept).toString("utf8").trim();
  }

  #keep(part: Buffer): void {
    const room = this.#bytesMax - this.#bytes;
    if (room <= 0) return;
    this.#kept.push(part.subarray(0, room));
    this.#bytes += Math.min(room, part.length);
  }
}
