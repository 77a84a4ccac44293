import { fold, type RecordedEvent, type RouteEvent } from "@eru/events";
import type { Refusal } from "./refusal.ts";
import { type Route, route } from "./route.ts";

/** How a route was from a sequence on. */
export type Version = {
  seq: number;
  state: Route;
  /** The release whose `elb` section it was. */
  section: string | undefined;
};

/** The versions of a route, oldest first. */
export function versionsOf(history: readonly RecordedEvent<RouteEvent>[]): Version[] {
  return history.map(({ seq, event }) => ({
    seq,
    state: fold(route, [event]),
    section: event.type === "RouteDeclared" ? event.section : undefined,
  }));
}

/** What an undo goes back to; undefined: to before there was a route. */
export type Before = { ok: true; version: Version | undefined } | { ok: false; refusal: Refusal };

/**
 * The version an undo goes back to: the one that was in force at `to`, or without it the one before the last. `lastSeq`
 * is where the route stands now: when that is not the last version known, somebody else was quicker.
 */
export function versionBefore(
  host: string,
  versions: readonly Version[],
  { to, lastSeq }: { to: number | undefined; lastSeq: number },
): Before {
  const [first] = versions;
  if (!first) return { ok: false, refusal: { code: "route_unknown", host } };
  if (versions.at(-1)?.seq !== lastSeq) return { ok: false, refusal: { code: "route_changed", host } };
  if (to === undefined) return { ok: true, version: versions.at(-2) };
  const version = versions.findLast(({ seq }) => seq <= to);
  if (!version) return { ok: false, refusal: { code: "nothing_to_undo", host, to, first: first.seq } };
  return { ok: true, version };
}
