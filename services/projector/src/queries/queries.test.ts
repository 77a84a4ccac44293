import { subjects } from "@eru/events";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { temporaryFolder } from "../testkit/folder.ts";
import { deployment, first, second, story } from "../testkit/story.ts";
import { MemoryZone, type RunningProjector, startProjector, token } from "../testkit/zone.ts";

const folder = temporaryFolder();
let projector: RunningProjector;
let zone: MemoryZone;

beforeAll(async () => {
  zone = await MemoryZone.open();
  await zone.copy(story().log);
  projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  await projector.ready();
});

afterAll(async () => {
  await projector.stop();
  folder[Symbol.dispose]();
});

/** The answer to a GET that must succeed. */
async function ask(url: string) {
  const answer = await projector.get(url);
  expect(answer.statusCode, answer.body).toBe(200);
  expect(answer.headers["eru-seq"]).toBe(String(answer.json().seq));
  return answer.json();
}

/** The problem a GET must be answered with. */
async function problem(url: string, status: number) {
  const answer = await projector.get(url);
  expect(answer.statusCode, answer.body).toBe(status);
  expect(answer.headers["content-type"]).toContain("application/problem+json");
  return answer.json();
}

const names = (answer: { items: Record<string, unknown>[] }, key: string) =>
  answer.items.map((item) => item[key]);

test("pods count what is in them", async () => {
  const { items, next } = await ask("/v1/pods");
  expect(items).toMatchObject([
    { pod: "p1", description: "the first", nodes: 2, nodesAlive: 1, deployments: 1, workloads: 2 },
    { pod: "p2", nodes: 0, nodesAlive: 0, deployments: 0, workloads: 0 },
  ]);
  expect(next).toBeNull();
  expect(await ask("/v1/pods/p2")).toMatchObject({ pod: "p2" });
});

test("nodes show what is booked of what may be, and who says so", async () => {
  const { items } = await ask("/v1/nodes");
  expect(items).toMatchObject([
    {
      node: "n1",
      labels: { zone: "a", "example.org/disk": "ssd" },
      capacity: { cpu: 2, memoryMib: 512 },
      capacityFrom: "user",
      booked: { cpu: 1, memoryMib: 128 },
      workloads: 2,
      liveness: "alive",
      cordoned: false,
    },
    {
      node: "n2",
      capacity: { cpu: 4, memoryMib: 1024 },
      capacityFrom: "agent",
      booked: { cpu: 0, memoryMib: 0 },
      liveness: "unknown",
      cordoned: true,
      cordonReason: "new disk",
      engine: "20.10.24",
      engineReachable: true,
    },
  ]);
  expect(names(await ask("/v1/nodes?label=zone=b"), "node")).toEqual(["n2"]);
  expect(names(await ask("/v1/nodes?label=zone=a&label=example.org/disk=ssd"), "node")).toEqual(["n1"]);
  expect(names(await ask("/v1/nodes?label=zone=a&label=example.org/disk=hdd"), "node")).toEqual([]);
  expect(names(await ask("/v1/nodes?pod=p2"), "node")).toEqual([]);
  expect(await ask("/v1/nodes/n1")).toMatchObject({ node: "n1" });
});

test("apps and releases", async () => {
  expect((await ask("/v1/apps")).items).toMatchObject([
    { app: "shop", releases: 2, latestRelease: "v2", deployments: 1, workloads: 2 },
  ]);
  expect(await ask("/v1/apps/shop")).toMatchObject({ app: "shop" });
  expect(names(await ask("/v1/apps/shop/releases"), "release")).toEqual(["v2", "v1"]);
  expect(await ask("/v1/releases/shop/v1")).toMatchObject({
    gitSha: "abcdef1",
    entrypoints: ["web", "job"],
    specText: "appname: shop\n",
    spec: { appname: "shop" },
  });
});

