import type { Forward, Match, Redirect, Respond } from "@eru/events";

/** Values of the route table as load balancers get it: docs/elb-table.md. */

/** A pool that a rule of the table forwards to. */
export type TableBackend = { pool: string; weight: number; release?: string; track?: string };

/** How a rule of the table forwards. */
export type TableForward = Omit<Forward, "backends" | "mirror" | "fallback"> & {
  backends: readonly TableBackend[];
  mirror?: string;
  fallback?: string;
};

/** A rule of the table: exactly one of the actions is there. */
export type TableRule = {
  id: string;
  when?: readonly Match[];
  forward?: TableForward;
  redirect?: Redirect;
  respond?: Respond;
};

/** The value of an `r:` line. */
export type TableHost = {
  app?: string;
  tls?: { redirectHttp: boolean; minVersion: "1.2" | "1.3" };
  rules: readonly TableRule[];
};

/** An endpoint in the value of a `p:` line; only active ones (`a`) get requests. */
export type TableEndpoint = {
  id: string;
  ip: string;
  port: number;
  w: number;
  s: "a" | "d";
  release?: string;
};

/** The value of a `p:` line, as far as it says where requests go. */
export type TablePool = { eps: TableEndpoint[] };
