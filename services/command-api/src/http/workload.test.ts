import { type EruEvent, subjects } from "@eru/events";
import type { Broker } from "@eru/log";
import { afterEach, beforeEach, expect, test } from "vitest";
import { furnish, type Running, record, start, wish } from "../fixture.ts";

let api: Running<Broker>;
let deployment: string;

beforeEach(async () => {
  api = await start();
  await furnish(api);
  deployment = String((await api.send("POST", "/v1/deployments", wish)).body["deployment"]);
  await order(1);
});
afterEach(() => api.close());

const say = async (subject: string, event: EruEvent) => {
  await record(api.broker, subject, event);
  await api.follower.catchUp();
};

/** What the scheduler orders, from what was requested. */
async function order(n: number, generation = 1, keep?: "stopped"): Promise<void> {
  const state = api.follower.intent.deployments.get(deployment);
  if (state.phase !== "live") throw new Error("the deployment is not there");
  await say(subjects.assignment("n1"), {
    ...{ type: "WorkloadAssigned", node: "n1", pod: "demo", workload: `${deployment}-${n}`, deployment },
    ...{ generation, template: state.template, resources: { cpu: 0.1, memoryMib: 32 } },
    ...(keep && { keep }),
  });
}

const ask = (verb: string, n = 1, body?: unknown) =>
  api.send("POST", `/v1/workloads/${deployment}-${n}/${verb}`, body);

test("a verb is recorded in the deployment's history, with what was asked", async () => {
  const answer = await ask("restart", 1, { ignoreHooks: true });
  expect(answer).toMatchObject({
    status: 202,
    body: { deployment, workload: `${deployment}-1`, changed: true },
  });
  const stored = await api.broker.log.read(subjects.deployment("demo", deployment), 1);
  expect(JSON.parse(stored.at(-1)?.body ?? "").events[0]).toMatchObject({
    type: "WorkloadChangeRequested",
    payload: { workload: `${deployment}-1`, change: "restart", ignoreHooks: true },
  });
});

test("a replacement is recorded with what it takes over; paths that are none are refused with the field", async () => {
  const inherit = { copy: [{ from: "/etc/app", to: "/etc/old" }], network: true };
  expect(await ask("replace", 1, inherit)).toMatchObject({ status: 202, body: { changed: true } });
  const stored = await api.broker.log.read(subjects.deployment("demo", deployment), 1);
  expect(JSON.parse(stored.at(-1)?.body ?? "").events[0]?.payload).toMatchObject({
    change: "replace",
    inherit,
  });
  for (const from of ["etc/app", "/etc/../shadow", "/", "/etc/"]) {
    const refused = await ask("replace", 1, { copy: [{ from, to: "/etc/old" }] });
    expect(refused.status).toBe(400);
    expect(JSON.stringify(refused.body)).toContain("copy.0.from");
  }
  expect((await ask("restart", 1, { network: true })).status).toBe(400);
});

test("a stop of what is stopped and a start of what is not change nothing", async () => {
  expect((await ask("start")).body).toMatchObject({ changed: false });
  expect((await ask("stop")).body).toMatchObject({ changed: true });
  expect((await ask("stop")).body).toMatchObject({ changed: false });
  await order(1, 2, "stopped");
  expect((await ask("stop")).body).toMatchObject({ changed: false });
  expect((await ask("start")).body).toMatchObject({ changed: true });
});

test.each([
  ["one that never was", () => ask("restart", 7), 404, /there is no workload .*-7`; its deployment has .*-1/],
  [
    "one that is gone",
    async () => {
      const workload = `${deployment}-1`;
      await order(2);
      await say(subjects.assignment("n1"), {
        ...{ type: "WorkloadStopAssigned", node: "n1", workload, generation: 2, graceSeconds: 1 },
      });
      await say(subjects.fact("n1"), {
        ...{ type: "ContainerRemoved", node: "n1", workload, generation: 2, ordered: true },
      });
      return await ask("restart");
    },
    404,
    /any more: it is gone; its deployment has .*-2/,
  ],
  [
    "one that is going",
    async () => {
      await say(subjects.assignment("n1"), {
        ...{ type: "WorkloadStopAssigned", node: "n1", workload: `${deployment}-1`, generation: 2 },
        graceSeconds: 1,
      });
      return await ask("replace");
    },
    409,
    /is being removed and cannot be changed/,
  ],
  [
    "one of a deployment that is not there",
    () => api.send("POST", "/v1/workloads/web-http-zzzzzz-1/stop"),
    404,
    /there is no deployment `web-http-zzzzzz`/,
  ],
])("%s is refused with what there is", async (_what, send, status, detail) => {
  const answer = await send();
  expect(answer.status).toBe(status);
  expect(answer.body["detail"]).toMatch(detail);
});

test("an unknown field is named", async () => {
  const answer = await ask("stop", 1, { ignoreHook: true });
  expect(answer).toMatchObject({ status: 400 });
  expect(JSON.stringify(answer.body["faults"])).toContain("ignoreHook");
});
