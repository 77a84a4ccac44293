import { QuotaLimits, QuotaName, QuotaScope, quotaName, subjects } from "@eru/events";
import { z } from "zod";
import { quota as decider } from "../domain/quota.ts";
import type { Refusal } from "../domain/refusal.ts";
import { about, type Command } from "../handle.ts";
import type { Intent } from "../intent.ts";
import { commandRoute, type RouteDeps } from "./command-route.ts";

const NewQuota = z
  .strictObject({
    ...QuotaScope.shape,
    limits: QuotaLimits.refine(
      (limits) => Object.keys(limits).length > 0,
      "name what shall be limited: instances, cpu, memoryMib, storageMib or gpus",
    ),
  })
  .refine(
    ({ app, pod }) => app !== undefined || pod !== undefined,
    "name an app, a pod, or both: a quota is for the deployments of an app, in a pod, or of an app in a pod",
  );
const tag = "quotas";
const ids = { quota: QuotaName };

/** Commands about quotas. */
export function quotaRoutes(deps: RouteDeps): void {
  commandRoute(deps, {
    name: "SetQuota",
    method: "PUT",
    url: "/v1/quotas",
    tag,
    summary: "Limit what the deployments of an app, in a pod, or of an app in a pod may wish together",
    description:
      "Absolute: what is absent is not limited any more. Below what is used it is accepted, too: nothing is taken away, only growth is refused.",
    body: NewQuota,
    ids,
    command: ({ body }) => setQuota(body),
  });
  commandRoute(deps, {
    name: "RemoveQuota",
    method: "DELETE",
    url: "/v1/quotas/:quota",
    tag,
    summary: "Remove a quota",
    description: "From now on nothing is refused for it.",
    params: z.strictObject({ quota: QuotaName }),
    ids,
    command: ({ params: { quota } }) => removeQuota(quota),
  });
}

function setQuota({ app, pod, limits }: z.output<typeof NewQuota>): Command {
  const scope = { ...(app !== undefined && { app }), ...(pod !== undefined && { pod }) };
  const quota = quotaName(scope);
  const subject = subjects.quota(quota);
  return {
    reads: [
      ...(app === undefined ? [] : [subjects.app(app)]),
      ...(pod === undefined ? [] : [subjects.pod(pod)]),
    ],
    writes: [subject],
    decide: (intent) => {
      const missing = missingOf(intent, scope);
      const command = { type: "SetQuota", quota, ...scope, limits, missing } as const;
      return about(subject, { quota }, decider.decide(intent.quotas.get(quota), command));
    },
  };
}

/** A misspelt name must not pass: it would limit nothing. */
function missingOf(intent: Intent, { app, pod }: QuotaScope): Refusal | undefined {
  const appPhase = app === undefined ? "present" : intent.apps.get(app).phase;
  if (app !== undefined && appPhase !== "present")
    return { code: "app_unknown", app, removed: appPhase === "removed" };
  const podPhase = pod === undefined ? "present" : intent.pods.get(pod).phase;
  if (pod !== undefined && podPhase !== "present")
    return { code: "pod_unknown", pod, removed: podPhase === "removed" };
  return undefined;
}

function removeQuota(quota: string): Command {
  const subject = subjects.quota(quota);
  return {
    reads: [],
    writes: [subject],
    decide: (intent) =>
      about(subject, { quota }, decider.decide(intent.quotas.get(quota), { type: "RemoveQuota", quota })),
  };
}
