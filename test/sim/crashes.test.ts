// Goal: whatever process managers die after whatever message, everything ends as if nobody had died. Method: each scenario is
// run undisturbed and its messages are counted; then it is run again for each of them (every fourth, from where the seed says),
// and right after that one the scheduler, router-sync or the agents are killed, who do not even know then that it was stored;
// the states at every rest must be those of the undisturbed run. SIM_SEED=7 dies elsewhere, SIM_SEED=all after every message.
import { expect, test } from "vitest";
import { Chance } from "./chance.ts";
import { type Scenario, scenarios } from "./scenarios.ts";
import { type Killing, Scripted, type Victim } from "./scripted.ts";

const given = process.env["SIM_SEED"] ?? "1";
const [stride, seed] = given === "all" ? [1, 1] : [4, Number(given)];
const all: readonly Victim[] = ["scheduler", "router-sync", "agents"];

async function play(scenario: Scenario, kills: Killing = () => []) {
  const zone = new Scripted({ kills });
  await zone.begin();
  const states: string[] = [];
  for (const wishes of scenario) states.push(await zone.wish(...wishes));
  return { states, messages: zone.messages, crashes: zone.crashes };
}

test.each(Object.entries(scenarios))(
  "%s: a crash after any message changes nothing",
  { timeout: 240_000 },
  async (_, scenario) => {
    const chance = new Chance(seed);
    const { states: undisturbed, messages } = await play(scenario);
    for (const state of undisturbed) expect(state).not.toContain("NOT RIGHT");
    for (let at = chance.between(1, stride); at <= messages; at += stride) {
      const victims = chance.may(0.5) ? all : [chance.pick(all) ?? "scheduler"];
      const { states, crashes } = await play(scenario, (message) => (message === at ? victims : []));
      const which = `SIM_SEED=${given}: ${victims.join()} killed after message ${at} of ${messages}`;
      expect(states, which).toEqual(undisturbed);
      expect(crashes, which).toBeGreaterThan(0);
    }
  },
);
