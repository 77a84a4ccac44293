import { ElbName, ExplainQuestion, ExplainReply, liveSubjects } from "@eru/events";
import { type Live, LogUnavailableError } from "@eru/log";
import { Problem } from "@eru/service";
import type { FastifyInstance } from "fastify";
import { z } from "zod";

/** How long a load balancer may take to answer. */
const answerTimeoutMs = 2_000;

const Asked = z.strictObject({
  request: ExplainQuestion,
  elb: ElbName.optional().describe("The load balancer to ask; absent: any"),
});
const Answered = ExplainReply.options[0];

/** POST /v1/routes/explain: changes nothing, and asks the very engine that routes. */
export function explainRoute(app: FastifyInstance, live: Live): void {
  app.post(
    "/v1/routes/explain",
    {
      schema: {
        summary: "What a load balancer would do with a request, and why",
        description:
          "Answered by the engine itself, from the table it routes by. Nothing is sent anywhere. What hangs on chance is told as shares.",
        tags: ["routes"],
        body: Asked,
        response: { 200: Answered },
        security: [{ token: [] }],
      },
    },
    async ({ body }) => ask(live, Asked.parse(body)),
  );
}

async function ask(live: Live, { request, elb }: z.output<typeof Asked>): Promise<z.output<typeof Answered>> {
  const silent = elb === undefined ? "no load balancer answered" : `load balancer ${elb} does not answer`;
  const unavailable = (detail: string, cause?: unknown) =>
    new Problem(504, "no_load_balancer", detail, { cause });
  const subject = elb === undefined ? liveSubjects.explain : liveSubjects.explainBy(elb);
  let reply: unknown;
  try {
    reply = JSON.parse(await live.request(subject, JSON.stringify(request), answerTimeoutMs));
  } catch (error) {
    if (error instanceof LogUnavailableError) throw unavailable(`${silent}: see that one runs`, error);
    if (error instanceof SyntaxError) throw unavailable("the load balancer's answer is not readable", error);
    throw error;
  }
  const parsed = ExplainReply.safeParse(reply);
  if (!parsed.success)
    throw unavailable("the load balancer's answer is not readable: deploy the same version of both");
  if ("error" in parsed.data) throw unavailable(parsed.data.error);
  return parsed.data;
}
