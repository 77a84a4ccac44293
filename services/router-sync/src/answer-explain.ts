import { ExplainQuestion, type ExplainReply, liveSubjects } from "@eru/events";
import type { Live } from "@eru/log";
import { type NginxAdmin, NginxUnreachableError } from "./nginx-admin.ts";

/** What is asked about requests, and by what it is answered. */
export type ExplainDeps = {
  elb: string;
  admin: Pick<NginxAdmin, "explain">;
  /** The table nginx routes by; undefined while it does not serve. */
  appliedSeq: () => number | undefined;
};

/** Answers what its nginx would do with a request, asked of it by name or of any load balancer. */
export async function answerExplain(live: Live, deps: ExplainDeps, signal: AbortSignal): Promise<void> {
  const answer = async (body: string) => JSON.stringify(await replyTo(body, deps));
  await Promise.all(
    [liveSubjects.explain, liveSubjects.explainBy(deps.elb)].map((subject) =>
      live.respond({ subject, group: "router-sync", signal, answer }),
    ),
  );
}

/** Never rejects: what is wrong is in the reply. */
export async function replyTo(body: string, { elb, admin, appliedSeq }: ExplainDeps): Promise<ExplainReply> {
  const question = ExplainQuestion.safeParse(jsonOf(body));
  if (!question.success)
    return { error: "the question is not readable: deploy the same version of command-api and router-sync" };
  const seq = appliedSeq();
  if (seq === undefined) return { error: `load balancer ${elb} does not serve now` };
  try {
    return { elb, appliedSeq: seq, explanation: await admin.explain(question.data) };
  } catch (error) {
    if (error instanceof NginxUnreachableError) return { error: `load balancer ${elb} does not answer` };
    return { error: `load balancer ${elb}: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function jsonOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}
