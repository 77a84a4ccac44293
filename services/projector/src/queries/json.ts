import type { Resources } from "@eru/events";
import { z } from "zod";

/** Amounts as people write them: cores, MiB. */
export const Amounts = z.object({ cpu: z.number(), memoryMib: z.number() });

/** Amounts from a row's thousandths of a core and MiB. */
export const amounts = (row: { cpuMilli: number; memoryMib: number }): z.infer<typeof Amounts> => ({
  cpu: row.cpuMilli / 1000,
  memoryMib: row.memoryMib,
});

/** The content of a JSON column. It was written by a projection, so it is what its type says. */
export const parsed = <T>(text: string): T => JSON.parse(text) as T;

/** Everything a workload asks for, from its columns. */
export const wished = (row: { asked: string | null; cpuMilli: number; memoryMib: number }): Resources =>
  row.asked === null ? amounts(row) : parsed<Resources>(row.asked);
