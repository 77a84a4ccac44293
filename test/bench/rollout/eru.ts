import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import type { Api } from "../../../infra/local/src/demo/api.ts";
import { batch, count, memoryMib } from "./setting.ts";

const pollMs = 100;
const app = "bench";

const Event = z.looseObject({
  seq: z.number(),
  type: z.string(),
  time: z.string(),
  payload: z.looseObject({}),
});
const Workload = z.looseObject({ workload: z.string(), node: z.string(), state: z.string() });

/** An app without a health check: running is healthy, as for the others. */
export async function registerBench(api: Api, image: string): Promise<void> {
  await api.command("POST", "/v1/apps", { name: app });
  await api.command("POST", `/v1/apps/${app}/releases`, {
    release: "v1",
    image,
    specText: `appname: ${app}\nentrypoints:\n  web:\n    publish: [8080]\n`,
  });
}

/** Requests so many workloads. */
export async function request(api: Api, pod: string, wanted: number): Promise<{ id: string; seq: number }> {
  const answer = await api.command("POST", "/v1/deployments", {
    ...{ app, release: "v1", entrypoint: "web", pod, count: wanted },
    resources: { cpu: 0.01, memoryMib },
  });
  return { id: z.string().parse(answer?.["deployment"]), seq: answer?.seq ?? 0 };
}

/** Creates so many, replaces them in batches, new ones first, and removes all. Times by the writers' clocks: one machine. */
export async function eruRound(api: Api, pod: string): Promise<{ create: number; update: number }> {
  const { id, seq } = await request(api, pod, count);
  const create = await untilStarted(api, id, seq);
  const body = { release: "v1", env: { ROUND: "two" }, surge: batch };
  const upgraded = await api.command("POST", `/v1/deployments/${id}/upgrade`, body);
  const update = await untilStarted(api, id, upgraded?.seq ?? 0);
  await api.command("DELETE", `/v1/deployments/${id}`, undefined);
  while ((await workloads(api, id)).some(({ state }) => state !== "removed")) await sleep(pollMs);
  return { create, update };
}

/** The workloads of a deployment as they are. */
export const workloads = (api: Api, deployment: string) =>
  api.list("/v1/workloads", { deployment }, Workload);

/** Milliseconds from the command until the last of so many new workloads had started. */
async function untilStarted(api: Api, deployment: string, fromSeq: number): Promise<number> {
  for (;;) {
    const events = await all(api, fromSeq);
    const requested = events.find(({ seq }) => seq === fromSeq);
    const starts = events.filter(
      ({ type, payload }) =>
        type === "ContainerStarted" && String(payload["workload"]).startsWith(`${deployment}-`),
    );
    if (requested && starts.length >= count)
      return Math.max(...starts.map(({ time }) => Date.parse(time))) - Date.parse(requested.time);
    await sleep(pollMs);
  }
}

/** Events from a sequence on: a few pages. */
async function all(api: Api, fromSeq: number): Promise<z.infer<typeof Event>[]> {
  const found: z.infer<typeof Event>[] = [];
  for (let from = fromSeq; ; ) {
    const page = await api.list("/v1/events", { fromSeq: String(from), limit: "1000" }, Event);
    found.push(...page);
    const last = page.at(-1);
    if (!last || page.length < 1_000) return found;
    from = last.seq + 1;
  }
}
