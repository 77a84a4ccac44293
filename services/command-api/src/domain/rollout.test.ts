import { AppSpec, type DeploymentEvent, Entrypoint } from "@eru/events";
import { specify } from "@eru/testing";
import { expect, test } from "vitest";
import type { App } from "./app.ts";
import { type DeploymentCommand, type DeploymentHistory, deployment } from "./deployment.ts";

const { given } = specify(deployment);
const id = "web-http-abc123";
const entrypoint = Entrypoint.parse({ publish: [8080] });
const release = (image: string) => ({
  image,
  gitSha: undefined,
  specText: "",
  spec: AppSpec.parse({ appname: "web", entrypoints: { http: { publish: [8080] } } }),
});
const appState: App = {
  phase: "present",
  releases: new Map(["v1", "v2", "v3"].map((name) => [name, release(`web:${name}`)])),
};
const templateOf = (name: string, more = {}) => ({
  app: "web",
  release: name,
  entrypointName: "http",
  image: `web:${name}`,
  entrypoint,
  env: {},
  ...more,
});
const resources = { cpu: 0.5, memoryMib: 64 };
const requested: DeploymentHistory = {
  type: "DeploymentRequested",
  ...{ deployment: id, pod: "demo", template: templateOf("v1"), count: 4, resources, strategy: "auto" },
  ...{ nodesLimit: 0, filter: { includes: [], excludes: [], labels: {} }, onShortage: "wait" },
};
type Upgrade = Extract<DeploymentCommand, { type: "UpgradeDeployment" }>;
const upgradeTo = (name: string | undefined, more: Partial<Upgrade> = {}): Upgrade => ({
  type: "UpgradeDeployment",
  deployment: id,
  ...(name !== undefined && { release: name }),
  ...{ surge: 1, force: false, replace: false, appState },
  ...more,
});
const upgraded = (name: string, more = {}): Extract<DeploymentEvent, { type: "UpgradeRequested" }> => ({
  type: "UpgradeRequested",
  deployment: id,
  template: templateOf(name),
  surge: 1,
  ...more,
});
const stepped = (rollout: number, step: string, more = {}) =>
  ({
    type: "RolloutStepped",
    ...{ deployment: id, release: "v2", templateSeq: rollout, rollout, step },
    ...{ fresh: 0, stale: 0, detail: "", elbs: [] },
    ...more,
  }) as DeploymentHistory;
const said = <W extends "Pause" | "Resume" | "Abort" | "Promote">(word: W, rollout = 1) =>
  ({ type: `Rollout${word}Requested`, deployment: id, rollout }) as const;
const say = (word: "Pause" | "Resume" | "Abort" | "Promote") =>
  ({ type: `${word}Rollout`, deployment: id }) as const;
const rollBack = { type: "RollBackDeployment", deployment: id, surge: 1, replace: false } as const;
const back = { back: true };

test("an upgrade may change release, environment, size and settings; what it does not name stays", () => {
  given(requested).when(upgradeTo("v2")).records(upgraded("v2"));
  given(requested)
    .when(upgradeTo(undefined, { env: { A: "1" } }))
    .records(upgraded("v1", { template: templateOf("v1", { env: { A: "1" } }) }));
  const larger = { cpu: 1, memoryMib: 64 };
  given(requested)
    .when(upgradeTo(undefined, { resources: larger }))
    .records(upgraded("v1", { resources: larger }));
  const calmer = { ...entrypoint, graceSeconds: 30 };
  given(requested)
    .when(upgradeTo(undefined, { settings: { graceSeconds: 30 } }))
    .records(upgraded("v1", { template: templateOf("v1", { entrypoint: calmer }) }));
});

test("settings stay for the same release, another release begins with its own", () => {
  const calmer = templateOf("v1", { entrypoint: { ...entrypoint, graceSeconds: 30 } });
  const history = [requested, upgraded("v1", { template: calmer }), stepped(1, "completed")];
  given(...history)
    .when(upgradeTo(undefined, { env: { A: "1" } }))
    .records(upgraded("v1", { template: { ...calmer, env: { A: "1" } } }));
  given(...history)
    .when(upgradeTo("v2"))
    .records(upgraded("v2"));
});

test("what is wished already is accepted and recorded nowhere, unless it is forced", () => {
  given(requested).when(upgradeTo("v1")).recordsNothing();
  given(requested, upgraded("v2")).when(upgradeTo("v2")).recordsNothing();
  given(requested)
    .when(upgradeTo("v1", { force: true }))
    .records(upgraded("v1"));
});

test("a second upgrade is refused while one is under way, and takes its place when told to", () => {
  for (const [words, is] of [
    [[], "is under way"],
    [[said("Pause")], "is paused"],
    [[said("Abort")], "goes back"],
    [[stepped(1, "rolling_back", back)], "goes back"],
  ] as const) {
    const history = [requested, upgraded("v2"), ...words];
    given(...history)
      .when(upgradeTo("v3"))
      .refuses({ code: "rollout_underway", rollout: 1, release: "v2", is });
    given(...history)
      .when(upgradeTo("v3", { replace: true }))
      .records(upgraded("v3"));
  }
});

