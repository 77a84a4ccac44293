import type { Broker } from "@eru/log";
import { Problem, ProblemBody } from "@eru/service";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { ulid } from "ulid";
import { z } from "zod";
import type { Limits } from "../config.ts";
import { type Caller, type Command, type HandleDeps, handle } from "../handle.ts";
import { digestOf, idempotencyKey } from "../idempotency.ts";
import { problemOf, problemOfFailure } from "../problems.ts";
import type { Gate } from "./gate.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The body as it was sent, before a schema filled in what it leaves out. */
    sentBody: unknown;
  }
}

/** What the routes of commands need. */
export type RouteDeps = {
  app: FastifyInstance;
  handling: HandleDeps;
  gate: Gate;
  limits: Limits;
  /** For commands that look at the past first, or ask who is alive. */
  broker: Pick<Broker, "log" | "live">;
  count: (command: string, result: string) => void;
};

/** What a command is made from. */
export type Input<P, B, Q> = { params: P; body: B; query: Q; commandId: string };

/** A route that takes one command. */
export type CommandRoute<P extends z.ZodType, B extends z.ZodType, Q extends z.ZodType> = {
  /** The command, imperative: `AddPod`. */
  name: string;
  method: "POST" | "PUT" | "PATCH" | "DELETE";
  url: string;
  tag: string;
  summary: string;
  description: string;
  params?: P;
  body?: B;
  query?: Q;
  /** What the answer names besides the sequence. */
  ids: z.ZodRawShape;
  command: (input: Input<z.output<P>, z.output<B>, z.output<Q>>) => Command | Promise<Command>;
  /** Answers instead, without a command, when it returns something. */
  instead?: {
    answer: z.ZodType;
    when: (input: Input<z.output<P>, z.output<B>, z.output<Q>>) => Promise<unknown> | undefined;
  };
};

const Headers = z.looseObject({
  "idempotency-key": z
    .string()
    .regex(idempotencyKey, "an Idempotency-Key has 1 to 128 letters, digits or !#$%&'*+.^_`|~-")
    .optional()
    .describe("Repeated with the same command, it is answered with the first answer, for ever."),
});

const problemAnswer = (description: string) => ({
  description,
  content: { "application/problem+json": { schema: ProblemBody } },
});

/** The problems that a route answers with. */
export const problemAnswers = {
  400: problemAnswer(
    "The request is not valid: `faults` names every field, its value and what is wrong with it.",
  ),
  401: problemAnswer("No token, or one that was never issued."),
  404: problemAnswer("Something that the command names is not there."),
  409: problemAnswer("The command contradicts what is so."),
  413: problemAnswer("The body, or the event it would make, is too large."),
  422: problemAnswer("The command cannot be meant like this, or the key was used for another one."),
  429: problemAnswer("Too many requests with this token; `Retry-After` says when to go on."),
  503: problemAnswer(
    "The log, or the capacity to take more, is missing now; sent again with `commandId` as Idempotency-Key the command happens at most once.",
  ),
  507: problemAnswer("The log is full: nothing was recorded."),
} as const;

/** Adds a route that takes a command, and what is needed to describe it. */
export function commandRoute<P extends z.ZodType, B extends z.ZodType, Q extends z.ZodType>(
  deps: RouteDeps,
  route: CommandRoute<P, B, Q>,
): void {
  const answer = z.object({
    seq: z.int().describe("The sequence of the log at which this is so: a query with `after=<seq>` sees it."),
    changed: z.boolean(),
    ...route.ids,
  });
  const unchanged = answer.describe("It was so already: nothing was recorded.");
  deps.app.route({
    method: route.method,
    url: route.url,
    schema: {
      operationId: route.name,
      summary: route.summary,
      description: route.description,
      tags: [route.tag],
      headers: Headers,
      ...(route.params && { params: route.params }),
      ...(route.body && { body: route.body }),
      querystring: route.query ?? z.strictObject({}),
      response: {
        200: route.instead ? z.union([route.instead.answer, unchanged]) : unchanged,
        202: answer.describe("It is recorded, durably."),
        ...problemAnswers,
      },
    },
    handler: (request, reply) => deps.gate.run(() => answerCommand(deps, route, request, reply)),
  });
}

async function answerCommand<P extends z.ZodType, B extends z.ZodType, Q extends z.ZodType>(
  deps: RouteDeps,
  route: CommandRoute<P, B, Q>,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const caller = callerOf(request);
  const { commandId } = caller;
  // The schemas of the route have parsed all three.
  const parsed = { params: request.params, body: request.body, query: request.query, commandId };
  const input = parsed as Input<z.output<P>, z.output<B>, z.output<Q>>;
  try {
    const instead = route.instead?.when(input);
    if (instead !== undefined) return await reply.code(200).send(await instead);
    const outcome = await handle(deps.handling, caller, await route.command(input));
    deps.count(route.name, outcome.ok ? outcome.how : "refused");
    if (!outcome.ok) throw problemOf(outcome.refusal, deps.handling.follower.intent);
    return await reply
      .code(outcome.how === "unchanged" ? 200 : 202)
      .headers({
        "idempotency-key": commandId,
        ...(outcome.how === "repeated" && { "idempotency-replayed": "true" }),
      })
      .send({ seq: outcome.seq, changed: outcome.how !== "unchanged", ...outcome.ids });
  } catch (error) {
    const problem = error instanceof Problem ? undefined : problemOfFailure(error, caller);
    if (problem) deps.count(route.name, problem.code);
    throw problem ?? error;
  }
}

function callerOf(request: FastifyRequest): Caller {
  const given = request.headers["idempotency-key"];
  return {
    actor: `user:${request.user}`,
    commandId: typeof given === "string" ? given : ulid(),
    digest: digestOf({
      user: request.user,
      method: request.method,
      route: request.routeOptions.url ?? "",
      params: request.params,
      query: request.query,
      body: request.sentBody,
    }),
  };
}
