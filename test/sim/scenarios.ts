import type { DeploymentEvent, Strategy, WorkloadChange } from "@eru/events";
import type { Wish } from "./scripted.ts";
import { type Release, template } from "./wishes.ts";

export const deployment = "shop-web-1";
type Upgrade = Extract<DeploymentEvent, { type: "UpgradeRequested" }>;

export const upgrade = (release: Release, more: Partial<Upgrade> = {}): Wish => ({
  type: "UpgradeRequested",
  deployment,
  template: template("shop", release),
  surge: 1,
  onFailure: "rollback",
  ...more,
});

export const said = (word: "Pause" | "Resume" | "Abort" | "Promote", rollout = 1): Wish => ({
  type: `Rollout${word}Requested`,
  deployment,
  rollout,
});

export const deploy = (
  count: number,
  release: Release = "good-1",
  strategy: Strategy = "auto",
  cpu = 0.5,
): Wish => ({
  type: "DeploymentRequested",
  ...{ deployment, pod: "p", template: template("shop", release), count },
  ...{ resources: { cpu, memoryMib: 100 }, strategy, nodesLimit: 0, onShortage: "wait" },
  filter: { includes: [], excludes: [], labels: {} },
});

/** Of another app, which may displace what was deployed before. */
const urgent = (count: number, cpu: number): Wish => ({
  type: "DeploymentRequested",
  ...{ deployment: "blog-web-1", pod: "p", template: template("blog", "good-1"), count },
  ...{ resources: { cpu, memoryMib: 100 }, strategy: "auto", nodesLimit: 0, onShortage: "wait" },
  ...{ filter: { includes: [], excludes: [], labels: {} }, priority: 80, preempt: true },
});

export const scale = (count: number): Wish => ({ type: "ScaleRequested", deployment, count });
export const drain = (node: string, more: { deadlineMs?: number } = {}): Wish => ({
  type: "DrainRequested",
  node,
  reason: "",
  ...more,
});

export const change = (verb: WorkloadChange, n: number, ignoreHooks = false): Wish => ({
  type: "WorkloadChangeRequested",
  deployment,
  workload: `${deployment}-${n}`,
  change: verb,
  ignoreHooks,
});

/** Out of Eru with its container, and back. */
const part = (n: number, replace?: true): Wish => ({
  ...{ type: "DissociationRequested", deployment, workload: `${deployment}-${n}` },
  ...(replace && { replace }),
});
const adopt = (n: number): Wish => ({
  type: "AdoptionRequested",
  deployment,
  workload: `${deployment}-${n}`,
});

/** Wishes that are said at once, each group at rest before the next. */
export type Scenario = readonly (readonly Wish[])[];

/** Everything that a process manager carries through, from the first wish to rest. */
export const scenarios: Readonly<Record<string, Scenario>> = {
  "deploy, scale up, scale down, remove": [
    [deploy(2)],
    [scale(4)],
    [scale(1)],
    [{ type: "RemovalRequested", deployment }],
  ],
  "a set on each node: scale, upgrade, drain": [
    [deploy(1, "good-1", "each")],
    [scale(2)],
    [upgrade("good-2", { surge: 2 })],
    [drain("n1")],
  ],
  "a wish while another is carried out": [[deploy(3)], [scale(5), upgrade("good-2"), scale(2)], [deploy(1)]],
  "upgrade, new ones first": [[deploy(3)], [upgrade("good-2", { surge: 2 })]],
  "upgrade, old ones first": [[deploy(3)], [upgrade("good-2", { order: "stop-first", surge: 0, batch: 2 })]],
  "upgrade that replaces another": [[deploy(2)], [upgrade("good-2"), upgrade("good-3", { surge: 2 })]],
  "canary, promoted": [[deploy(3)], [upgrade("good-3", { canary: { count: 1 } })], [said("Promote")]],
  "canary, aborted": [[deploy(3)], [upgrade("good-2", { canary: { percent: 50 } })], [said("Abort")]],
  "a release that crashes is rolled back": [[deploy(2, "good-2")], [upgrade("crashing")]],
  "a release that is never healthy is rolled back": [
    [deploy(2)],
    [upgrade("deaf", { healthDeadlineMs: 4_000, surge: 2 })],
  ],
  "a release whose hook fails is halted, tried again, aborted": [
    [deploy(2)],
    [upgrade("unhooked", { onFailure: "halt" })],
    [said("Resume")],
    [said("Abort")],
  ],
  "stop-first is rolled back": [
    [deploy(2)],
    [upgrade("crashing", { order: "stop-first", surge: 0, batch: 1 })],
  ],
  "pause, resume": [[deploy(3)], [upgrade("good-3"), said("Pause")], [said("Resume")]],
  "pause, scale, abort": [[deploy(2)], [upgrade("good-2"), said("Pause")], [scale(3)], [said("Abort")]],
  "drain of a node": [[deploy(4, "good-3")], [drain("n1")], [{ type: "DrainCancelled", node: "n1" }]],
  "drain, paused and resumed": [
    [deploy(4)],
    [drain("n1"), { type: "DrainPaused", node: "n1" }],
    [{ type: "DrainResumed", node: "n1" }],
  ],
  "drain past its deadline": [
    [
      deploy(3),
      { type: "NodeCordoned", node: "n2", reason: "" },
      { type: "NodeCordoned", node: "n3", reason: "" },
    ],
    [drain("n1", { deadlineMs: 8_000 })],
    [
      { type: "NodeUncordoned", node: "n2" },
      { type: "DrainResumed", node: "n1" },
    ],
  ],
  "out of Eru and back": [
    [deploy(3)],
    [part(1), part(2, true)],
    [adopt(1)],
    [upgrade("good-2")],
    [adopt(2)],
    [scale(1)],
  ],
  "out of Eru, back at once, out again": [[deploy(2)], [part(1), adopt(1)], [part(1)], [scale(2)]],
  "drain while a rollout is under way": [[deploy(3)], [upgrade("good-2"), drain("n1")]],
  "restart and replace of all at once": [
    [deploy(2, "good-2")],
    [change("restart", 1), change("restart", 2)],
    [change("replace", 1), change("replace", 2, true)],
  ],
  "stop and start": [[deploy(2, "good-3")], [change("stop", 1)], [change("start", 1)]],
  "a new one that is stopped while its rollout is paused": [
    [deploy(3)],
    [upgrade("good-2", { canary: { count: 1 } })],
    [change("stop", 4), said("Promote")],
    [change("start", 4)],
  ],
  "other resources": [
    [deploy(2)],
    [
      {
        type: "WorkloadReallocRequested",
        ...{ deployment, workload: `${deployment}-1` },
        amounts: { cpu: 1 },
      },
    ],
    [{ type: "ReallocRequested", deployment, resources: { cpu: 0.2, memoryMib: 200 } }],
  ],
  "an urgent one displaces others": [
    [deploy(6, "good-1", "auto", 2)],
    [urgent(2, 2)],
    [scale(3)],
    [{ type: "RemovalRequested", deployment: "blog-web-1" }],
  ],
  "an urgent one displaces others and thinks better of it": [
    [deploy(6, "good-1", "auto", 2)],
    [urgent(1, 4), { type: "RemovalRequested", deployment: "blog-web-1" }],
  ],
  "a node is lost and comes back": [
    [deploy(4)],
    [{ type: "PowerOff", node: "n1" }],
    [{ type: "PowerOn", node: "n1" }],
  ],
  "a node is lost while a rollout is under way": [
    [deploy(3)],
    [upgrade("good-2"), { type: "PowerOff", node: "n2" }],
    [{ type: "PowerOn", node: "n2" }],
  ],
};
