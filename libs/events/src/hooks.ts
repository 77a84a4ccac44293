import { z } from "zod";

/** A program and its arguments, run as they stand: no shell is involved. */
export const Argv = z
  .array(z.string().max(4_096))
  .min(1, "a command is a list with the program first: it must not be empty")
  .max(256, "a command has at most 256 parts")
  .refine(([program]) => program !== "", "a command begins with the program's name: it must not be empty");
export type Argv = z.infer<typeof Argv>;

const HookCommands = z.array(Argv).max(16, "a hook has at most 16 commands").default([]);

/** The longest one command of a hook may be given, in milliseconds. */
const hookTimeoutMsMax = 600_000;

/**
 * Commands that the agent runs inside the container, in order: after every start, before anything may reach the workload,
 * and before every ordered stop.
 */
export const Hooks = z
  .strictObject({
    afterStart: HookCommands,
    beforeStop: HookCommands,
    /** A failing command counts: after a start it fails the start, before a stop it is tried again a few times. */
    force: z.boolean().default(false),
    /** Milliseconds until a command is ended. */
    timeoutMs: z
      .int()
      .min(1)
      .max(
        hookTimeoutMsMax,
        "a hook's command may take at most 600000 ms: do longer work in the process itself",
      )
      .default(30_000),
  })
  .refine(({ afterStart, beforeStop }) => afterStart.length + beforeStop.length > 0, {
    message: "hooks need afterStart or beforeStop",
  });
export type Hooks = z.infer<typeof Hooks>;

/** Which moment a hook belongs to. */
export const HookName = z.enum(["after_start", "before_stop"]);
export type HookName = z.infer<typeof HookName>;

/** What became of one command that was run in a container. */
export const CommandResult = z.strictObject({
  /** The command as people write it, cut. */
  command: z.string(),
  /** Absent: it did not end by itself. */
  exitCode: z.int().optional(),
  /** The first bytes of what it wrote. */
  output: z.string(),
  /** Why there is no exit code. */
  error: z.string().optional(),
});
export type CommandResult = z.infer<typeof CommandResult>;

/** What failed first, in words; undefined when every command exited with 0. */
export function commandFault(ran: readonly CommandResult[]): string | undefined {
  const failed = ran.find(({ exitCode }) => exitCode !== 0);
  if (!failed) return undefined;
  const said = failed.output === "" ? "" : `: ${failed.output}`;
  return `${failed.command}: ${failed.error ?? `exit code ${failed.exitCode}`}${said}`;
}
