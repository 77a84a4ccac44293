import { type Broker, MemoryBroker, type Page } from "@eru/log";
import { createLog, createMetrics } from "@eru/service";
import { afterEach, expect, test } from "vitest";
import { createCommandApi } from "../command-api.ts";
import type { Limits } from "../config.ts";
import { start, withLog } from "../fixture.ts";

const closing: (() => Promise<void>)[] = [];
const begin = async (options: { broker?: Broker; limits?: Partial<Limits> } = {}) => {
  const api = await start<Broker>(options);
  closing.push(api.close);
  return api;
};
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
});

test("more requests in a second than allowed are 429, per token; health is never limited", async () => {
  const api = await begin({ limits: { ratePerSecond: 3 } });
  const post = () => api.send("POST", "/v1/pods", { name: "demo" });
  for (const status of [202, 200, 200]) expect((await post()).status).toBe(status);
  const limited = await post();
  expect(limited).toMatchObject({ status: 429, body: { code: "too_many_requests", status: 429 } });
  expect(limited.headers["retry-after"]).toBe("1");
  for (let round = 0; round < 10; round++) expect((await api.send("GET", "/healthz")).status).toBe(200);
});

test("commands beyond those that may be at work are 503 at once, and taken again when one is done", async () => {
  const broker = new MemoryBroker();
  const held = Promise.withResolvers<void>();
  const slow = withLog(broker, {
    append: async (append) => {
      if (append.subject === "eru.pod.slow") await held.promise;
      return await broker.log.append(append);
    },
  });
  const api = await begin({ broker: slow, limits: { inFlightMax: 1 } });
  const first = api.send("POST", "/v1/pods", { name: "slow" });
  const busy = await untilBusy(() => api.send("POST", "/v1/apps", { name: "web" }));
  expect(busy).toMatchObject({ status: 503, body: { code: "overloaded" } });
  expect(busy.headers["retry-after"]).toBe("1");
  expect(
    await api.send("POST", "/v1/pods", { nonsense: true }),
    "before its body is looked at",
  ).toMatchObject({
    status: 503,
  });
  held.resolve();
  expect((await first).status).toBe(202);
  expect((await api.send("POST", "/v1/pods", { name: "next" })).status).toBe(202);
});

async function untilBusy<T extends { status: number }>(ask: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    const answer = await ask();
    if (answer.status === 503 || tries === 50) return answer;
  }
}

test("before the log is read to its end nothing is decided and no token is called wrong", async () => {
  const broker = new MemoryBroker();
  await (await begin({ broker })).send("POST", "/v1/pods", { name: "demo" });
  const stop = new AbortController();
  const unfinished = withLog(broker, {
    follow: async function* (options): AsyncGenerator<Page> {
      for await (const page of broker.log.follow(options)) yield { ...page, head: false };
    },
  });
  const metrics = createMetrics("command-api");
  const limits = { ratePerSecond: 10, inFlightMax: 1, planTimeoutMs: 100, waitMs: 1_000 };
  const api = await createCommandApi({
    broker: unfinished,
    limits,
    metrics,
    log: createLog("test", "error"),
  });
  const followed = api.follower.run(stop.signal);
  await api.follower.reach(2);
  const post = (token: string) =>
    api.app.inject({
      method: "POST",
      url: "/v1/pods",
      headers: { authorization: `Bearer ${token}` },
      payload: { name: "x" },
    });
  for (const token of ["correct-horse", "unknown"]) {
    const answer = await post(token);
    expect(answer.statusCode).toBe(503);
    expect(answer.json()).toMatchObject({ code: "not_ready" });
  }
  expect((await api.app.inject({ url: "/readyz" })).json()).toMatchObject({
    reason: "reading the log, at sequence 2",
  });
  expect(api.follower.lagSeconds).toBeGreaterThan(0);
  await api.app.close();
  stop.abort();
  await followed;
});

test("what commands did is counted by how they ended", async () => {
  const api = await begin();
  await api.send("POST", "/v1/pods", { name: "demo" }, { "idempotency-key": "k" });
  await api.send("POST", "/v1/pods", { name: "demo" }, { "idempotency-key": "k" });
  await api.send("POST", "/v1/pods", { name: "demo" });
  await api.send("POST", "/v1/pods", { name: "demo", description: "x" });
  const text = String((await api.send("GET", "/metrics")).body["text"]);
  for (const result of ["recorded", "repeated", "unchanged", "refused"])
    expect(text).toMatch(new RegExp(`eru_commands_total\\{command="AddPod",result="${result}".*\\} 1`));
  expect(text).toMatch(/eru_append_seconds_count\{.*\} 1/);
  expect(text).toMatch(/eru_follower_seq\{.*\} 2/);
  expect(text).toMatch(/eru_follower_lag_seconds\{.*\} 0/);
  expect(text).toMatch(/eru_commands_in_flight\{.*\} 0/);
});

