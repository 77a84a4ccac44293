import { decodeMessage, liveSubjects, type PlanReply, PlanRequest, subjects } from "@eru/events";
import type { MemoryBroker } from "@eru/log";
import { afterEach, beforeEach, expect, test } from "vitest";
import { appYaml, furnish, type Running, record, start, wish } from "../fixture.ts";

let api: Running<MemoryBroker>;
beforeEach(async () => {
  api = await start();
});
afterEach(() => api.close());

const history = async (subject: string) =>
  (await api.broker.log.read(subject, 1)).flatMap((message) => decodeMessage(message));
const types = async (subject: string) => (await history(subject)).map(({ event }) => event.type);

test("a command is recorded with who asked, the key and its cause, and answered with its sequence", async () => {
  const { status, body, headers } = await api.send(
    "POST",
    "/v1/pods",
    { name: "demo", description: "a start" },
    { "idempotency-key": "k-1" },
  );
  expect({ status, body }).toEqual({ status: 202, body: { seq: 2, changed: true, pod: "demo" } });
  expect(headers["idempotency-key"]).toBe("k-1");
  const [recorded] = await history(subjects.pod("demo"));
  expect(recorded).toMatchObject({
    seq: 2,
    meta: {
      id: "k-1",
      actor: "user:ada",
      commandId: "k-1",
      commandDigest: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
    cause: { correlationId: "k-1", causationId: "k-1" },
    event: { type: "PodAdded", pod: "demo", description: "a start" },
  });
});

test("without a key a command gets one, and says it", async () => {
  const { headers } = await api.send("POST", "/v1/pods", { name: "demo" });
  expect(headers["idempotency-key"]).toMatch(/^[0-9A-HJKMNP-TV-Z]{26}$/);
});

test("a whole life: every command changes something once, and nothing the second time", async () => {
  await furnish(api);
  const made = await api.send("POST", "/v1/deployments", { ...wish, filter: { includes: ["n1"] } });
  const id = String(made.body["deployment"]);
  expect(id).toMatch(/^web-http-[0-9a-z]{6}$/);
  await api.send("POST", "/v1/apps/web/releases", {
    release: "v2",
    image: "web:2",
    specText: appYaml("web"),
  });
  const rules = [{ app: "web", entrypoint: "http", pod: "demo", port: 8080 }];
  const calls: [Parameters<typeof api.send>[0], string, unknown, object][] = [
    ["PUT", "/v1/nodes/n1/labels", { zone: "a" }, { node: "n1" }],
    ["PUT", "/v1/nodes/n1/resources", { cpu: 2, memoryMib: 512 }, { node: "n1" }],
    ["POST", "/v1/nodes/n1/cordon", { reason: "disk" }, { node: "n1" }],
    ["POST", "/v1/nodes/n1/uncordon", undefined, { node: "n1" }],
    ["POST", "/v1/nodes/n1/drain", undefined, { node: "n1" }],
    ["DELETE", "/v1/nodes/n1/drain", undefined, { node: "n1" }],
    ["POST", `/v1/deployments/${id}/scale`, { count: 5 }, { deployment: id }],
    ["POST", `/v1/deployments/${id}/upgrade`, { release: "v2", surge: 2 }, { deployment: id }],
    ["PUT", "/v1/routes/web.example.org", { rules }, { host: "web.example.org" }],
    ["DELETE", "/v1/routes/web.example.org", undefined, { host: "web.example.org" }],
    ["DELETE", `/v1/deployments/${id}`, undefined, { deployment: id }],
    ["DELETE", "/v1/apps/web", undefined, { app: "web" }],
    ["DELETE", "/v1/nodes/n1", undefined, { node: "n1" }],
    ["DELETE", "/v1/pods/demo", undefined, { pod: "demo" }],
  ];
  for (const [method, url, body, ids] of calls) {
    const once = await api.send(method, url, body);
    const seq = await api.broker.log.lastSeq();
    expect(once, url).toMatchObject({ status: 202, body: { seq, changed: true, ...ids } });
    const twice = await api.send(method, url, body);
    expect(twice, `${url} again`).toMatchObject({ status: 200, body: { seq, changed: false, ...ids } });
    expect(await api.broker.log.lastSeq()).toBe(seq);
  }
  expect(await types(subjects.deployment("demo", id))).toEqual([
    "DeploymentRequested",
    "ScaleRequested",
    "UpgradeRequested",
    "RemovalRequested",
  ]);
});

test("cordoning needs no body", async () => {
  await furnish(api);
  expect((await api.send("POST", "/v1/nodes/n1/cordon")).status).toBe(202);
  const [, cordoned] = await history(subjects.node("n1"));
  expect(cordoned?.event).toEqual({ type: "NodeCordoned", node: "n1", reason: "" });
});

test("the same pod, node, app and release again changes nothing, with other content it is refused", async () => {
  await furnish(api);
  const again = async (url: string, body: object) => (await api.send("POST", url, body)).status;
  const release = { release: "v1", image: "web:1", specText: appYaml("web") };
  expect(await again("/v1/pods", { name: "demo" })).toBe(200);
  expect(await again("/v1/pods", { name: "demo", description: "x" })).toBe(409);
  expect(await again("/v1/nodes", { name: "n1", pod: "demo" })).toBe(200);
  expect(await again("/v1/nodes", { name: "n1", pod: "demo", labels: { a: "b" } })).toBe(409);
  expect(await again("/v1/apps", { name: "web" })).toBe(200);
  expect(await again("/v1/apps/web/releases", release)).toBe(200);
  expect(await again("/v1/apps/web/releases", { ...release, image: "web:2" })).toBe(409);
});

test("a node with workloads stays unless forced; a workload is there until its container is gone", async () => {
  await furnish(api);
  const id = String((await api.send("POST", "/v1/deployments", wish)).body["deployment"]);
  const [requested] = await history(subjects.deployment("demo", id));
  const of = { node: "n1", workload: `${id}-1`, generation: 1 };
  const { template, resources } = requested!.event as unknown as { template: never; resources: never };
  await record(api.broker, subjects.assignment("n1"), {
    type: "WorkloadAssigned",
    ...of,
    pod: "demo",
    deployment: id,
    template,
    resources,
  });
  const refused = await api.send("DELETE", "/v1/nodes/n1");
  expect(refused).toMatchObject({ status: 409, body: { code: "node_has_workloads" } });
  expect(refused.body["detail"]).toContain(`${id}-1`);
  expect((await api.send("DELETE", "/v1/nodes/n1?force=true")).status).toBe(202);
  await api.send("POST", "/v1/nodes", { name: "n1", pod: "demo" });
  await record(api.broker, subjects.fact("n1"), { type: "ContainerRemoved", ...of, ordered: true });
  expect((await api.send("DELETE", "/v1/nodes/n1")).status).toBe(202);
});

test("a deployment runs the newest release unless one is named, and keeps what it froze", async () => {
  await furnish(api);
  await api.send("POST", "/v1/apps/web/releases", {
    release: "a-later-one",
    image: "web:2",
    specText: appYaml("web"),
  });
  const made = await api.send("POST", "/v1/deployments", { ...wish, env: { COLOR: "red" } });
  const named = await api.send("POST", "/v1/deployments", { ...wish, release: "v1" });
  const templateOf = async (body: Record<string, unknown>) =>
    (await history(subjects.deployment("demo", String(body["deployment"]))))[0]?.event;
  expect(await templateOf(made.body)).toMatchObject({
    template: {
      release: "a-later-one",
      image: "web:2",
      env: { COLOR: "red" },
      entrypoint: { publish: [8080] },
    },
    strategy: "auto",
    nodesLimit: 0,
    onShortage: "wait",
  });
  expect(await templateOf(named.body)).toMatchObject({ template: { release: "v1", image: "web:1" } });
  expect(made.body["deployment"]).not.toBe(named.body["deployment"]);
});

test("strategy and constraints are recorded as they were asked for; without them a request is what it always was", async () => {
  await furnish(api);
  const constraints = [
    { label: "zone", op: "in", values: ["a", "b"] },
    { label: "kernel", op: "version", values: [">=6.1"] },
  ];
  const asked = { ...wish, strategy: "drained", filter: { labels: { zone: "a" }, constraints } };
  const eventOf = async (body: object) => {
    const made = await api.send("POST", "/v1/deployments", body);
    return (await history(subjects.deployment("demo", String(made.body["deployment"]))))[0]?.event;
  };
  expect(await eventOf(asked)).toMatchObject({ strategy: "drained", filter: asked.filter });
  expect(await eventOf(wish)).toMatchObject({ filter: { includes: [], excludes: [], labels: {} } });
  expect(await eventOf(wish)).not.toHaveProperty("filter.constraints");
});

const reply: PlanReply = {
  atSeq: 7,
  placed: [{ node: "n1", count: 2 }],
  waiting: 0,
  reasons: {
    policy: "auto/1",
    inputSeq: 7,
    wanted: 2,
    resources: wish.resources,
    nodesTotal: 1,
    candidatesTotal: 1,
    scores: [],
    rejectedTotals: {},
    rejected: [],
    wouldHelp: [],
  },
};

test("a dry run asks the scheduler, records nothing and answers what would be decided", async () => {
  await furnish(api);
  const seq = await api.broker.log.lastSeq();
  const stop = new AbortController();
  const asked: PlanRequest[] = [];
  const answering = api.broker.live.respond({
    subject: liveSubjects.plan,
    group: "scheduler",
    signal: stop.signal,
    answer: (body) => {
      asked.push(PlanRequest.parse(JSON.parse(body)));
      return JSON.stringify(reply);
    },
  });
  const answer = await api.send("POST", "/v1/deployments?dryRun=true", wish);
  stop.abort();
  await answering;
  expect(answer).toMatchObject({ status: 200, body: reply });
  expect(asked).toMatchObject([{ pod: "demo", count: 2, template: { release: "v1" }, strategy: "auto" }]);
  expect(await api.broker.log.lastSeq()).toBe(seq);
});

test("a request with a plan is taken while the plan holds, refused with the difference when not, and repeated", async () => {
  await furnish(api);
  const stop = new AbortController();
  let now: PlanReply = reply;
  const answering = api.broker.live.respond({
    subject: liveSubjects.plan,
    group: "scheduler",
    signal: stop.signal,
    answer: () => JSON.stringify(now),
  });
  const { atSeq, placed, waiting } = reply;
  const request = { ...wish, expect: { atSeq, placed, waiting } };
  const apply = (key: string) => api.send("POST", "/v1/deployments", request, { "idempotency-key": key });
  expect(await apply("first")).toMatchObject({ status: 202, body: { changed: true } });
  now = { ...reply, atSeq: atSeq + 5, placed: [], waiting: waiting + 1 };
  const seq = await api.broker.log.lastSeq();
  const refused = await apply("second");
  expect(refused).toMatchObject({ status: 409, body: { code: "plan_changed" } });
  expect(refused.body["faults"]).toContainEqual(
    expect.objectContaining({ field: `expect.placed.${placed[0]?.node}`, value: placed[0]?.count }),
  );
  expect(await apply("first")).toMatchObject({
    status: 202,
    headers: { "idempotency-replayed": "true" },
  });
  expect(await api.broker.log.lastSeq()).toBe(seq);
  stop.abort();
  await answering;
});

test("the dry run of a drain asks the scheduler and records nothing", async () => {
  await furnish(api);
  const seq = await api.broker.log.lastSeq();
  const stop = new AbortController();
  const forecast = { atSeq: 9, node: "n1", liveness: "alive", deploymentsTotal: 0, deployments: [] };
  const asked: unknown[] = [];
  const answering = api.broker.live.respond({
    subject: liveSubjects.plan,
    group: "scheduler",
    signal: stop.signal,
    answer: (body) => {
      asked.push(JSON.parse(body));
      return JSON.stringify(forecast);
    },
  });
  const answer = await api.send("POST", "/v1/nodes/n1/drain?dryRun=true");
  stop.abort();
  await answering;
  expect(answer).toMatchObject({ status: 200, body: forecast });
  expect(asked).toEqual([{ drain: "n1" }]);
  expect(await api.broker.log.lastSeq()).toBe(seq);
});

test("a dry run is refused like the command, and says when no scheduler answers or plans", async () => {
  await furnish(api);
  const dryRun = (body: object) => api.send("POST", "/v1/deployments?dryRun=true", body);
  expect(await dryRun({ ...wish, pod: "dem" })).toMatchObject({ status: 404, body: { code: "pod_unknown" } });
  const nobody = await dryRun(wish);
  expect(nobody).toMatchObject({ status: 503, body: { code: "no_plan" } });
  expect(nobody.headers["retry-after"]).toBeDefined();
  const stop = new AbortController();
  const answers = ['{"error": "catching up"}', "{}", "not JSON"];
  const answering = api.broker.live.respond({
    subject: liveSubjects.plan,
    group: "scheduler",
    signal: stop.signal,
    answer: () => answers.shift() ?? "",
  });
  expect(await dryRun(wish)).toMatchObject({
    status: 503,
    body: { detail: expect.stringContaining("catching up") },
  });
  expect(await dryRun(wish)).toMatchObject({ status: 503, body: { code: "no_plan" } });
  expect(await dryRun(wish)).toMatchObject({ status: 503, body: { code: "no_plan" } });
  stop.abort();
  await answering;
});
