import type { FactEvent } from "@eru/events";
import type { Metrics } from "@eru/service";
import type { Agent } from "./domain/agent.ts";
import { countStates } from "./domain/entry.ts";
import type { ProbeResult } from "./domain/health.ts";
import type { Action } from "./domain/reconcile.ts";
import type { Outcome } from "./domain/work.ts";

const containerStates = ["created", "running", "exited", "removing", "dead", "unknown"] as const;
const lanes = ["look", "pull", "run", "hook", "clear"] as const;

/** What the agent counts. */
export type AgentMetrics = {
  acted: (action: Action["do"], outcome: Outcome["is"], seconds: number) => void;
  probed: (result: ProbeResult) => void;
  appended: (fact: FactEvent) => void;
  /** The containers were looked at. */
  looked: () => void;
};

/** What else the metrics show. */
type AgentNow = { factsWaiting: () => number; monotonicMs: () => number };

/** Registers the agent's metrics; gauges ask the agent at every scrape. */
export function agentMetrics(
  metrics: Metrics,
  agent: Agent,
  { factsWaiting, monotonicMs }: AgentNow,
): AgentMetrics {
  const seconds = metrics.histogram(
    "eru_agent_action_seconds",
    "Time of one action at the engine",
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    ["action", "outcome"],
  );
  const probes = metrics.counter("eru_agent_probes_total", "Health probes by result", ["result"]);
  const facts = metrics.counter("eru_agent_facts_total", "Facts in the log by type", ["type"]);
  metrics.gauge("eru_agent_facts_waiting", "Facts that are not in the log yet", [], factsWaiting);
  metrics.gauge("eru_agent_engine_up", "1 while the container engine answers", [], () =>
    agent.engineUp() ? 1 : 0,
  );
  const containers = metrics.gauge("eru_agent_containers", "Containers of this node by state", ["state"]);
  const inFlight = metrics.gauge("eru_agent_actions_in_flight", "Actions in flight by lane", ["lane"]);
  const reached = metrics.gauge("eru_agent_reach", "Ports and addresses that the agent gives, by use", [
    "of",
    "use",
  ]);
  const refresh = () => {
    const { entries, lanes: taken, reach } = agent.picture;
    const counts = countStates(entries.values());
    for (const state of containerStates) containers.set({ state }, counts.get(state) ?? 0);
    for (const lane of lanes) inFlight.set({ lane }, taken.inFlight()[lane]);
    for (const [of, { inUse, resting }] of Object.entries(reach.counts(monotonicMs()))) {
      reached.set({ of, use: "in_use" }, inUse);
      reached.set({ of, use: "resting" }, resting);
    }
  };
  return {
    acted: (action, outcome, took) => {
      seconds.observe({ action, outcome }, took);
      refresh();
    },
    probed: ({ ok }) => probes.inc({ result: ok ? "ok" : "failed" }),
    appended: ({ type }) => facts.inc({ type }),
    looked: refresh,
  };
}
