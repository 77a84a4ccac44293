import { fold, type RecordedEvent, type RouteEvent } from "@eru/events";
import type { Route } from "./declaration.ts";
import type { Refusal } from "./refusal.ts";
import { route } from "./route.ts";

/** How a route was from a sequence on. */
export type Version = {
  seq: number;
  state: Route;
  /** The release whose `elb` section it was. */
  section: string | undefined;
};

/** The versions of a route, oldest first; what was only staged is none. */
export function versionsOf(history: readonly RecordedEvent<RouteEvent>[]): Version[] {
  const declared = history.filter(
    ({ event: { type } }) => type === "RouteDeclared" || type === "RouteRemoved",
  );
  return declared.map(({ seq, event }) => ({
    seq,
    state: fold(route, [event]),
    section: event.type === "RouteDeclared" ? event.section : undefined,
  }));
}

/** What an undo goes back to; undefined: to before there was a route. */
export type Before = { ok: true; version: Version | undefined } | { ok: false; refusal: Refusal };

/**
 * The version an undo goes back to: the one that was in force at `to`, or without it the one before the last. `lastSeq`
 * is where the route stands now, `knownSeq` where it was read to: when these differ, somebody else was quicker.
 */
export function versionBefore(
  host: string,
  versions: readonly Version[],
  { to, lastSeq, knownSeq }: { to: number | undefined; lastSeq: number; knownSeq: number },
): Before {
  const [first] = versions;
  if (!first) return { ok: false, refusal: { code: "route_unknown", host } };
  if (knownSeq !== lastSeq) return { ok: false, refusal: { code: "route_changed", host } };
  if (to === undefined) return { ok: true, version: versions.at(-2) };
  const version = versions.findLast(({ seq }) => seq <= to);
  if (!version) return { ok: false, refusal: { code: "nothing_to_undo", host, to, first: first.seq } };
  return { ok: true, version };
}
