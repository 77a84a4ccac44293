// Goal: whatever process manager dies after whatever event, a rollout ends as if nobody had died. Method: one script of
// rollouts that succeed, fail, wait, are paused and aborted, each at rest before the next; run once undisturbed, then with
// the scheduler, the agents or all of them killed after every third message; the states at every rest must be the same.
import { expect, test } from "vitest";
import { deploy, said, upgrade } from "./scenarios.ts";
import { Scripted, type Victim, type Wish } from "./scripted.ts";

/** What is asked for, and how it must stand at rest. */
const script: readonly [Wish[], string][] = [
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

async function play(
  first: Wish,
  ...victims: readonly Victim[]
): Promise<{ states: string[]; crashes: number }> {
  const zone = new Scripted({ kills: (message) => (message % 3 === 0 ? victims : []) });
  await zone.begin();
  const states = [await zone.wish(first)];
  for (const [wishes] of script) states.push(await zone.wish(...wishes));
  return { states, crashes: zone.crashes };
}

const requests = { "three where there is room": deploy(3), "one on each node": deploy(1, "good-1", "each") };

test.each(Object.entries(requests))(
  "undisturbed, every rollout of %s ends as it was asked to",
  async (_, first) => {
    const { states } = await play(first);
    expect(states.slice(1).map((state) => /: (.*?); count/.exec(state)?.[1]?.replace(";", ","))).toEqual(
      script.map(([, is]) => is),
    );
  },
);

test.each([["scheduler"], ["agents"], ["scheduler", "agents"]] as const)(
  "killed after every third message (%s), the states at rest are those of the undisturbed run",
  { timeout: 240_000 },
  async (...victims) => {
    for (const first of victims.length > 1 ? Object.values(requests) : [deploy(3)]) {
      const { states, crashes } = await play(first, ...victims);
      expect(states).toEqual((await play(first)).states);
      expect(crashes).toBeGreaterThan(80);
    }
  },
);
