import { fold } from "./crash-loop.ts";
import type { Entry } from "./entry.ts";
import { evolve, retriesNow } from "./known.ts";
import type { Verdict } from "./reconcile.ts";
import { beginAnew } from "./take-over.ts";
import type { Report } from "./work.ts";

/** Takes the facts of a verdict in; what is to be reported of them, crash loops folded. */
export function record(
  entry: Entry,
  { facts, known }: Pick<Verdict, "facts" | "known">,
  nowMs: number,
): Report[] {
  const reports: Report[] = [];
  let before = entry.known;
  for (const fact of facts) {
    const retries = before?.generation === fact.generation ? retriesNow(before, nowMs) : 0;
    const { loop, report } = fold(entry.loop, fact, retries);
    entry.loop = loop;
    for (const one of report) reports.push({ fact: one, cause: entry.order?.cause });
    before = evolve(before, fact, { atMs: nowMs, startedAtMs: 0 });
    beginAnew(entry, fact);
  }
  entry.known = known;
  return reports;
}
