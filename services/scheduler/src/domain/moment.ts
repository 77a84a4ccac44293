import type { Zone } from "./zone.ts";

/** A place in the log where a clock starts, and the log's own time there. */
export type Moment = { seq: number; storedMs: number | undefined };

/** The message that is being folded. */
export const momentOf = ({ seq, storedMs }: Zone): Moment => ({ seq, storedMs });

/** The last of several, by their order in the log: its times may step back. */
export const latest = (first: Moment, ...others: readonly Moment[]): Moment =>
  others.reduce((last, one) => (one.seq > last.seq ? one : last), first);
