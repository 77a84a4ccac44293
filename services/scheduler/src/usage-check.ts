import {
  AppError,
  assert,
  InventoryReply,
  liveSubjects,
  type PlanRefusal,
  type UsageNode,
  type UsageReply,
  UsageRequest,
  usageNodesMax,
} from "@eru/events";
import { type Live, type Log, LogUnavailableError } from "@eru/log";
import { type Logger, pause } from "@eru/service";
import type { SchedulerCore } from "./core.ts";
import {
  type Account,
  type Answered,
  accountsDiffer,
  accountsOf,
  compare,
  keyOf,
  nodeDiffers,
} from "./domain/usage.ts";
import type { Zone } from "./domain/zone.ts";
import { Past } from "./past.ts";

/** Milliseconds an agent may take to look at its engine. */
const inventoryTimeoutMs = 3_000;
/** Milliseconds one look may read the log; what was read is kept for the next question. */
const readMs = 15_000;
/** Agents that are asked at once. */
const asksMax = 64;
/** Milliseconds between two looks: what differs in both was not on its way. */
const betweenMs = 1_000;
/** Tries to catch the live account and the log's at the same sequence. */
const replaceTriesMax = 20;

type Deps = {
  core: SchedulerCore;
  log: Pick<Log, "follow">;
  live: Live;
  logger: Logger;
  now: () => number;
};
type Asked = UsageRequest;
type Look = { zone: Zone; live: Map<string, Account>; nodes: UsageNode[] };

/**
 * Compares what the scheduler has booked with a fold of the whole log and with what the agents find. The live account is
 * taken at a sequence, and the log is folded anew up to the same one, so that nothing in flight makes a difference; what
 * the nodes have is looked at twice, and only what is seen twice differs.
 */
export class UsageCheck {
  readonly #deps: Deps;
  readonly #past: Past;
  #busy = false;

  constructor(deps: Deps) {
    this.#deps = deps;
    // The whole log, from its beginning: a snapshot would be an account of the scheduler's own.
    this.#past = new Past({ log: deps.log, now: deps.now, restore: async () => undefined });
  }