test("deployments say how they are and why", async () => {
  const expected = {
    deployment,
    state: "waiting",
    counts: { wanted: 3, placed: 2, running: 1, healthy: 1, waiting: 1, failed: 1, refused: 0, leaving: 0 },
    reason: `${second} failed to pull: manifest unknown`,
    resources: { cpu: 0.5, memoryMib: 64 },
    requestedBy: "user:ada",
  };
  expect((await ask("/v1/deployments")).items).toMatchObject([expected]);
  expect(await ask(`/v1/deployments/${deployment}`)).toMatchObject({
    ...expected,
    template: { app: "shop", release: "v1" },
    workloads: { byState: { healthy: 1, failed: 1 }, byNode: [{ node: "n1", workloads: 2 }] },
    decisions: [
      { type: "PlacementDecided", summary: expect.stringContaining("1 waits, 2 nodes: cordoned on 1") },
    ],
  });
  for (const [filter, found] of [
    ["pod=p1", 1],
    ["pod=p2", 0],
    ["app=shop&entrypoint=web", 1],
    ["entrypoint=job", 0],
    ["state=waiting", 1],
    ["state=running", 0],
    ["state=removed", 0],
    ["state=all", 1],
  ])
    expect((await ask(`/v1/deployments?${filter}`)).items, String(filter)).toHaveLength(Number(found));
});

test("workloads keep the engine's words and where they are reached", async () => {
  expect((await ask("/v1/workloads")).items).toMatchObject([
    {
      workload: first,
      state: "healthy",
      endpoints: [{ port: 8080, ip: "10.0.0.2", hostPort: 31_000 }],
      attempt: 1,
    },
    {
      workload: second,
      state: "failed",
      lastError: "pull: manifest unknown",
      retryInMs: 2_000,
      endpoints: [],
    },
  ]);
  expect(await ask(`/v1/workloads/${first}`)).toMatchObject({ workload: first, placedBecause: "deployed" });
  for (const [filter, found] of [
    [`deployment=${deployment}`, [first, second]],
    ["node=n1", [first, second]],
    ["node=n2", []],
    ["app=shop&state=failed", [second]],
    ["state=removed", []],
    ["state=all", [first, second]],
  ])
    expect(names(await ask(`/v1/workloads?${filter}`), "workload"), String(filter)).toEqual(found);
});

test("a route shows the healthy endpoints of each pool, at the port that is dialled", async () => {
  expect((await ask("/v1/routes")).items).toMatchObject([{ host: "shop.localhost", declaredBy: "user:ada" }]);
  expect(await ask("/v1/routes/shop.localhost")).toMatchObject({
    rules: [{ id: "/", when: [{ path: { prefix: "/" } }] }],
    pools: [
      {
        pool: "shop/web",
        endpoints: [{ workload: first, node: "n1", release: "v1", ip: "10.0.0.2", port: 31_000 }],
        endpointsTotal: 1,
      },
    ],
  });
});

test("load balancers say how far they are; users are names", async () => {
  expect((await ask("/v1/elbs")).items).toMatchObject([{ elb: "e1", appliedSeq: 19, rejected: null }]);
  const users = await ask("/v1/users");
  expect(users.items).toMatchObject([{ user: "ada", tokens: 1 }]);
  expect(JSON.stringify(users)).not.toMatch(/[0-9a-f]{64}/);
});

test("no hash of a token leaves the service, not in events either", async () => {
  const { items } = await ask("/v1/events?type=TokenIssued");
  expect(items).toMatchObject([{ payload: { user: "ada" }, objects: ["user:ada"] }]);
  expect(JSON.stringify(items)).not.toMatch(/[0-9a-f]{64}/);
});

test("events are found by whatever is known of them", async () => {
  const types = async (query: string) => names(await ask(`/v1/events?${query}`), "type");
  expect(await types("limit=1")).toEqual(["CertificateStored"]);
  expect(await types("order=asc&limit=2")).toEqual(["UserAdded", "TokenIssued"]);
  expect(await types("kind=pod")).toEqual(["PodAdded", "PodAdded"]);
  expect(await types("kind=assignment")).toEqual(["WorkloadAssigned", "WorkloadAssigned"]);
  expect(await types("type=ContainerHealthy")).toEqual(["ContainerHealthy"]);
  expect(await types("subject=eru.route.shop_localhost")).toEqual(["RouteDeclared"]);
  expect(await types("subject=eru.fact.n2")).toEqual(["NodeObserved"]);
  expect(await types("actor=agent:n2")).toEqual(["NodeObserved"]);
  expect(await types("actor=user:ada&kind=route")).toEqual(["RouteDeclared"]);
  expect(await types(`object=workload:${second}&order=asc`)).toEqual([
    "PlacementDecided",
    "WorkloadAssigned",
    "ContainerFailed",
  ]);
  expect(await types("object=app:shop&kind=app")).toEqual([
    "ReleaseRegistered",
    "ReleaseRegistered",
    "AppRegistered",
  ]);
  expect(await types("object=node:none")).toEqual([]);
  expect(await types("fromSeq=2&toSeq=3&order=asc")).toEqual(["PodAdded", "PodAdded"]);
  const [request] = (await ask("/v1/events?type=DeploymentRequested")).items;
  expect(await types(`correlation=${request.correlationId}&order=asc`)).toEqual([
    "DeploymentRequested",
    "PlacementDecided",
    "WorkloadAssigned",
    "WorkloadAssigned",
  ]);
  expect(
    await types(`correlation=${request.correlationId}&object=workload:${second}&kind=assignment`),
  ).toEqual(["WorkloadAssigned"]);
  expect(request).toMatchObject({
    kind: "deployment",
    index: 0,
    actor: "user:ada",
    commandId: expect.any(String),
    objects: [`deployment:${deployment}`, "app:shop", "pod:p1"],
    summary: `${deployment}: 3 workloads of shop v1 wanted in pod p1`,
  });
});

