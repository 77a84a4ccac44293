import { AppError, type NodeResources, piecesPerCore } from "@eru/events";
import { backOffMs, type Logger, pause } from "@eru/service";
import type { Agent } from "./domain/agent.ts";
import type { Addressing } from "./domain/endpoints.ts";
import { type Engine, type EngineEvent, type EngineFacts, EngineRefusedError } from "./engine.ts";

/** An engine that hangs is noticed within this and the ping's own limit. */
const pingEveryMs = 2_000;
/** What events did not tell is found within this. */
const lookEveryMs = 30_000;
/** Waits between two tries to reach an engine that is away. */
const retryFirstMs = 50;
const retryMostMs = 1_000;

const bytesPerMib = 1024 * 1024;
/** The share of the machine's memory that may be booked when the user named no amount; the rest is for the machine. */
const bookableMemory = 0.8;

export type WatchDeps = {
  engine: Engine;
  agent: Agent;
  agentVersion: string;
  addressing: Addressing;
  logger: Logger;
  /** The agent has learned something. */
  learned: () => void;
};

/**
 * Keeps the agent's picture of the engine true: a full look at every connection and each 30 s, events as hints between
 * them, and a ping to notice an engine that hangs. Ends when the signal aborts.
 */
export async function watchEngine(deps: WatchDeps, signal: AbortSignal): Promise<void> {
  const { agent, logger, learned } = deps;
  for (let failures = 0; !signal.aborted; ) {
    try {
      await watchOnce(deps, signal, () => {
        failures = 0;
      });
      // The engine ended the stream: it is going away, or it is back already. The next try tells.
    } catch (error) {
      if (!(error instanceof AppError)) throw error;
      if (signal.aborted) return;
      if (failures === 0) logger.warn({ err: error }, "the engine does not answer");
      failures++;
      agent.engineLost(error.message);
      learned();
      await pause(backOffMs(failures, retryFirstMs, retryMostMs), signal);
    }
  }
}

/** From a connection to its end. */
async function watchOnce(deps: WatchDeps, signal: AbortSignal, reached: () => void): Promise<void> {
  const { engine, agent, agentVersion, logger, learned } = deps;
  const over = new AbortController();
  const ended = AbortSignal.any([signal, over.signal]);
  try {
    // First the events, then the look: what happens between them is told twice rather than never.
    const events = await engine.events(ended);
    const { version, ...machine } = await engine.facts();
    await look(deps, ended);
    agent.machine({ resources: bookable(machine), engine: `docker ${version}`, agentVersion });
    learned();
    reached();
    logger.info({ engine: version }, "the engine answers");
    const jobs = [hear(events, deps), ping(deps, ended), lookAgain(deps, ended)];
    // The first that ends tells; a look that hangs must not delay that. The others end by the signal.
    void Promise.allSettled(jobs);
    await Promise.race(jobs);
  } finally {
    over.abort();
  }
}

/** What may be booked when the user says nothing. Disks, volumes and cards are for the user to say. */
function bookable({ cpus, memoryBytes, cores, numa }: Omit<EngineFacts, "version">): NodeResources {
  const share = (mib: number): number => Math.floor(mib * bookableMemory);
  return {
    cpu: cpus,
    memoryMib: share(memoryBytes / bytesPerMib),
    cores: Object.fromEntries(cores.map((core) => [core, piecesPerCore])),
    ...(numa.length > 0 && { numa: numa.map((one) => ({ ...one, memoryMib: share(one.memoryMib) })) }),
  };
}

async function look(deps: WatchDeps, signal: AbortSignal): Promise<void> {
  const { engine, agent, learned } = deps;
  await lookAtNetwork(deps);
  const begun = agent.beginLook();
  const containers = await engine.list();
  if (signal.aborted) return; // The connection it was asked on is given up.
  agent.listed(begun, containers);
  learned();
}

/** Containers cannot be made without their network; those that are there go on. */
async function lookAtNetwork({
  engine,
  agent,
  addressing: { network, subnet },
  logger,
}: WatchDeps): Promise<void> {
  if (network === undefined) return;
  try {
    agent.network(await engine.network(network, subnet));
  } catch (error) {
    if (!(error instanceof EngineRefusedError)) throw error;
    const fault = `the network ${network} for containers cannot be had: ${error.message}; free its addresses, name others in ERU_AGENT_SUBNET, or another network in ERU_AGENT_NETWORK`;
    agent.network({ error: fault });
    logger.warn(fault);
  }
}

async function hear(events: AsyncIterable<EngineEvent>, { agent, learned }: WatchDeps): Promise<void> {
  for await (const { workload, containerId } of events) {
    agent.hint(workload, containerId);
    learned();
  }
}

/** Apart from the looks: those wait longer for an answer. */
async function ping({ engine }: WatchDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await engine.ping();
    await pause(pingEveryMs, signal);
  }
}

async function lookAgain(deps: WatchDeps, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await pause(lookEveryMs, signal);
    if (!signal.aborted) await look(deps, signal);
  }
}
