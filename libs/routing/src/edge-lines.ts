import type { RouteContent, Rule, Selector } from "@eru/events";
import { poolName } from "./pool-name.ts";
import { inPrecedence } from "./precedence.ts";

/** What the table of a load balancer holds for a host: docs/elb-table.md. Undefined when no rule is enabled. */
export function hostLine({ app, tls, rules }: RouteContent): string | undefined {
  const ordered = inPrecedence(rules);
  if (ordered.length === 0) return undefined;
  return JSON.stringify({
    ...(app !== undefined && { app }),
    ...(tls && { tls: { redirectHttp: tls.redirectHttp, minVersion: tls.minVersion } }),
    rules: ordered.map(lineRule),
  });
}

const lineRule = ({ id, when, action }: Rule): object => ({
  id,
  ...(when && { when }),
  ...lineAction(action),
});

function lineAction(action: Rule["action"]): object {
  if (!("forward" in action)) return action;
  const { backends, mirror, fallback, ...asDeclared } = action.forward;
  return {
    forward: {
      backends: backends.map(({ to, weight }) => ({ pool: poolName(to), weight, ...forLogs(to) })),
      ...asDeclared,
      ...(mirror && { mirror: poolName(mirror) }),
      ...(fallback && { fallback: poolName(fallback) }),
    },
  };
}

const forLogs = ({ release, track }: Selector): object => ({
  ...(release !== undefined && { release }),
  ...(track !== undefined && { track }),
});
