import type { Resources } from "@eru/events";

/** What is booked and counted: whole milli-cores and MiB, because sums of floating-point cores drift. */
export type Amounts = { milli: number; mib: number };

/** 0.29 cores are 290 milli-cores, although 0.29 * 1000 is not 290. */
export const amountsOf = (resources: Pick<Resources, "cpu" | "memoryMib">): Amounts => ({
  milli: Math.round(resources.cpu * 1000),
  mib: resources.memoryMib,
});

/** Milli-cores as people write cores: 290 is "0.29". */
export const cores = (milli: number): string => String(milli / 1000);

/** What is left of `of` when `booked` is taken; below zero when a user lowered the node's amounts. */
export const free = (of: Amounts, booked: Amounts): Amounts => ({
  milli: of.milli - booked.milli,
  mib: of.mib - booked.mib,
});

/** How many times `one` fits into `room`; `most` when it asks for nothing. */
export function timesIn(room: Amounts, one: Amounts, most: number): number {
  const byCpu = one.milli > 0 ? Math.floor(room.milli / one.milli) : most;
  const byMemory = one.mib > 0 ? Math.floor(room.mib / one.mib) : most;
  return Math.max(0, Math.min(byCpu, byMemory, most));
}
