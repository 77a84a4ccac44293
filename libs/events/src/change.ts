import { z } from "zod";

/**
 * What a user may ask of a single workload. All but `start` and most of `replace` take it out of traffic first. `replace`
 * brings another container of the same template on the same node; `stop` keeps container and booking.
 */
export const WorkloadChange = z.enum(["restart", "stop", "start", "replace"]);
export type WorkloadChange = z.infer<typeof WorkloadChange>;
