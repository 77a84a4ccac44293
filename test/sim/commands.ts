import type { ExecResult } from "../../services/node-agent/src/engine.ts";

/** Commands of hooks and health checks, by what becomes of them. */
export const commands = { works: ["works"], fails: ["fails"], neverEnds: ["never-ends"] } as const;

const endless = new Set<string | undefined>(commands.neverEnds);

/** Whether the command goes on until it is ended. */
export const isEndless = ([program]: readonly string[]): boolean => endless.has(program);

/** What became of a command once it is over. */
export function answerOf(command: readonly string[]): ExecResult {
  if (isEndless(command)) return { output: "waiting", ended: true };
  return command[0] === commands.fails[0]
    ? { exitCode: 9, output: "not today" }
    : { exitCode: 0, output: "" };
}
