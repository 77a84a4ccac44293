import type { Zone } from "./zone.ts";

/** A place in the log where a clock starts, and the log's own time there. */
export type Moment = { readonly seq: number; readonly storedMs: number | undefined };

const newest = new WeakMap<Zone, Moment>();

/** The message that is being folded; the same object for all that it says, which may be of a thousand workloads. */
export function momentOf(zone: Zone): Moment {
  const known = newest.get(zone);
  if (known && known.seq === zone.seq && known.storedMs === zone.storedMs) return known;
  const moment: Moment = { seq: zone.seq, storedMs: zone.storedMs };
  newest.set(zone, moment);
  return moment;
}

/** The last of several, by their order in the log: its times may step back. */
export const latest = (first: Moment, ...others: readonly Moment[]): Moment =>
  others.reduce((last, one) => (one.seq > last.seq ? one : last), first);
