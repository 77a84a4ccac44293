import { z } from "zod";

/** The first line of an exported log: what a file is, and how far it goes. */
export const ExportHeader = z.strictObject({
  format: z.literal("eru-log-1"),
  /** The sequence of the last line. */
  upTo: z.int().min(1),
});
export type ExportHeader = z.infer<typeof ExportHeader>;

/** Every other line: a message of the log. Those that hold secrets are there without their content. */
export const ExportLine = z.strictObject({
  seq: z.int().min(1),
  subject: z.string(),
  id: z.string(),
  time: z.string(),
  actor: z.string(),
  commandId: z.string().optional(),
  events: z
    .array(
      z.strictObject({
        type: z.string(),
        correlationId: z.string(),
        causationId: z.string(),
        payload: z.record(z.string(), z.unknown()),
      }),
    )
    .min(1),
});
export type ExportLine = z.infer<typeof ExportLine>;
