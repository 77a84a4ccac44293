import { type EruEvent, subjects } from "@eru/events";
import type { Broker } from "@eru/log";
import { afterEach, beforeEach, expect, test } from "vitest";
import { furnish, type Running, record, start, wish } from "../fixture.ts";

let api: Running<Broker>;
let deployment: string;
const has = { cpu: 0.1, memoryMib: 32 };

beforeEach(async () => {
  api = await start();
  await furnish(api);
  const answer = await api.send("POST", "/v1/deployments", { ...wish, resources: has });
  deployment = String(answer.body["deployment"]);
  const state = api.follower.intent.deployments.get(deployment);
  if (state.phase !== "live") throw new Error("the deployment is not there");
  await say({
    ...{ type: "WorkloadAssigned", node: "n1", pod: "demo", workload: `${deployment}-1`, deployment },
    ...{ generation: 1, template: state.template, resources: has },
  });
});
afterEach(() => api.close());

const say = async (event: EruEvent) => {
  await record(api.broker, subjects.assignment("n1"), event);
  await api.follower.catchUp();
};
const newest = async () => {
  const stored = await api.broker.log.read(subjects.deployment("demo", deployment), 1);
  return JSON.parse(stored.at(-1)?.body ?? "").events[0];
};
const ask = (body: unknown, n = 1) => api.send("POST", `/v1/workloads/${deployment}-${n}/realloc`, body);
const askAll = (body: unknown) => api.send("POST", `/v1/deployments/${deployment}/realloc`, body);

test("what is named is recorded for one workload, in its deployment's history", async () => {
  expect(await ask({ cpu: 0.5 })).toMatchObject({
    status: 202,
    body: { deployment, workload: `${deployment}-1`, changed: true },
  });
  expect(await newest()).toMatchObject({
    type: "WorkloadReallocRequested",
    payload: { workload: `${deployment}-1`, amounts: { cpu: 0.5 } },
  });
});

test("a deployment's new wish is recorded whole, and nothing when it and its workloads have it", async () => {
  expect((await askAll({ cpu: 0.1, memoryMib: 32 })).body).toMatchObject({ changed: false });
  expect((await askAll({ memoryMib: 64 })).body).toMatchObject({ changed: true });
  const resources = { cpu: 0.1, memoryMib: 64 };
  expect(await newest()).toMatchObject({ type: "ReallocRequested", payload: { deployment, resources } });
  // One that was refused is worth another try.
  expect((await askAll({ memoryMib: 64 })).body).toMatchObject({ changed: true });
  await say({
    ...{ type: "WorkloadReallocAssigned", node: "n1", workload: `${deployment}-1`, revision: 1, resources },
  });
  expect((await askAll({ memoryMib: 64 })).body).toMatchObject({ changed: false });
});

test.each([
  ["nothing at all", {}, /name what shall change/],
  ["no bound", { cpu: 0 }, /above 0/],
  ["too little memory", { memoryMib: 3 }, /4 MiB or more/],
  ["a negative amount", { memoryLimitMib: -5 }, /memoryLimitMib/],
  ["something that cannot change", { storageMib: 5 }, /storageMib/],
  ["a word", { cpu: "2" }, /cpu/],
])("%s is refused, and the field named", async (_what, body, words) => {
  for (const answer of [await ask(body), await askAll(body)]) {
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer.body)).toMatch(words);
  }
});

test("of a workload or a deployment that is not there it is refused with what there is", async () => {
  expect(await ask({ cpu: 1 }, 7)).toMatchObject({
    status: 404,
    body: { detail: expect.stringMatching(/its deployment has .*-1/) },
  });
  expect(await api.send("POST", "/v1/deployments/web-http-zzzzzz/realloc", { cpu: 1 })).toMatchObject({
    status: 404,
    body: { detail: expect.stringMatching(/there is no deployment/) },
  });
});
