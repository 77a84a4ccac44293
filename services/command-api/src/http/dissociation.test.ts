import { type EruEvent, subjects } from "@eru/events";
import type { Broker } from "@eru/log";
import { afterEach, beforeEach, expect, test } from "vitest";
import { furnish, type Running, record, start, wish } from "../fixture.ts";

let api: Running<Broker>;
let deployment: string;
let workload: string;

beforeEach(async () => {
  api = await start();
  await furnish(api);
  deployment = String((await api.send("POST", "/v1/deployments", wish)).body["deployment"]);
  workload = `${deployment}-1`;
  await order(1);
});
afterEach(() => api.close());

const say = async (subject: string, event: EruEvent) => {
  const seq = await record(api.broker, subject, event);
  await api.follower.catchUp();
  return seq;
};

async function order(generation: number, keep?: "adopted"): Promise<void> {
  const state = api.follower.intent.deployments.get(deployment);
  if (state.phase !== "live") throw new Error("the deployment is not there");
  await say(subjects.assignment("n1"), {
    ...{ type: "WorkloadAssigned", node: "n1", pod: "demo", workload, deployment },
    ...{ generation, template: state.template, resources: { cpu: 0.1, memoryMib: 32 } },
    ...(keep && { keep }),
  });
}

const of = () => ({ node: "n1", workload, generation: 2 });
const letGo = () => say(subjects.assignment("n1"), { type: "WorkloadReleaseAssigned", ...of() });
const released = (containerId?: string) =>
  say(subjects.fact("n1"), { type: "ContainerReleased", ...of(), ...(containerId && { containerId }) });
const ask = (verb: string, body?: unknown, id = workload) =>
  api.send("POST", `/v1/workloads/${id}/${verb}`, body);
const decided = (requestSeq: number, count: number) =>
  say(subjects.decision("demo"), {
    ...{ type: "DissociationDecided", deployment, workload, node: "n1", requestSeq, count },
    ...{ drain: false, drainDeadlineMs: 0, risk: "" },
  });

test("it is recorded in the deployment's history, with whether another shall take its place", async () => {
  expect(await ask("dissociate", { replace: true })).toMatchObject({
    status: 202,
    body: { deployment, workload, changed: true },
  });
  const stored = await api.broker.log.read(subjects.deployment("demo", deployment), 1);
  expect(JSON.parse(stored.at(-1)?.body ?? "").events[0]).toMatchObject({
    type: "DissociationRequested",
    payload: { workload, replace: true },
  });
});

test("a workload that has left is not asked to leave again, and can be asked back", async () => {
  await letGo();
  await released("c");
  expect((await ask("dissociate")).body).toMatchObject({ changed: false });
  expect((await ask("adopt")).body).toMatchObject({ workload, changed: true });
  await order(3, "adopted");
  expect((await ask("adopt")).body).toMatchObject({ changed: false });
  expect((await ask("restart")).body).toMatchObject({ changed: true });
});

test.each([["restart"], ["stop"], ["start"], ["replace"], ["realloc", { cpu: 0.2 }]])(
  "%s of a dissociated workload is refused, and says how to get it back",
  async (verb, body?: unknown) => {
    await letGo();
    await released("c");
    const refused = await api.refusal("POST", `/v1/workloads/${workload}/${verb}`, body);
    expect(refused).toMatchObject({ status: 409, code: "workload_dissociated", grew: false });
    expect(refused.detail).toContain(`adopt it first with POST /v1/workloads/${workload}/adopt`);
  },
);

test.each([
  ["was never there", async () => ask("adopt", undefined, `${deployment}-7`), /no dissociated workload/],
  [
    "had no container to keep",
    async () => {
      await letGo();
      await released();
      return await ask("adopt");
    },
    /its container is gone, or never was/,
  ],
  [
    "has lost its container",
    async () => {
      await letGo();
      await released("c");
      await say(subjects.fact("n1"), { type: "ContainerRemoved", ...of(), ordered: false });
      return await ask("adopt");
    },
    /state=dissociated/,
  ],
] as const)("what %s cannot be adopted", async (_which, attempt, said) => {
  const answer = await attempt();
  expect(answer.status).toBe(404);
  expect(answer.body["detail"]).toMatch(said);
});

test("without its deployment nothing can be adopted", async () => {
  await letGo();
  await released("c");
  await api.send("DELETE", `/v1/deployments/${deployment}`);
  const answer = await ask("adopt");
  expect(answer).toMatchObject({ status: 409, body: { code: "adoption_without_deployment" } });
});

test("what is leaving is refused, and what is not there is not found", async () => {
  await say(subjects.assignment("n1"), { type: "WorkloadStopAssigned", ...of(), graceSeconds: 1 });
  expect(await ask("dissociate")).toMatchObject({ status: 409, body: { code: "workload_leaving" } });
  expect(await ask("dissociate", undefined, `${deployment}-9`)).toMatchObject({ status: 404 });
});

test("the count that a scale is compared with goes down with it, unless users said more since", async () => {
  const scale = async (count: number) =>
    (await api.send("POST", `/v1/deployments/${deployment}/scale`, { count })).body;
  const first = Number((await ask("dissociate")).body["seq"]);
  await decided(first, 1);
  expect(await scale(1)).toMatchObject({ changed: false });
  expect(await scale(3)).toMatchObject({ changed: true });
  await decided(first, 1);
  expect(await scale(3)).toMatchObject({ changed: false });
});

test("a node with nothing but a dissociated container can be removed", async () => {
  expect((await api.send("DELETE", "/v1/nodes/n1")).status).toBe(409);
  await letGo();
  await released("c");
  expect((await api.send("DELETE", "/v1/nodes/n1")).status).toBe(202);
});