  /** Answers until the signal aborts: while this scheduler is the one that decides. */
  async respond(signal: AbortSignal): Promise<void> {
    await this.#deps.live.respond({
      subject: liveSubjects.usage,
      group: "scheduler",
      signal,
      answer: async (body) => JSON.stringify(await this.answer(body, signal)),
    });
  }

  /** Gives back the memory of a log that was read and is not needed any more. */
  forget(): void {
    if (!this.#busy) this.#past.forget();
  }

  /** The accounts, or why there are none. */
  async answer(body: string, signal: AbortSignal): Promise<UsageReply | PlanRefusal> {
    const asked = requestIn(body);
    if (!asked) return { error: "the question is not readable: deploy the same version of both" };
    const { zone } = this.#deps.core;
    const pod = zone.pods.get(asked.usage);
    if (!pod) return { error: `pod ${asked.usage} is not known yet`, code: "pod_unknown" };
    if (asked.node !== undefined && !pod.nodes.has(asked.node))
      return { error: `there is no node ${asked.node} in pod ${asked.usage}`, code: "node_unknown" };
    if (this.#busy) return { error: "the accounts are being compared already: ask again when that is done" };
    this.#busy = true;
    try {
      return await this.#check(asked, signal);
    } finally {
      this.#busy = false;
    }
  }

  async #check(asked: Asked, signal: AbortSignal): Promise<UsageReply | PlanRefusal> {
    const first = await this.#look(asked, signal);
    if ("error" in first) return first;
    let last = first;
    const suspicious = first.nodes.filter(nodeDiffers);
    if (suspicious.length > 0) {
      await pause(betweenMs, signal);
      const known = new Map(
        suspicious.map(({ node, differences }) => [node, new Set(differences.map(keyOf))]),
      );
      const again = await this.#look(asked, signal, known);
      if ("error" in again) return again;
      last = again;
    }
    const wrong = accountsDiffer(last.live, accountsOf(last.zone.pods.get(asked.usage), asked.node));
    if (wrong)
      this.#deps.logger.error(
        { pod: asked.usage, atSeq: last.zone.seq },
        "what is booked is not what the log says",
      );
    const replaced = wrong && asked.fix && (await this.#replace(signal));
    return replyOf(asked, last, wrong ? replaced : undefined);
  }

  /** One look at everything; with what was seen before, only that is looked at again. */
  async #look(
    asked: Asked,
    signal: AbortSignal,
    known?: ReadonlyMap<string, ReadonlySet<string>>,
  ): Promise<Look | PlanRefusal> {
    const { core } = this.#deps;
    const pod = core.zone.pods.get(asked.usage);
    const names = [...(pod?.nodes.keys() ?? [])].filter(
      (name) => asked.node === undefined || name === asked.node,
    );
    const inventories = await this.#inventories(names, asked.fix);
    // Both accounts at the sequence of this moment.
    const live = accountsOf(core.zone.pods.get(asked.usage), asked.node);
    const folded = await this.#past.at(core.zone.seq, signal, (zone) => ({ zone }), readMs);
    if ("error" in folded) return folded;
    const { zone } = folded;
    const nodes = names.flatMap((name) => {
      const node = zone.nodes.get(name);
      if (!node) return [];
      const inventory = inventories.get(name) ?? { error: "was not asked" };
      const of = { node, live: live.get(name), inventory };
      return [compare({ ...of, known: known && (known.get(name) ?? new Set()) })];
    });
    return { zone, live, nodes };
  }

  async #inventories(names: readonly string[], look: boolean): Promise<Map<string, Answered>> {
    const found = new Map<string, Answered>();
    const rest = names.values();
    const askAll = async () => {
      for (const name of rest) found.set(name, await this.#inventory(name, look));
    };
    await Promise.all(Array.from({ length: asksMax }, askAll));
    return found;
  }

  async #inventory(name: string, look: boolean): Promise<Answered> {
    const { live } = this.#deps;
    try {
      const subject = liveSubjects.inventory(name);
      const reply = await live.request(subject, JSON.stringify({ look }), inventoryTimeoutMs);
      const parsed = InventoryReply.safeParse(JSON.parse(reply));
      return parsed.success ? parsed.data : { error: "its agent's answer is not readable" };
    } catch (error) {
      if (error instanceof LogUnavailableError) return { error: "its agent did not answer" };
      if (error instanceof AppError || error instanceof SyntaxError)
        return { error: `its agent's answer is not readable: ${error.message}` };
      throw error;
    }
  }

  /** The account of the log takes the place of the scheduler's own; false when both could not be had at one sequence. */
  async #replace(signal: AbortSignal): Promise<boolean> {
    const { core, now } = this.#deps;
    for (let tries = 0; tries < replaceTriesMax; tries++) {
      const replace = (zone: Zone): { done: boolean } => {
        if (zone.seq !== core.zone.seq) return { done: false };
        core.replaceZone(zone, now());
        return { done: true };
      };
      const done = await this.#past.at(core.zone.seq, signal, replace, readMs);
      if ("error" in done) return false;
      if (!done.done) continue;
      // It is the live one from now on: whoever asks about the past next gets another.
      this.#past.drop();
      return true;
    }
    return false;
  }
}

function requestIn(body: string): Asked | undefined {
  try {
    return UsageRequest.safeParse(JSON.parse(body)).data;
  } catch {
    return undefined;
  }
}

/** Those that differ first, then those that did not answer. */
function replyOf({ usage, node }: Asked, { zone, nodes }: Look, replaced: boolean | undefined): UsageReply {
  assert(nodes.length === 0 || zone.seq > 0, "accounts of an empty log");
  const rank = (one: UsageNode): number => (nodeDiffers(one) ? 0 : one.unanswered !== undefined ? 1 : 2);
  return {
    ...{ atSeq: zone.seq, pod: usage, nodesTotal: node === undefined ? nodes.length : 1 },
    differing: nodes.filter(nodeDiffers).length,
    unanswered: nodes.filter(({ unanswered }) => unanswered !== undefined).length,
    nodes: nodes.toSorted((one, other) => rank(one) - rank(other)).slice(0, usageNodesMax),
    ...(replaced !== undefined && { schedulerReplaced: replaced }),
  };
}
