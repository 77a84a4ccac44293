import { RebalanceReply } from "@eru/events";
import { z } from "zod";
import type { Cli } from "./cli.ts";
import { CliError, exitCodes } from "./errors.ts";
import { readSaved, writeSaved } from "./saved-file.ts";

/** A dry run of a rebalancing to be applied later: what was asked, and what the answer was. */
const SavedRebalance = z.strictObject({
  format: z.literal("eru-rebalance-1"),
  pod: z.string(),
  request: z.looseObject({}),
  reply: RebalanceReply,
});
type SavedRebalance = z.infer<typeof SavedRebalance>;

/** Writes a plan for its owner alone. */
export function saveRebalance(cli: Cli, file: string, plan: Omit<SavedRebalance, "format">): void {
  writeSaved(cli, file, { format: "eru-rebalance-1", ...plan } satisfies SavedRebalance);
  cli.say(`eru: the plan is in ${file}: \`eru rebalance ${plan.pod} --plan ${file}\`\n`);
}

/** The body that applies what `saveRebalance` wrote: it holds the moves that are expected. */
export function readRebalance(cli: Cli, file: string, pod: string): object {
  const next = `make one with \`eru rebalance ${pod} --dry-run --save <file>\``;
  const plan = readSaved(cli, file, SavedRebalance, next);
  if (plan.pod !== pod)
    throw new CliError(exitCodes.usage, `${file} is a plan for pod ${plan.pod}, not for ${pod}`, { next });
  const moves = plan.reply.moves.map(({ gain: _, ...move }) => move);
  return { ...plan.request, goal: plan.reply.goal, expect: { atSeq: plan.reply.atSeq, moves } };
}
