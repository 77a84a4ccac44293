import { z } from "zod";

/**
 * What a user may ask of a single workload. All but `start` take it out of traffic first. `replace` puts a new container of
 * the same template in its place on the same node; `stop` keeps container and booking.
 */
export const WorkloadChange = z.enum(["restart", "stop", "start", "replace"]);
export type WorkloadChange = z.infer<typeof WorkloadChange>;
