import type { Metrics } from "@eru/service";
import type { RouteFold } from "./domain/route-fold.ts";
import type { Drains } from "./drain.ts";
import type { NginxKeeper } from "./keep-nginx.ts";
import type { Pusher } from "./push.ts";

type Measured = {
  pusher: Pusher;
  fold: RouteFold;
  drains: Drains;
  keeper: NginxKeeper;
  connected: () => boolean;
};

/** What router-sync tells of itself to scrapers; docs/elb.md. */
export function measure(metrics: Metrics, { pusher, fold, drains, keeper, connected }: Measured): void {
  const gauge = (name: string, help: string, read: () => number) => metrics.gauge(name, help, [], read);
  const keys = (kind: string) =>
    [...(pusher.inForce?.table.keys() ?? [])].filter((key) => key.startsWith(kind)).length;
  gauge(
    "eru_router_sync_applied_seq",
    "nginx routes by the table as of this sequence",
    () => pusher.appliedSeq,
  );
  gauge("eru_router_sync_seen_seq", "The newest message of the log that was read", () => fold.seq);
  gauge("eru_router_sync_lag_messages", "Messages read and not yet in force", () =>
    Math.max(0, fold.seq - pusher.appliedSeq),
  );
  gauge("eru_router_sync_hosts", "Hosts in the table in force", () => keys("r:"));
  gauge("eru_router_sync_pools", "Pools in the table in force", () => keys("p:"));
  gauge("eru_router_sync_endpoints", "Endpoints requests may go to", () => pusher.endpoints);
  gauge("eru_router_sync_draining", "Removed endpoints with requests under way", () => drains.size);
  gauge("eru_router_sync_rejected", "Lines nginx refused", () => pusher.rejections.size);
  gauge(
    "eru_router_sync_held_pools",
    "Pools that keep addresses on lost nodes, having no others",
    () => fold.heldPools.size,
  );
  gauge(
    "eru_router_sync_held_nodes",
    "Lost nodes whose addresses stay in use, because more than half of all would have gone with them at once",
    () => fold.heldNodes.size,
  );
  gauge("eru_router_sync_nginx_starts", "How often this process started nginx", () => keeper.starts);
  gauge("eru_router_sync_serving", "1 while nginx serves", () => (keeper.serving ? 1 : 0));
  gauge("eru_router_sync_log_connected", "1 while the log is reachable", () => (connected() ? 1 : 0));
  gauge(
    "eru_router_sync_staged_routes",
    "Changes that this load balancer has before others",
    () => fold.stages.size,
  );
}