test.each([
  ["completed", [stepped(1, "completed")]],
  ["halted", [stepped(1, "halted")]],
  ["rolled back", [stepped(1, "rolling_back", back), stepped(1, "rolled_back", back)]],
] as const)("after one that is %s another one may begin", (_how, steps) => {
  given(requested, upgraded("v2"), ...steps)
    .when(upgradeTo("v3"))
    .records(upgraded("v3"));
});

test("what halted may be tried again with the same content", () => {
  given(requested, upgraded("v2"), stepped(1, "halted")).when(upgradeTo("v2")).records(upgraded("v2"));
});

test("after going back, what ran before is what is wished, with its size", () => {
  const larger = { cpu: 1, memoryMib: 64 };
  const history = [requested, upgraded("v2", { resources: larger }), said("Abort")];
  for (const steps of [[], [stepped(1, "rolled_back", back)]]) {
    given(...history, ...steps)
      .when(upgradeTo("v1"))
      .recordsNothing();
    given(...history, ...steps)
      .when(upgradeTo("v2", { resources: larger, replace: true }))
      .records(upgraded("v2", { resources: larger }));
  }
});

test.each(["Pause", "Resume", "Abort", "Promote"] as const)("%s needs a rollout under way", (word) => {
  given(requested).when(say(word)).refuses({ code: "no_rollout", deployment: id });
  given(requested, upgraded("v2"), stepped(1, "completed"))
    .when(say(word))
    .refuses({ code: "no_rollout", last: 1, ended: "completed" });
  given(requested, upgraded("v2"), said("Abort"), stepped(1, "rolled_back", back))
    .when(say(word))
    .refuses({ code: "no_rollout", last: 1, ended: "rolled back" });
});

test("words are recorded once", () => {
  const history = [requested, upgraded("v2", { canary: { count: 1 } })];
  for (const word of ["Pause", "Abort", "Promote"] as const) {
    given(...history)
      .when(say(word))
      .records(said(word));
    given(...history, said(word))
      .when(say(word))
      .recordsNothing();
  }
  given(...history)
    .when(say("Resume"))
    .recordsNothing();
  given(...history, said("Pause"))
    .when(say("Resume"))
    .records(said("Resume"));
  given(...history, stepped(1, "halted"))
    .when(say("Resume"))
    .records(said("Resume"));
});

test("what goes back is neither paused nor promoted, but aborted again once that is halted", () => {
  const history = [requested, upgraded("v2", { canary: { count: 1 } }), said("Abort")];
  for (const word of ["Pause", "Promote"] as const)
    given(...history)
      .when(say(word))
      .refuses({ code: "rollout_goes_back", rollout: 1 });
  given(...history, stepped(1, "halted", back))
    .when(say("Abort"))
    .records(said("Abort"));
});

test("without a canary there is nothing to promote; one as large as the count is refused", () => {
  given(requested, upgraded("v2"))
    .when(say("Promote"))
    .refuses({ code: "rollout_without_canary", rollout: 1 });
  given(requested)
    .when(upgradeTo("v2", { canary: { count: 4 } }))
    .refuses({ code: "canary_too_large", size: 4, count: 4 });
  // With one per node, one is not all of them.
  given({ ...requested, strategy: "each", count: 1 })
    .when(upgradeTo("v2", { canary: { count: 1 } }))
    .records(upgraded("v2", { canary: { count: 1 } }));
  given(requested)
    .when(upgradeTo("v2", { canary: { percent: 10 } }))
    .records(upgraded("v2", { canary: { percent: 10 } }));
});

test("a rollback undoes the last completed rollout, and again redoes it", () => {
  given(requested).when(rollBack).refuses({ code: "nothing_to_roll_back" });
  given(requested, upgraded("v2"), said("Abort"), stepped(1, "rolled_back", back))
    .when(rollBack)
    .refuses({ code: "nothing_to_roll_back" });
  const done = [requested, upgraded("v2", { resources: { cpu: 1, memoryMib: 64 } }), stepped(1, "completed")];
  const undo = upgraded("v1", { resources, undoes: 1 });
  given(...done)
    .when(rollBack)
    .records(undo);
  given(...done, undo, stepped(2, "completed"))
    .when(rollBack)
    .records(upgraded("v2", { resources: { cpu: 1, memoryMib: 64 }, undoes: 2 }));
  given(...done, upgraded("v3"))
    .when(rollBack)
    .refuses({ code: "rollout_underway", rollout: 2, release: "v3" });
});

test("steps of an older rollout, or in the direction that is no longer wished, change nothing", () => {
  const state = (...events: DeploymentHistory[]) =>
    events.reduce(deployment.evolve, deployment.evolve(deployment.initial, requested));
  const aborted = [upgraded("v2"), said("Abort")];
  expect(state(...aborted, stepped(1, "completed"))).toEqual(state(...aborted));
  const second = [upgraded("v2"), upgraded("v3")];
  expect(state(...second, stepped(1, "completed"))).toEqual(state(...second));
  expect(state(...second, said("Abort", 1))).toEqual(state(...second));
});
