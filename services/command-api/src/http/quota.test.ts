import { subjects } from "@eru/events";
import type { Broker } from "@eru/log";
import { afterEach, beforeEach, expect, test } from "vitest";
import { furnish, type Running, record, start, wish } from "../fixture.ts";

let api: Running<Broker>;

beforeEach(async () => {
  api = await start();
  await furnish(api);
});
afterEach(() => api.close());

const set = (limits: object, scope: object = { app: "web" }) =>
  api.send("PUT", "/v1/quotas", { ...scope, limits });
const deploy = (more: object = {}) => api.send("POST", "/v1/deployments", { ...wish, ...more });
const deployed = async (more: object = {}) => String((await deploy(more)).body["deployment"]);
const over = { status: 409, body: { code: "quota_exceeded" } };

test("a wish within the quota is admitted and recorded in the quota's history, together with it", async () => {
  expect(await set({ instances: 2 })).toMatchObject({
    status: 202,
    body: { quota: "app_web", changed: true },
  });
  const { status, body } = await deploy();
  expect(status).toBe(202);
  const stored = await api.broker.log.read(subjects.quota("app_web"), 1);
  const events = stored.map((message) => JSON.parse(message.body).events[0]);
  expect(events.map(({ type }) => type)).toEqual(["QuotaSet", "QuotaCharged"]);
  expect(events[1].payload).toEqual({ quota: "app_web", deployment: body["deployment"] });
});

test("a wish beyond it is refused with the quota, what is used, what is asked and what to do", async () => {
  await set({ cpu: 0.3 });
  await deploy({ count: 2 });
  const { status, body } = await deploy({ count: 2 });
  expect(status).toBe(409);
  expect(body["detail"]).toBe(
    "quota `app_web` allows 0.3 cpu: other deployments wish 0.2 cpu of it, this one 0 cpu now and 0.2 cpu with what is asked. Ask for at most 0.1 cpu in all, scale down or remove what is not needed, or raise cpu with PUT /v1/quotas",
  );
});

test("scaling, upgrading and reallocating are growth, too; shrinking is always admitted", async () => {
  const id = await deployed({ count: 4 });
  await set({ memoryMib: 100, instances: 3 }); // Below what is used: accepted.
  const ask = (verb: string, body: object) => api.send("POST", `/v1/deployments/${id}/${verb}`, body);
  expect(await ask("scale", { count: 5 })).toMatchObject(over);
  expect((await ask("scale", { count: 3 })).status).toBe(202);
  expect(await ask("upgrade", { resources: { cpu: 0.1, memoryMib: 64 } })).toMatchObject(over);
  expect(await ask("realloc", { memoryMib: 64 })).toMatchObject(over);
  expect((await ask("realloc", { cpu: 0.5 })).status).toBe(202); // Not limited.
  expect((await ask("realloc", { memoryMib: 16 })).status).toBe(202);
});

test.each([
  ["of the pod", { pod: "demo" }, true],
  ["of the app in the pod", { app: "web", pod: "demo" }, true],
  ["of another app", { app: "other" }, false],
])("a quota %s counts what is in its scope", async (_, scope, counts) => {
  await api.send("POST", "/v1/apps", { name: "other" });
  await set({ instances: 1 }, scope);
  expect((await deploy({ count: 2 })).status).toBe(counts ? 409 : 202);
});

test("a strategy that counts per node is charged for the nodes it may have, or for those of the pod", async () => {
  await set({ instances: 3 });
  await api.send("POST", "/v1/nodes", { name: "n2", pod: "demo" });
  expect(await deploy({ strategy: "each", count: 2 })).toMatchObject(over); // Two on each of two nodes.
  expect((await deploy({ strategy: "each", count: 2, nodesLimit: 1 })).status).toBe(202);
});

test("a removed deployment gives back what it was charged, a removed quota refuses nothing", async () => {
  await set({ instances: 2 });
  const id = await deployed();
  expect(await deploy()).toMatchObject(over);
  await api.send("DELETE", `/v1/deployments/${id}`);
  expect((await deploy()).status).toBe(202);
  expect((await api.send("DELETE", "/v1/quotas/app_web")).status).toBe(202);
  expect((await deploy({ count: 50 })).status).toBe(202);
});

test("of two that are asked at once only what fits is admitted", async () => {
  await set({ instances: 3 });
  const answers = await Promise.all([deploy(), deploy(), deploy()]);
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 409, 409]);
});

test("a dry run is refused like the request itself", async () => {
  await set({ instances: 1 });
  expect(await api.send("POST", "/v1/deployments?dryRun=true", wish)).toMatchObject(over);
});

test.each([
  [{ limits: { cpu: 1 } }, 400, /name an app, a pod, or both/],
  [{ app: "web", limits: {} }, 400, /name what shall be limited/],
  [{ app: "web", limits: { cpu: -1 } }, 400, /cpu must not be negative/],
  [{ app: "web", limits: { gpus: 1.5 } }, 400, /gpus is a whole number/],
  [{ app: "nobody", limits: { cpu: 1 } }, 404, /there is no app `nobody`/],
  [{ pod: "nowhere", limits: { cpu: 1 } }, 404, /there is no pod `nowhere`/],
])("%j is refused", async (body, status, text) => {
  const answer = await api.send("PUT", "/v1/quotas", body);
  expect(answer.status).toBe(status);
  expect(JSON.stringify(answer.body)).toMatch(text);
});

test("setting what is set records nothing, removing what never was is refused", async () => {
  await set({ cpu: 2 });
  expect((await set({ cpu: 2 })).body).toMatchObject({ changed: false });
  expect((await api.send("DELETE", "/v1/quotas/pod_demo")).status).toBe(404);
});

test("what one workload is given by itself is charged above its deployment's wish, and no longer once it was refused", async () => {
  const id = await deployed({ count: 2 });
  const { resources } = wish;
  const state = api.follower.intent.deployments.get(id);
  if (state.phase !== "live") throw new Error("the deployment is not there");
  for (const n of [1, 2])
    await record(api.broker, subjects.assignment("n1"), {
      ...{ type: "WorkloadAssigned", node: "n1", pod: "demo", workload: `${id}-${n}`, deployment: id },
      ...{ generation: 1, template: state.template, resources },
    });
  await api.follower.catchUp();
  await set({ memoryMib: 3 * resources.memoryMib });
  const give = (n: number, memoryMib: number) =>
    api.send("POST", `/v1/workloads/${id}-${n}/realloc`, { memoryMib });
  const { body, status } = await give(1, 3 * resources.memoryMib);
  expect(status).toBe(409);
  expect(body["detail"]).toMatch(
    /allows 96 MiB of memory.* this one 64 MiB .* now and 128 MiB of memory with/,
  );
  expect((await give(1, 2 * resources.memoryMib)).status).toBe(202);
  expect(await give(2, 2 * resources.memoryMib)).toMatchObject(over);
  expect(await deploy({ count: 1 })).toMatchObject(over);
  expect((await give(2, 16)).status).toBe(202); // Less is admitted, and gives nothing back.
  expect(await deploy({ count: 1 })).toMatchObject(over);
  // Refused by the scheduler: it has what it had.
  await record(api.broker, subjects.decision("demo"), {
    ...{
      type: "ReallocRefused",
      deployment: id,
      workload: `${id}-1`,
      node: "n1",
      requestSeq: 1,
      detail: "no room",
    },
    resources: { ...resources, memoryMib: 2 * resources.memoryMib },
  });
  await api.follower.catchUp();
  expect((await deploy({ count: 1 })).status).toBe(202);
});
