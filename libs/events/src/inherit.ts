import { z } from "zod";
import { WorkloadId } from "./names.ts";

/** Most files or directories that one replacement takes over. */
export const inheritedFilesMax = 64;

const FilePath = z
  .string()
  .max(1_024, "a path has at most 1024 characters")
  .regex(/^\/[^\0]*[^/\0]$/, "an absolute path of a file or directory, without a slash at its end")
  .refine(
    (path) => path.split("/").every((part) => part !== ".." && part !== "."),
    "a path has no `.` and `..`",
  );

/** A file, or a directory with all below it, of the old container and where the new one has it. */
export const InheritedFile = z.strictObject({ from: FilePath, to: FilePath });
export type InheritedFile = z.infer<typeof InheritedFile>;

/** What a replacement takes over from the container before it, besides its volumes. */
export const Inherit = z.strictObject({
  copy: z
    .array(InheritedFile)
    .max(inheritedFilesMax, `at most ${inheritedFilesMax} files or directories`)
    .optional()
    .describe("Files, or directories with all below them, that are copied before the new container starts"),
  network: z
    .boolean()
    .optional()
    .describe("The same address, or the same ports of the machine; the old container is stopped first"),
});
export type Inherit = z.infer<typeof Inherit>;

/**
 * A new container comes after another one of the same node. Without `from` that is the workload's own: it is stopped
 * before the new one starts, kept until that is healthy, and runs again when that does not get so.
 */
export const TakesOver = z.strictObject({ from: WorkloadId.optional(), ...Inherit.shape });
export type TakesOver = z.infer<typeof TakesOver>;
