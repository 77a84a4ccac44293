import { type ElbStatus, elbStatusListMax, elbStatusReasonMax } from "@eru/events";
import type { Drains } from "./drain.ts";
import type { Status } from "./nginx-admin.ts";
import type { Pusher } from "./push.ts";

/** Where a load balancer's state is kept. */
export type StatusSources = {
  serving: Status;
  pusher: Pick<Pusher, "rejections" | "full">;
  drains: Pick<Drains, "list" | "size">;
  seenSeq: number;
  leaving: boolean;
};

/** What goes with a heartbeat: bounded lists, so that the message stays small whatever happens. */
export function elbStatus({ serving, pusher, drains, seenSeq, leaving }: StatusSources): ElbStatus {
  const some = <T>(all: readonly T[]) => all.slice(0, elbStatusListMax);
  return {
    ...{ epoch: serving.epoch, seenSeq, stale: pusher.full, leaving, token: serving.token },
    workers: some(serving.workers),
    workersTotal: serving.workers.length,
    drains: drains.list(elbStatusListMax),
    drainsTotal: drains.size,
    rejected: some([...pusher.rejections.values()]).map(({ key, reason }) => ({
      key: shownKey(key),
      reason: reason.slice(0, elbStatusReasonMax),
    })),
    rejectedTotal: pusher.rejections.size,
    leftOut: some(serving.leftOut),
    leftOutTotal: serving.leftOutTotal,
  };
}

/** An ACME token is of no interest to anybody but who got it. */
const shownKey = (key: string): string => (key.startsWith("a:") ? "a:…" : key);
