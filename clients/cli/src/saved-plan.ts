import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { PlanReply } from "@eru/events";
import { z } from "zod";
import type { Cli } from "./cli.ts";
import { CliError, exitCodes } from "./errors.ts";

/** A dry run to be applied later: what was asked, and what the answer was. */
export const SavedPlan = z.strictObject({
  format: z.literal("eru-plan-1"),
  /** The body of the request; the server judges it again. */
  request: z.looseObject({
    app: z.string(),
    entrypoint: z.string(),
    pod: z.string(),
    count: z.int().min(0),
    release: z.string().optional(),
    onShortage: z.string(),
  }),
  reply: PlanReply,
});
export type SavedPlan = z.infer<typeof SavedPlan>;

/** Writes a plan for its owner alone: a request may hold an environment with secrets. */
export function savePlan(cli: Cli, file: string, { request, reply }: Omit<SavedPlan, "format">): void {
  const path = resolve(cli.io.cwd, file);
  // A release that comes between the plan and its use must not change what runs.
  const pinned = { ...request, ...(reply.release !== undefined && { release: reply.release }) };
  const plan: SavedPlan = { format: "eru-plan-1", request: pinned, reply };
  try {
    writeFileSync(path, `${JSON.stringify(plan, undefined, 2)}\n`, { mode: 0o600 });
  } catch (error) {
    throw new CliError(
      exitCodes.usage,
      `the plan cannot be written to ${path}: ${(error as Error).message}`,
      {
        cause: error,
      },
    );
  }
  cli.say(`eru: the plan is in ${path}: \`eru plan apply ${file}\`\n`);
}

/** Reads what `savePlan` wrote. */
export function readPlan(cli: Cli, file: string): SavedPlan {
  const path = resolve(cli.io.cwd, file);
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    throw notAPlan(path, (error as Error).message);
  }
  const parsed = SavedPlan.safeParse(content);
  if (parsed.success) return parsed.data;
  const [fault] = parsed.error.issues;
  throw notAPlan(path, fault ? `${fault.path.join(".") || "it"}: ${fault.message}` : "it is none");
}

const notAPlan = (path: string, why: string): CliError =>
  new CliError(exitCodes.usage, `${path} is no saved plan: ${why}`, {
    next: "make one with `eru deploy … --dry-run --save <file>`",
  });
