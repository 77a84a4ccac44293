import { serviceConfig } from "@eru/service";
import { z } from "zod";

/** What the projector reads from its environment. */
export const projectorConfig = {
  ...serviceConfig,
  ERU_HTTP_PORT: z.coerce.number().int().min(0).max(65_535).default(7371),
  /** The view's file. It is built again when it is not there; side files stand beside it. */
  ERU_DATABASE: z.string().min(1).default("./projector.db"),
  /** How many servers keep the log. */
  ERU_STREAM_REPLICAS: z
    .enum(["1", "3"])
    .default("1")
    .transform((text) => (text === "3" ? 3 : 1)),
} as const;
