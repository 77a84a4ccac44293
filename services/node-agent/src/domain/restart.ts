import type { RestartPolicy } from "@eru/events";

/** The wait before the first restart; it doubles with each further one. */
const retryFirstMs = 1_000;
/** The longest wait. */
const retryMostMs = 60_000;
/** After this long healthy without a break, earlier failures are forgotten. */
export const steadyMs = 60_000;

/** The wait before retry number `retries + 1`. */
export const backOffMs = (retries: number): number =>
  Math.min(retryMostMs, retryFirstMs * 2 ** Math.min(retries, 30));

/** The wait before the engine is asked again, when it refused a step; undefined: given up. */
export const retryAfterFailure = (policy: RestartPolicy, retries: number): number | undefined =>
  retries < policy.retriesMax ? backOffMs(retries) : undefined;

/** The wait before the process is started again, when it ended by itself; undefined: it stays ended. */
export function retryAfterExit(policy: RestartPolicy, retries: number, exitCode: number): number | undefined {
  if (policy.policy === "no" || (policy.policy === "on-failure" && exitCode === 0)) return undefined;
  return retryAfterFailure(policy, retries);
}
