import { resolve } from "node:path";
import { DrainPlanReply, PlanReply, UpgradePlanReply } from "@eru/events";
import { z } from "zod";
import type { Cli } from "./cli.ts";
import { readSaved, writeSaved } from "./saved-file.ts";

const format = z.literal("eru-plan-1");

/** A dry run to be applied later: what was asked, and what the answer was. */
export const SavedPlan = z.strictObject({
  format,
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

/** The same of an upgrade. */
const SavedUpgrade = z.strictObject({
  format,
  upgrade: z.string(),
  request: z.looseObject({ release: z.string().optional() }),
  reply: UpgradePlanReply,
});
type SavedUpgrade = z.infer<typeof SavedUpgrade>;

/** The same of a node's drain. */
const SavedDrain = z.strictObject({
  format,
  drain: z.string(),
  request: z.looseObject({}),
  reply: DrainPlanReply,
});
type SavedDrain = z.infer<typeof SavedDrain>;

type Saved = SavedPlan | SavedUpgrade | SavedDrain;

function save(cli: Cli, file: string, plan: Saved): void {
  writeSaved(cli, file, plan);
  cli.say(`eru: the plan is in ${resolve(cli.io.cwd, file)}: \`eru plan apply ${file}\`\n`);
}

/** Keeps the dry run of a deployment in a file. */
export const savePlan = (cli: Cli, file: string, { request, reply }: Omit<SavedPlan, "format">): void =>
  save(cli, file, { format: "eru-plan-1", request: pinned(request, reply), reply });

/** Keeps the dry run of an upgrade in a file. */
export const saveUpgrade = (cli: Cli, file: string, plan: Omit<SavedUpgrade, "format">): void =>
  save(cli, file, { format: "eru-plan-1", ...plan, request: pinned(plan.request, plan.reply) });

/** Keeps the dry run of a drain in a file. */
export const saveDrain = (cli: Cli, file: string, plan: Omit<SavedDrain, "format">): void =>
  save(cli, file, { format: "eru-plan-1", ...plan });

/** A release that comes between the plan and its use must not change what runs. */
const pinned = <T extends object>(request: T, { release }: { release?: string | undefined }): T => ({
  ...request,
  ...(release !== undefined && { release }),
});

/** Reads what one of these kept. */
export function readPlan(cli: Cli, file: string): Saved {
  const next = "make one with `--dry-run --save <file>` of `eru deploy`, `eru upgrade` or `eru node drain`";
  // Which one it is decides what is wrong with it.
  const { upgrade, drain } = readSaved(cli, file, z.looseObject({ format }), next);
  if (upgrade !== undefined) return readSaved(cli, file, SavedUpgrade, next);
  if (drain !== undefined) return readSaved(cli, file, SavedDrain, next);
  return readSaved(cli, file, SavedPlan, next);
}