test("why a workload is where it is: the scores, the rejections, and the chain from the command", async () => {
  const why = await ask(`/v1/why/workloads/${first}`);
  expect(why.placement).toMatchObject({
    type: "PlacementDecided",
    node: "n1",
    because: "deployed",
    score: { node: "n1", capacity: 2 },
    reasons: { rejected: [{ node: "n2", filter: "cordoned" }], wouldHelp: ["uncordon n2"] },
  });
  expect(names({ items: why.chain }, "type")).toEqual([
    "DeploymentRequested",
    "PlacementDecided",
    "WorkloadAssigned",
    "ContainerCreated",
    "ContainerStarted",
    "ContainerHealthy",
  ]);
  expect(why).toMatchObject({ workload: { state: "healthy" }, chainCut: false });
});

test("why a deployment is not as wished: what waits, who rejected, what would help", async () => {
  const why = await ask(`/v1/why/deployments/${deployment}`);
  expect(why).toMatchObject({
    deployment: { state: "waiting" },
    short: {
      workloads: 1,
      rejectedTotals: { cordoned: 1 },
      rejected: [{ node: "n2", detail: "cordoned: new disk" }],
      wouldHelp: ["uncordon n2"],
    },
  });
  expect(names(why, "type")).toEqual(["PlacementDecided"]);
});

test("the status says how much there is and how far it is seen", async () => {
  expect(await ask("/v1/status")).toMatchObject({
    seq: 22,
    head: 22,
    lag: 0,
    ready: true,
    rebuilding: false,
    counts: {
      pods: 2,
      nodes: 2,
      apps: 1,
      releases: 2,
      routes: 1,
      elbs: 1,
      users: 1,
      deployments: 1,
      workloads: { healthy: 1, failed: 1 },
      events: 24,
    },
  });
});

test.each([
  ["/v1/pods/p9", "pod_unknown", "there is no pod p9: there are p1, p2"],
  ["/v1/nodes/n9", "node_unknown", "there are n1, n2"],
  ["/v1/apps/none", "app_unknown", "there is shop"],
  ["/v1/apps/none/releases", "app_unknown", "there is shop"],
  ["/v1/releases/shop/v9", "release_unknown", "there is no release v9 of app shop: there are v1, v2"],
  ["/v1/releases/none/v1", "release_unknown", "there are none"],
  ["/v1/deployments/none-web-aaaaaa", "deployment_unknown", `there is ${deployment}`],
  [`/v1/workloads/${deployment}-9`, "workload_unknown", `there are ${first}, ${second}`],
  ["/v1/workloads/none-web-aaaaaa-1", "workload_unknown", `there are ${first}, ${second}`],
  [`/v1/why/workloads/${deployment}-9`, "workload_unknown", first],
  ["/v1/why/deployments/none-web-aaaaaa", "deployment_unknown", deployment],
  ["/v1/routes/none.localhost", "route_unknown", "there is shop.localhost"],
])("%s is not there, and the answer says what is", async (url, code, detail) => {
  const answer = await problem(url, 404);
  expect(answer.code).toBe(code);
  expect(answer.detail).toContain(detail);
});

