import { setTimeout as sleep } from "node:timers/promises";
import type { Api, Recorded } from "./api.ts";
import type { Cli } from "./cli.ts";
import { path } from "./commands/common.ts";
import { createDisplay, type Display } from "./display.ts";
import { CliError, exitCodes } from "./errors.ts";
import { followFeed } from "./feed.ts";
import { type Goal, judge, news, type Snapshot, summary, type Verdict } from "./progress.ts";
import { showSpan } from "./quantities.ts";
import { oneLine } from "./render/text.ts";
import { Deployment, inOrder, Rollout, Workload } from "./views.ts";

/** Between two looks at the clock and the screen, in milliseconds. */
const tickMs = 100;
/** Longest time between two looks at the servers when the feed says nothing, in milliseconds. */
const lookMs = 2_000;

/** Whole errors shown after a picture. */
const errorsMax = 5;

/** What goes on when nobody watches. */
const doing: Readonly<Record<Goal, string>> = {
  running: "deployment",
  removed: "removal",
  upgraded: "rollout",
  rolled_back: "rollout",
};

export type Waiting = {
  /** What the command answered: its sequence is where waiting begins. */
  answer: Recorded;
  deployment: string;
  goal: Goal;
  timeoutMs: number;
};

/**
 * Waits until a deployment is as asked for, and shows how it goes. The feed says when to look; each look takes the whole
 * state, so that a broken connection costs time and nothing else.
 * @throws CliError it cannot come true, or did not in time
 */
export async function waitFor(cli: Cli, api: Api, waiting: Waiting): Promise<void> {
  const over = new AbortController();
  const signal = AbortSignal.any([cli.io.signal, over.signal]);
  const ear = new Ear();
  const display = createDisplay(cli);
  const listening = ear.listen(api, waiting, signal);
  try {
    const begun = performance.now();
    const { snapshot, verdict } = await untilDone(api, waiting, { ear, display, begun });
    report(cli, waiting, { snapshot, verdict, elapsedMs: performance.now() - begun });
  } catch (error) {
    if (cli.io.signal.aborted)
      cli.say(
        `you stopped watching; the ${doing[waiting.goal]} goes on: \`eru deployment show ${waiting.deployment}\`\n`,
      );
    throw error;
  } finally {
    over.abort();
    await listening;
  }
}

/** Hears that something happened to a deployment. */
class Ear {
  #heard = true;

  /** True once after each time that something happened, and at first. */
  take(): boolean {
    const heard = this.#heard;
    this.#heard = false;
    return heard;
  }

  /** Listens until the signal aborts. Deafness is no failure: then the clock says when to look. */
  async listen(api: Api, { answer, deployment }: Waiting, signal: AbortSignal): Promise<void> {
    const topics = [`deployment:${deployment}`];
    while (!signal.aborted)
      try {
        for await (const _ of followFeed(api.context, { topics, from: answer.seq + 1, signal }))
          this.#heard = true;
      } catch (error) {
        if (!(error instanceof CliError)) throw error;
        await sleep(lookMs, undefined, { signal }).catch(() => {});
      }
  }
}

type Outcome = { snapshot: Snapshot; verdict: Exclude<Verdict, { is: "going" }> | { is: "late" } };

async function untilDone(
  api: Api,
  { answer, deployment, goal, timeoutMs }: Waiting,
  { ear, display, begun }: { ear: Ear; display: Display; begun: number },
): Promise<Outcome> {
  let snapshot: Snapshot | undefined;
  let unreachable: CliError | undefined;
  for (let lookedAt = Number.NEGATIVE_INFINITY; ; await sleep(tickMs, undefined, { signal: api.signal })) {
    if (ear.take() || performance.now() - lookedAt > lookMs) {
      try {
        snapshot = await look(api, { deployment, goal }, snapshot ? undefined : answer.seq);
        unreachable = undefined;
      } catch (error) {
        // The deployment goes on without the servers that show it, so waiting does too.
        if (!(error instanceof CliError) || error.exitCode !== exitCodes.unreachable) throw error;
        unreachable = error;
      }
      lookedAt = performance.now();
    }
    const elapsedMs = performance.now() - begun;
    if (snapshot) display.show(snapshot, elapsedMs, unreachable?.message);
    const verdict = snapshot && !unreachable ? judge(snapshot, goal) : undefined;
    if (snapshot && verdict && verdict.is !== "going") return { snapshot, verdict };
    if (elapsedMs < timeoutMs) continue;
    if (unreachable || !snapshot)
      throw unreachable ?? new CliError(exitCodes.unreachable, "the query API did not answer in time");
    return { snapshot, verdict: { is: "late" } };
  }
}

async function look(
  api: Api,
  { deployment: id, goal }: Pick<Waiting, "deployment" | "goal">,
  after: number | undefined,
): Promise<Snapshot> {
  const deployment = await api.query(path`/v1/deployments/${id}`, Deployment, { after });
  const workloads = await api.list("/v1/workloads", Workload, { deployment: id });
  const rollout = goal === "upgraded" || goal === "rolled_back";
  const shown = { deployment, workloads: inOrder(workloads) };
  return rollout ? { ...shown, rollout: await api.query(path`/v1/rollouts/${id}`, Rollout) } : shown;
}

function report(cli: Cli, waiting: Waiting, outcome: Outcome & { elapsedMs: number }): void {
  const { snapshot, verdict, elapsedMs } = outcome;
  const { deployment, goal, timeoutMs, answer } = waiting;
  const seconds = Number((elapsedMs / 1_000).toFixed(1));
  const document = { ...answer, outcome: verdict.is, seconds, ...snapshot };
  if (verdict.is === "reached") {
    const { wanted } = snapshot.deployment.counts;
    const what =
      verdict.note ??
      (goal === "removed" ? "removed, nothing of it is left" : `${wanted} of ${wanted} healthy`);
    cli.answer(document, () => `${deployment}: ${what} after ${showSpan(elapsedMs)}\n`);
    return;
  }
  cli.exitCode = exitCodes.notTrue;
  cli.answer(document, () => `${deployment}: ${summary(snapshot)}\n`);
  const [why, next] =
    verdict.is === "failed"
      ? [verdict.why, ""]
      : [`not so after ${showSpan(timeoutMs)}, and it goes on`, ", or wait longer with --timeout"];
  // A picture had no room for whole errors; lines have said them.
  const errors = cli.io.errTty ? news(undefined, snapshot).slice(0, errorsMax) : [];
  cli.say(errors.map((error) => `  ${oneLine(error)}\n`).join(""));
  cli.say(
    `eru: ${deployment}: ${oneLine(why)}\n  → run \`eru ${snapshot.rollout ? "rollout show" : "why"} ${deployment}\`${next}\n`,
  );
}
