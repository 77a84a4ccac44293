import { AppSpec } from "@eru/events";
import { specify } from "@eru/testing";
import { expect, test } from "vitest";
import type { App, Release } from "./app.ts";
import { type DeploymentCommand, deployment } from "./deployment.ts";

const { given } = specify(deployment);
const release = (image: string, ...entrypoints: string[]): Release => ({
  image,
  gitSha: undefined,
  specText: "",
  spec: AppSpec.parse({
    appname: "web",
    entrypoints: Object.fromEntries(entrypoints.map((name) => [name, {}])),
  }),
});
const web: App = {
  phase: "present",
  releases: new Map([
    ["v2", release("web:2", "http", "worker")],
    ["v1", release("web:1", "http")],
  ]),
};
const templateOf = (name: string, image: string, env = {}) => ({
  app: "web",
  release: name,
  entrypointName: "http",
  image,
  entrypoint: release(image, "http").spec.entrypoints["http"]!,
  env,
});
const id = "web-http-abc123";
const filter = { includes: [], excludes: [], labels: {} };
const shape = {
  deployment: id,
  pod: "demo",
  count: 3,
  resources: { cpu: 0.1, memoryMib: 32 },
  strategy: "auto",
  nodesLimit: 0,
  filter,
  onShortage: "wait",
} as const;
const request: Extract<DeploymentCommand, { type: "RequestDeployment" }> = {
  type: "RequestDeployment",
  ...shape,
  turn: {},
  app: "web",
  release: "v2",
  entrypoint: "http",
  env: { COLOR: "red" },
  appState: web,
  podPhase: "present",
  podOfNode: new Map([
    ["n1", "demo"],
    ["far", "prod"],
  ]),
};
const requested = {
  type: "DeploymentRequested",
  ...shape,
  template: templateOf("v2", "web:2", { COLOR: "red" }),
} as const;
const removal = { type: "RemovalRequested", deployment: id } as const;
const upgrade = {
  type: "UpgradeDeployment",
  deployment: id,
  release: "v1",
  surge: 1,
  force: false,
  replace: false,
  appState: web,
} as const;

test("a request freezes what runs into the event", () => {
  given().when(request).records(requested);
});

test("without a release the newest registered runs, whatever its name", () => {
  given()
    .when({ ...request, release: undefined })
    .records({ ...requested, template: templateOf("v1", "web:1", { COLOR: "red" }) });
});

test("a count of zero is a wish like any other", () => {
  given()
    .when({ ...request, count: 0 })
    .records({ ...requested, count: 0 });
});

test.each<[string, Partial<typeof request>, object]>([
  ["pod", { podPhase: "absent" }, { code: "pod_unknown", pod: "demo", removed: false }],
  ["removed pod", { podPhase: "removed" }, { code: "pod_unknown", removed: true }],
  ["app", { appState: { phase: "absent" } }, { code: "app_unknown", app: "web", removed: false }],
  ["removed app", { appState: { phase: "removed" } }, { code: "app_unknown", removed: true }],
  ["release", { release: "v3" }, { code: "release_unknown", known: { shown: ["v1", "v2"], total: 2 } }],
  [
    "entrypoint",
    { entrypoint: "htp" },
    { code: "entrypoint_unknown", known: { shown: ["http", "worker"], total: 2 } },
  ],
  ["entrypoint named as an object's own", { entrypoint: "constructor" }, { code: "entrypoint_unknown" }],
  ["included node", { filter: { ...filter, includes: ["n1", "n9"] } }, { code: "node_unknown", node: "n9" }],
  ["excluded node", { filter: { ...filter, excludes: ["n9"] } }, { code: "node_unknown", node: "n9" }],
  [
    "included node of another pod",
    { filter: { ...filter, includes: ["far"] } },
    { code: "node_in_other_pod", node: "far", pod: "prod", wanted: "demo" },
  ],
])("an unknown thing is refused by name: %s", (_what, change, refusal) => {
  given()
    .when({ ...request, ...change })
    .refuses(refusal);
});

test("an app without a release has nothing to run", () => {
  given()
    .when({ ...request, release: undefined, appState: { phase: "present", releases: new Map() } })
    .refuses({ code: "app_without_release", app: "web" });
});

test("excluding a node of another pod is harmless", () => {
  const excluded = { ...filter, excludes: ["far"] };
  given()
    .when({ ...request, filter: excluded })
    .records({ ...requested, filter: excluded });
});

test("an id is used once, also after removal", () => {
  given(requested).when(request).refuses({ code: "deployment_id_taken" });
  given(requested, removal).when(request).refuses({ code: "deployment_id_taken" });
});

