import { resolve } from "node:path";
import { PlanReply } from "@eru/events";
import { z } from "zod";
import type { Cli } from "./cli.ts";
import { readSaved, writeSaved } from "./saved-file.ts";

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

/** Keeps a dry run in a file. */
export function savePlan(cli: Cli, file: string, { request, reply }: Omit<SavedPlan, "format">): void {
  // A release that comes between the plan and its use must not change what runs.
  const pinned = { ...request, ...(reply.release !== undefined && { release: reply.release }) };
  writeSaved(cli, file, { format: "eru-plan-1", request: pinned, reply } satisfies SavedPlan);
  cli.say(`eru: the plan is in ${resolve(cli.io.cwd, file)}: \`eru plan apply ${file}\`\n`);
}

/** Reads what `savePlan` wrote. */
export const readPlan = (cli: Cli, file: string): SavedPlan =>
  readSaved(cli, file, SavedPlan, "make one with `eru deploy … --dry-run --save <file>`");
