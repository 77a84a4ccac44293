import { z } from "zod";
import { countsPerNode, type Strategy } from "./deployment.ts";
import { AppName, DeploymentId, PodName } from "./names.ts";
import type { Resources } from "./resources.ts";

const amount = (what: string) =>
  z.int(`${what} is a whole number`).min(0, `${what} must not be negative`).max(Number.MAX_SAFE_INTEGER);

/** The most that deployments may wish together; what is absent is not limited. */
export const QuotaLimits = z.strictObject({
  instances: amount("instances").optional(),
  cpu: z
    .number("cpu is a number of cores")
    .min(0, "cpu must not be negative")
    .max(1_000_000_000)
    .refine((cores) => Number.isInteger(Math.round(cores * 1e6) / 1e3), "cpu has at most three decimals")
    .optional(),
  memoryMib: amount("memoryMib").optional(),
  /** Storage and the sizes of volumes. */
  storageMib: amount("storageMib").optional(),
  /** Cards of any product. */
  gpus: amount("gpus").optional(),
});
export type QuotaLimits = z.infer<typeof QuotaLimits>;

/** Whose deployments count: those of an app, in a pod, or of an app in a pod. */
export const QuotaScope = z.strictObject({ app: AppName.optional(), pod: PodName.optional() });
export type QuotaScope = z.infer<typeof QuotaScope>;

/** A quota's name says whose it is: `app_shop`, `pod_demo`, `app_shop_pod_demo`. Names have no underscores themselves. */
export const QuotaName = z
  .string()
  .regex(
    /^(app_[a-z0-9-]{1,32}|pod_[a-z0-9-]{1,40}|app_[a-z0-9-]{1,32}_pod_[a-z0-9-]{1,40})$/,
    "a quota is named app_<app>, pod_<pod> or app_<app>_pod_<pod>",
  );

/** The name of the quota of a scope. */
export const quotaName = ({ app, pod }: QuotaScope): string =>
  [app === undefined ? "" : `app_${app}`, pod === undefined ? "" : `pod_${pod}`].filter(Boolean).join("_");

/** What is limited, and what was admitted under it. */
export const QuotaEvent = z.discriminatedUnion("type", [
  z.strictObject({
    type: z.literal("QuotaSet"),
    quota: QuotaName,
    ...QuotaScope.shape,
    limits: QuotaLimits,
  }),
  z.strictObject({ type: z.literal("QuotaRemoved"), quota: QuotaName }),
  /**
   * A deployment's wish was admitted, recorded together with it: of two that were decided at once only one finds the
   * quota's history as it knew it.
   */
  z.strictObject({ type: z.literal("QuotaCharged"), quota: QuotaName, deployment: DeploymentId }),
]);
export type QuotaEvent = z.infer<typeof QuotaEvent>;

/** What a deployment wishes, in whole numbers. */
export type Charge = {
  instances: number;
  cpuMilli: number;
  memoryMib: number;
  storageMib: number;
  gpus: number;
};
/** What can be limited, in the order in which it is told. */
export const chargeKinds = ["instances", "cpuMilli", "memoryMib", "storageMib", "gpus"] as const;

/** Nothing. */
export const noCharge: Charge = { instances: 0, cpuMilli: 0, memoryMib: 0, storageMib: 0, gpus: 0 };

/** One charge and another. */
export const plusCharge = (one: Charge, other: Charge): Charge => ({
  instances: one.instances + other.instances,
  cpuMilli: one.cpuMilli + other.cpuMilli,
  memoryMib: one.memoryMib + other.memoryMib,
  storageMib: one.storageMib + other.storageMib,
  gpus: one.gpus + other.gpus,
});

/** What a deployment asks for. */
type Wish = { count: number; resources: Resources; strategy: Strategy; nodesLimit: number };

/**
 * What a deployment's wish comes to: count times resources. With a strategy that counts per node it is the count on each of
 * the nodes it may have at most, or, where it has no such limit, on each node that is in the pod.
 */
export function chargeOf({ count, resources, strategy, nodesLimit }: Wish, nodesInPod: number): Charge {
  const instances = countsPerNode(strategy) ? count * (nodesLimit || nodesInPod) : count;
  const { cpu, memoryMib, storageMib = 0, volumes = [], gpus = {} } = resources;
  const volumesMib = volumes.reduce((sum, { sizeMib = 0 }) => sum + sizeMib, 0);
  const cards = Object.values(gpus).reduce((sum, many) => sum + many, 0);
  return {
    instances,
    cpuMilli: instances * Math.round(cpu * 1_000),
    memoryMib: instances * memoryMib,
    storageMib: instances * (storageMib + volumesMib),
    gpus: instances * cards,
  };
}

/**
 * What workloads that were given resources by themselves have above what their deployment wishes for each. What is below it
 * gives nothing back: the wish stands.
 */
export function chargeAbove(wish: Resources, own: Iterable<Resources>): Charge {
  const one = (resources: Resources) => chargeOf({ count: 1, resources, strategy: "auto", nodesLimit: 0 }, 0);
  const wished = one(wish);
  let sum = noCharge;
  for (const resources of own) {
    const has = one(resources);
    const above = chargeKinds.map((kind) => [kind, Math.max(0, has[kind] - wished[kind])]);
    sum = plusCharge(sum, Object.fromEntries(above) as Charge);
  }
  return sum;
}

/** The limits in the same numbers. */
export const limitsIn = ({ cpu, ...limits }: QuotaLimits): Partial<Charge> =>
  Object.fromEntries(
    Object.entries({ ...limits, ...(cpu !== undefined && { cpuMilli: Math.round(cpu * 1_000) }) }).filter(
      ([, limit]) => limit !== undefined,
    ),
  );

/** Whether deployments of the app in the pod count for the quota. */
export const isInScope = (scope: QuotaScope, of: { app: string; pod: string }): boolean =>
  (scope.app === undefined || scope.app === of.app) && (scope.pod === undefined || scope.pod === of.pod);