type Operation = {
  summary?: string;
  description?: string;
  operationId?: string;
  responses: Record<string, { content: Record<string, { schema: object }> }>;
  parameters?: { name: string; in: string }[];
};

test("every command is described, with what it answers, to everybody", async () => {
  const api = await begin();
  const answer = await api.app.inject({ url: "/docs/json" });
  expect(answer.statusCode).toBe(200);
  const { paths } = answer.json() as { paths: Record<string, Record<string, Operation>> };
  const all = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, operation })),
  );
  // Questions change nothing and are no commands.
  const isQuestion = (name: string) => name.startsWith("get ") || name === "post /v1/routes/explain";
  const questions = all.filter(({ name }) => isQuestion(name));
  expect(questions.map(({ name }) => name)).toContain("get /v1/deployments/{deployment}/why-not/{node}");
  for (const { name, operation } of questions) expect(operation.summary, name).toMatch(/\w/);
  const operations = all.filter(({ name }) => !isQuestion(name));
  expect(operations.map(({ name }) => name).sort()).toEqual([
    "delete /v1/apps/{app}",
    "delete /v1/certificates/{certificate}",
    "delete /v1/deployments/{deployment}",
    "delete /v1/elbs/{elb}",
    "delete /v1/nodes/{node}",
    "delete /v1/nodes/{node}/drain",
    "delete /v1/pods/{pod}",
    "delete /v1/quotas/{quota}",
    "delete /v1/routes/{host}",
    "patch /v1/nodes/{node}/resources",
    "post /v1/apps",
    "post /v1/apps/{app}/releases",
    "post /v1/deployments",
    "post /v1/deployments/{deployment}/realloc",
    "post /v1/deployments/{deployment}/rollback",
    "post /v1/deployments/{deployment}/rollout/abort",
    "post /v1/deployments/{deployment}/rollout/pause",
    "post /v1/deployments/{deployment}/rollout/promote",
    "post /v1/deployments/{deployment}/rollout/resume",
    "post /v1/deployments/{deployment}/scale",
    "post /v1/deployments/{deployment}/upgrade",
    "post /v1/elbs/{elb}/join",
    "post /v1/elbs/{elb}/leave",
    "post /v1/nodes",
    "post /v1/nodes/{node}/cordon",
    "post /v1/nodes/{node}/drain",
    "post /v1/nodes/{node}/drain/pause",
    "post /v1/nodes/{node}/drain/resume",
    "post /v1/nodes/{node}/uncordon",
    "post /v1/pods",
    "post /v1/pods/{pod}/rebalance",
    "post /v1/pods/{pod}/usage/fix",
    "post /v1/routes",
    "post /v1/routes/{host}/stage",
    "post /v1/routes/{host}/stage/abort",
    "post /v1/routes/{host}/stage/promote",
    "post /v1/routes/{host}/undo",
    "post /v1/workloads/{workload}/adopt",
    "post /v1/workloads/{workload}/dissociate",
    "post /v1/workloads/{workload}/realloc",
    "post /v1/workloads/{workload}/replace",
    "post /v1/workloads/{workload}/restart",
    "post /v1/workloads/{workload}/start",
    "post /v1/workloads/{workload}/stop",
    "put /v1/certificates/{certificate}",
    "put /v1/certificates/{certificate}/order",
    "put /v1/deployments/{deployment}/turn",
    "put /v1/nodes/{node}/labels",
    "put /v1/nodes/{node}/resources",
    "put /v1/quotas",
    "put /v1/routes/{host}",
  ]);
  for (const { name, operation } of operations) {
    expect(operation.summary, name).toMatch(/\w/);
    expect(operation.description, name).toMatch(/\w/);
    expect(Object.keys(operation.responses), name).toEqual(
      expect.arrayContaining(["200", "202", "400", "401", "404", "409", "413", "422", "429", "503", "507"]),
    );
    expect(operation.responses["409"]?.content, name).toHaveProperty(["application/problem+json", "schema"]);
    expect(operation.parameters, name).toContainEqual(
      expect.objectContaining({ name: "idempotency-key", in: "header" }),
    );
  }
  expect(new Set(operations.map(({ operation }) => operation.operationId)).size).toBe(operations.length);
  const page = await api.app.inject({ url: "/docs/" });
  expect(page.headers["content-type"]).toContain("text/html");
});

test("the description of a body says its fields, defaults and limits", async () => {
  const api = await begin();
  const { paths } = (await api.app.inject({ url: "/docs/json" })).json();
  const { schema } = paths["/v1/deployments"].post.requestBody.content["application/json"];
  expect(schema).toMatchObject({
    required: ["app", "entrypoint", "pod", "count"],
    additionalProperties: false,
    properties: {
      count: { type: "integer", minimum: 0, maximum: 1_000_000 },
      strategy: { enum: ["auto", "global", "drained", "pack", "fill", "each"], default: "auto" },
      onShortage: { default: "wait" },
    },
  });
});
