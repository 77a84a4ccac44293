import { z } from "zod";

/** A yes or no in a query; absent is no. */
export const flag = z
  .enum(["true", "false"], "write `true` or `false`")
  .default("false")
  .transform((text) => text === "true");
