import { request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

const answerTimeoutMs = 3_000;
const pauseMs = 20;

/** What the example app says of itself. */
export type Answer = { id: string; version: string; node: string };

/** What came of asking. */
export type Asked = {
  /** Every wanted workload has answered. */
  complete: boolean;
  /** The first of each. */
  answers: Answer[];
  requests: number;
  /** Workloads that are there and have not answered. */
  missing: string[];
  lastFault: string | undefined;
};

/** Sends requests through the ELB until every wanted workload has answered one, or the time is over. */
export async function askUntilAll(
  elbUrl: string,
  host: string,
  wanted: { ids: () => Promise<readonly string[]>; count: number; withinMs: number },
): Promise<Asked> {
  const answers = new Map<string, Answer>();
  let lastFault: string | undefined;
  let requests = 0;
  let missing: string[] = [];
  for (const until = performance.now() + wanted.withinMs; performance.now() < until; await sleep(pauseMs)) {
    // Asked again and again: a workload may be replaced while we wait for it.
    const ids = await wanted.ids();
    for (let round = 0; round <= 2 * ids.length; round++) {
      requests++;
      const answer = await ask(elbUrl, host);
      if (typeof answer === "string") lastFault = answer;
      else if (!answers.has(answer.id)) answers.set(answer.id, answer);
    }
    missing = ids.filter((id) => !answers.has(id));
    if (ids.length >= wanted.count && missing.length === 0)
      return {
        complete: true,
        answers: ids.flatMap((id) => answers.get(id) ?? []),
        requests,
        missing,
        lastFault,
      };
  }
  return { complete: false, answers: [...answers.values()], requests, missing, lastFault };
}

/** One request on a connection of its own; a string says why there is no answer. */
function ask(elbUrl: string, host: string): Promise<Answer | string> {
  return new Promise((resolve) => {
    const call = request(
      elbUrl,
      { headers: { host }, agent: false, timeout: answerTimeoutMs },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => {
          text += part;
        });
        response.once("error", (error) => resolve(error.message));
        response.once("end", () => {
          if (response.statusCode === 200) resolve(JSON.parse(text) as Answer);
          else resolve(`status ${response.statusCode}: ${text.trim().slice(0, 200)}`);
        });
      },
    );
    call.once("timeout", () => call.destroy(new Error("no answer")));
    call.once("error", (error) => resolve(error.message));
    call.end();
  });
}