test("scaling records the absolute count; the same count records nothing", () => {
  const scaled = { type: "ScaleRequested", deployment: id, count: 5 } as const;
  given(requested).when({ type: "ScaleDeployment", deployment: id, count: 5 }).records(scaled);
  given(requested).when({ type: "ScaleDeployment", deployment: id, count: 3 }).recordsNothing();
  given(requested, scaled).when({ type: "ScaleDeployment", deployment: id, count: 5 }).recordsNothing();
});

test("an upgrade freezes the other release and keeps the environment unless a new one is given", () => {
  const upgraded = { type: "UpgradeRequested", deployment: id, surge: 1 } as const;
  const template = templateOf("v1", "web:1", { COLOR: "red" });
  given(requested)
    .when(upgrade)
    .records({ ...upgraded, template });
  given(requested)
    .when({ ...upgrade, env: {} })
    .records({ ...upgraded, template: { ...template, env: {} } });
  given(requested, { ...upgraded, template })
    .when(upgrade)
    .recordsNothing();
});

test("an upgrade to what runs already records nothing, another environment is an upgrade", () => {
  const again = { ...upgrade, release: "v2" };
  given(requested).when(again).recordsNothing();
  given(requested)
    .when({ ...again, env: { COLOR: "blue" }, surge: 2 })
    .records({
      type: "UpgradeRequested",
      deployment: id,
      surge: 2,
      template: templateOf("v2", "web:2", { COLOR: "blue" }),
    });
});

test("an upgrade needs the release, and the deployment's entrypoint in it", () => {
  given(requested)
    .when({ ...upgrade, release: "v9" })
    .refuses({ code: "release_unknown", release: "v9" });
  const without: App = { phase: "present", releases: new Map([["v3", release("web:3", "worker")]]) };
  given(requested)
    .when({ ...upgrade, release: "v3", appState: without })
    .refuses({ code: "entrypoint_unknown", release: "v3", entrypoint: "http" });
});

test("removal is recorded once", () => {
  given(requested).when({ type: "RemoveDeployment", deployment: id }).records(removal);
  given(requested, removal).when({ type: "RemoveDeployment", deployment: id }).recordsNothing();
});

test.each([{ type: "ScaleDeployment", deployment: id, count: 1 }, upgrade] as const)(
  "$type of a removed deployment is refused",
  (command) => {
    given(requested, removal).when(command).refuses({ code: "deployment_unknown", removed: true });
    given().when(command).refuses({ code: "deployment_unknown", removed: false });
  },
);

test("removing a deployment that never was is refused", () => {
  given()
    .when({ type: "RemoveDeployment", deployment: id })
    .refuses({ code: "deployment_unknown", removed: false });
});

test("events after removal change nothing", () => {
  const gone = deployment.evolve(
    { phase: "removed", pod: "demo" },
    { type: "ScaleRequested", deployment: id, count: 1 },
  );
  expect(gone).toEqual({ phase: "removed", pod: "demo" });
});

test("a scale of what counts per node has the limit of a node", () => {
  const each = { ...requested, strategy: "each", count: 1 } as const;
  given(each)
    .when({ type: "ScaleDeployment", deployment: id, count: 1_001 })
    .refuses({ code: "per_node_too_many", count: 1_001, most: 1_000 });
  given(each)
    .when({ type: "ScaleDeployment", deployment: id, count: 1_000 })
    .records({ type: "ScaleRequested", deployment: id, count: 1_000 });
  given(requested)
    .when({ type: "ScaleDeployment", deployment: id, count: 1_001 })
    .records({ type: "ScaleRequested", deployment: id, count: 1_001 });
});

const turned = { type: "TurnRequested", deployment: id } as const;

test("a priority and a deadline are recorded with the request, and changed one by one", () => {
  const turn = { priority: 80, waitDeadlineMs: 60_000 };
  const wished = { ...requested, ...turn };
  given()
    .when({ ...request, turn })
    .records(wished);
  given(wished)
    .when({ type: "ChangeTurn", deployment: id, priority: 20 })
    .records({ ...turned, priority: 20, waitDeadlineMs: 60_000 });
  given(wished)
    .when({ type: "ChangeTurn", deployment: id, waitDeadlineMs: null })
    .records({ ...turned, priority: 80 });
});

test("asking for the priority it has records nothing: without a word it is 50", () => {
  given(requested).when({ type: "ChangeTurn", deployment: id, priority: 50 }).recordsNothing();
  const low = { ...turned, priority: 10 };
  given(requested, low).when({ type: "ChangeTurn", deployment: id, priority: 10 }).recordsNothing();
});