test.each([
  ["/v1/pods?limit=0", "limit"],
  ["/v1/pods?limit=1001", "limit"],
  ["/v1/pods?limit=ten", "limit"],
  ["/v1/pods?limit=1&limit=2", "limit"],
  ["/v1/pods?limit=1.5", "limit"],
  ["/v1/pods?size=3", "size"],
  ["/v1/pods/p1?limit=3", "limit"],
  ["/v1/pods?cursor=nonsense", "cursor"],
  ["/v1/pods?after=-1", "after"],
  ["/v1/pods?after=soon", "after"],
  ["/v1/pods?after=9007199254740993", "after"],
  ["/v1/nodes?label=zone", "label"],
  ["/v1/nodes?pod=Not.A.Name", "pod"],
  ["/v1/workloads?state=sleeping", "state"],
  ["/v1/deployments?state=sleeping", "state"],
  ["/v1/events?kind=weather", "kind"],
  ["/v1/events?type=PodInvented", "type"],
  ["/v1/events?object=shop", "object"],
  ["/v1/events?object=planet:mars", "object"],
  ["/v1/events?subject=other.fact.n1", "subject"],
  ["/v1/events?order=random", "order"],
  ["/v1/events?fromSeq=99999999999999999", "fromSeq"],
  [`/v1/pods/${"x".repeat(300)}`, "pod"],
  ["/v1/pods/with%20space", "pod"],
  ["/v1/pods/d%C3%A9mo", "pod"],
  ["/v1/nodes/a.b", "node"],
  ["/v1/routes/UPPER.localhost", "host"],
])("%s is refused and names the field", async (url, field) => {
  const answer = await problem(url, 400);
  expect(answer.code).toBe("invalid_request");
  expect(answer.faults.map((fault: { field: string }) => fault.field)).toContain(field);
});

test("a cursor of one list is refused by another", async () => {
  const { next } = await ask("/v1/events?order=asc&limit=1");
  expect((await problem(`/v1/events?order=desc&cursor=${next}`, 400)).faults[0].field).toBe("cursor");
  expect((await problem(`/v1/pods?cursor=${next}`, 400)).faults[0].field).toBe("cursor");
});

test("without a token, or with a wrong one, nothing is answered", async () => {
  for (const url of ["/v1/pods", "/v1/events", "/v1/status", `/v1/why/workloads/${first}`]) {
    expect((await projector.app.inject({ url })).statusCode).toBe(401);
    const headers = { authorization: `Bearer ${token}x` };
    expect((await projector.app.inject({ url, headers })).statusCode).toBe(401);
  }
});

test("the description names every query with its parameters and needs no token", async () => {
  const { paths } = (await projector.app.inject({ url: "/docs/json" })).json();
  expect(Object.keys(paths)).toContain("/v1/why/workloads/{id}");
  const parameters = paths["/v1/events"].get.parameters.map((parameter: { name: string }) => parameter.name);
  expect(parameters).toEqual(expect.arrayContaining(["object", "after", "cursor", "limit"]));
  expect((await projector.app.inject({ url: "/docs" })).statusCode).toBeLessThan(400);
});

test("a page goes on after its last item, whatever is added or removed in between", async () => {
  using other = temporaryFolder();
  const busy = await MemoryZone.open();
  const pod = (name: string) =>
    busy.append(subjects.pod(name), [{ type: "PodAdded", pod: name, description: "" }]);
  for (const name of ["b", "d", "f", "h"]) await pod(name);
  await using running = await startProjector({ path: other.file("v.db"), connect: busy.connect });
  await running.ready();
  const page = async (url: string) => (await running.get(url)).json();
  const one = await page("/v1/pods?limit=2");
  expect(names(one, "pod")).toEqual(["b", "d"]);
  await pod("a");
  await busy.append(subjects.pod("d"), [{ type: "PodRemoved", pod: "d" }]);
  const seq = await pod("g");
  const two = await page(`/v1/pods?limit=2&cursor=${one.next}&after=${seq}`);
  expect(names(two, "pod")).toEqual(["f", "g"]);
  const three = await page(`/v1/pods?limit=1&cursor=${two.next}`);
  expect(names(three, "pod")).toEqual(["h"]);
  expect(three.next).toBeNull();
  const newest = await page("/v1/events?limit=2");
  await pod("z");
  const older = await page(`/v1/events?limit=100&cursor=${newest.next}&after=${seq + 1}`);
  expect([...newest.items, ...older.items].map((event) => event.seq)).toEqual([8, 7, 6, 5, 4, 3, 2, 1, 1]);
});

test("a sequence that does not come in time is a 504 that says where the view is", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  try {
    const asked = projector.get("/v1/pods?after=1000");
    await vi.advanceTimersByTimeAsync(10_500);
    const answer = await asked;
    expect(answer.statusCode).toBe(504);
    expect(answer.json()).toMatchObject({
      code: "view_late",
      detail: expect.stringContaining("the view is at sequence 22 and did not reach 1000 within 10 s"),
    });
  } finally {
    vi.useRealTimers();
  }
});
