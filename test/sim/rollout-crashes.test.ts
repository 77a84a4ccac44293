// Goal: whatever process manager dies after whatever event, a rollout ends as if nobody had died. Method: one script of
// rollouts that succeed, fail, wait, are paused and aborted, each at rest before the next; run once undisturbed, then with
// the scheduler, the agents or all of them killed after every single message; the states at every rest must be the same.
import type { DeploymentEvent } from "@eru/events";
import { expect, test } from "vitest";
import { Scripted, type Victim } from "./scripted.ts";
import { type Release, template } from "./wishes.ts";

const deployment = "shop-web-1";
type Upgrade = Extract<DeploymentEvent, { type: "UpgradeRequested" }>;

const upgrade = (release: Release, more: Partial<Upgrade> = {}): Upgrade => ({
  type: "UpgradeRequested",
  deployment,
  template: template("shop", release),
  surge: 1,
  onFailure: "rollback",
  ...more,
});
const said = (word: "Pause" | "Resume" | "Abort" | "Promote", rollout: number): DeploymentEvent => ({
  type: `Rollout${word}Requested`,
  deployment,
  rollout,
});

/** What is asked for, and how it must stand at rest. */
const script: readonly [DeploymentEvent[], string][] = [
  [[upgrade("good-2")], "good-2, stable good-2, rollout none"],
  [[upgrade("crashing")], "good-2, stable good-2, rollout none"],
  [[upgrade("sick", { healthDeadlineMs: 4_000, surge: 2 })], "good-2, stable good-2, rollout none"],
  [[upgrade("good-3", { canary: { count: 1 } })], "good-3, stable good-2, rollout 4 canary"],
  [[said("Promote", 4)], "good-3, stable good-3, rollout none"],
  [[upgrade("good-1", { surge: 2 }), said("Abort", 5)], "good-3, stable good-3, rollout none"],
  [[upgrade("good-1"), said("Pause", 6)], "good-1, stable good-3, rollout 6 running paused"],
  [[said("Resume", 6)], "good-1, stable good-1, rollout none"],
  [[upgrade("missing", { onFailure: "halt" })], "missing, stable good-1, rollout 7 halted"],
  [[said("Resume", 7)], "missing, stable good-1, rollout 7 halted"],
  [[said("Abort", 7)], "good-1, stable good-1, rollout none"],
  [[upgrade("good-2", { order: "stop-first", surge: 0, batch: 2 })], "good-2, stable good-2, rollout none"],
  [[upgrade("crashing", { order: "stop-first", surge: 0, batch: 1 })], "good-2, stable good-2, rollout none"],
];

async function play(victim: Victim): Promise<{ states: string[]; crashes: number }> {
  const zone = new Scripted(victim);
  await zone.begin();
  const states = [
    await zone.wish({
      type: "DeploymentRequested",
      ...{ deployment, pod: "p", template: template("shop", "good-1"), count: 3 },
      ...{ resources: { cpu: 0.5, memoryMib: 100 }, strategy: "auto", nodesLimit: 0, onShortage: "wait" },
      filter: { includes: [], excludes: [], labels: {} },
    }),
  ];
  for (const [events] of script) states.push(await zone.wish(...events));
  return { states, crashes: zone.crashes };
}

test("undisturbed, every rollout ends as it was asked to", async () => {
  const { states } = await play("nobody");
  expect(states.slice(1).map((state) => /: (.*?);/.exec(state)?.[1])).toEqual(script.map(([, is]) => is));
});

test.each(["scheduler", "agents", "both"] as const)(
  "killed after every single message (%s), the states at rest are those of the undisturbed run",
  { timeout: 60_000 },
  async (victim) => {
    const { states, crashes } = await play(victim);
    expect(states).toEqual((await play("nobody")).states);
    expect(crashes).toBeGreaterThan(150);
  },
);
