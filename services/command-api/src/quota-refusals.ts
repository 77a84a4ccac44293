import type { chargeKinds } from "@eru/events";
import type { Row } from "./refusals.ts";

type Kind = (typeof chargeKinds)[number];

/** The field of a quota's limits, and an amount of it in words. */
const kinds: Readonly<Record<Kind, { field: string; text: (amount: number) => string }>> = {
  instances: { field: "instances", text: (amount) => `${amount} workloads` },
  cpuMilli: { field: "cpu", text: (amount) => `${amount / 1_000} cpu` },
  memoryMib: { field: "memoryMib", text: (amount) => `${amount} MiB of memory` },
  storageMib: { field: "storageMib", text: (amount) => `${amount} MiB of storage` },
  gpus: { field: "gpus", text: (amount) => `${amount} gpus` },
};

/** What is answered to refusals about quotas. */
export const quotaRows: {
  readonly quota_unknown: Row<"quota_unknown">;
  readonly quota_exceeded: Row<"quota_exceeded">;
} = {
  quota_unknown: {
    status: 404,
    field: "quota",
    value: (r) => r.quota,
    say: (r) =>
      `there is no quota \`${r.quota}\`: list them with GET /v1/quotas, set one with PUT /v1/quotas`,
  },
  quota_exceeded: {
    status: 409,
    field: "quota",
    value: (r) => r.quota,
    say: ({ quota, kind, limit, others, had, wants }) => {
      const { field, text } = kinds[kind];
      const left = Math.max(0, limit - others);
      return `quota \`${quota}\` allows ${text(limit)}: other deployments wish ${text(others)} of it, this one ${text(had)} now and ${text(wants)} with what is asked. Ask for at most ${text(left)} in all, scale down or remove what is not needed, or raise ${field} with PUT /v1/quotas`;
    },
  },
};
