import type { z } from "zod";
import { problemAnswers, type RouteDeps } from "./command-route.ts";

/** A question that the scheduler answers from its own state: nothing is recorded. */
export type QuestionRoute<P extends z.ZodType, Q extends z.ZodType, A extends z.ZodType> = {
  /** What is asked, imperative: `AskWhyNot`. */
  name: string;
  url: string;
  tag: string;
  summary: string;
  description: string;
  params: P;
  query: Q;
  answer: A;
  ask: (input: { params: z.output<P>; query: z.output<Q> }) => Promise<z.output<A>>;
};

/** Adds a route that answers a question; as many as commands may be at work at once. */
export function questionRoute<P extends z.ZodType, Q extends z.ZodType, A extends z.ZodType>(
  deps: RouteDeps,
  { name, url, tag, summary, description, params, query, answer, ask }: QuestionRoute<P, Q, A>,
): void {
  deps.app.route({
    method: "GET",
    url,
    schema: {
      operationId: name,
      summary,
      description,
      tags: [tag],
      params,
      querystring: query,
      response: { 200: answer, ...problemAnswers },
    },
    handler: (request, reply) =>
      deps.gate.run(async () => {
        // The schemas of the route have parsed both.
        const input = { params: request.params, query: request.query };
        return await reply.send(await ask(input as { params: z.output<P>; query: z.output<Q> }));
      }),
  });
}
