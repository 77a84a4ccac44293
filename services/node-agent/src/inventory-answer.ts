import { AppError, type InventoryReply, InventoryRequest, liveSubjects } from "@eru/events";
import type { Broker } from "@eru/log";
import type { Agent } from "./domain/agent.ts";
import { inventory } from "./domain/inventory.ts";
import type { Engine } from "./engine.ts";

export type InventoryDeps = {
  node: string;
  live: Broker["live"];
  engine: Engine;
  agent: Agent;
  /** The newest order that was heard. */
  orderSeq: () => number;
  monotonicMs: () => number;
  /** The agent has learned something. */
  learned: () => void;
};

/** Answers what the engine has until the signal aborts. Asked for that alone it changes nothing. */
export async function answerInventory(deps: InventoryDeps, signal: AbortSignal): Promise<void> {
  await deps.live.respond({
    subject: liveSubjects.inventory(deps.node),
    group: "node-agent",
    signal,
    answer: async (body) => JSON.stringify(await replyTo(deps, body)),
  });
}

async function replyTo(
  { node, engine, agent, orderSeq, monotonicMs, learned }: InventoryDeps,
  body: string,
): Promise<InventoryReply> {
  const notReady = agent.notReady();
  if (notReady !== undefined) return { error: notReady };
  const asked = InventoryRequest.safeParse(jsonOf(body));
  if (!asked.success) return { error: "the question is not readable: deploy the same version of both" };
  try {
    const begun = agent.beginLook();
    const [containers, others] = await Promise.all([engine.list(), engine.others()]);
    const found = inventory(agent.picture, containers);
    if (asked.data.look) {
      agent.listed(begun, containers);
      learned();
    }
    const reach = agent.picture.reach.counts(monotonicMs());
    return { node, atSeq: orderSeq(), ...found, others: others.length, reach };
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return { error: `the engine does not answer: ${error.message}` };
  }
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
