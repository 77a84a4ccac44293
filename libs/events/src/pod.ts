import { z } from "zod";
import { PodName } from "./names.ts";

/** A pod is a named group of nodes that can reach each other. */
export const PodEvent = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("PodAdded"), pod: PodName, description: z.string().max(1_024) }),
  z.strictObject({ type: z.literal("PodRemoved"), pod: PodName }),
]);
export type PodEvent = z.infer<typeof PodEvent>;
