import { randomUUID } from "node:crypto";
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
  LogController,
} from "fastify";
import type { Logger } from "pino";
import { ZodError, type ZodType } from "zod";
import type { Metrics } from "./metrics.ts";
import { faultsOf, Problem } from "./problem.ts";
import type { Tokens } from "./tokens.ts";

declare module "fastify" {
  interface FastifyRequest {
    /** The user behind the bearer token; empty on open routes. */
    user: string;
  }
  interface FastifyContextConfig {
    /** Answers without a token: health and metrics only. */
    open?: boolean;
  }
}

/** Largest request body, in bytes. A route may lower it. */
export const bodyBytesMax = 1024 * 1024;
/** Longest value of a path parameter, so that what is too long for us is refused by name and not as an unknown path. */
const paramLengthMax = 1_024;
/** Correlation ids from outside are taken over when they look like one. */
const correlationId = /^[A-Za-z0-9_.:-]{1,128}$/;

export type HttpDeps = {
  log: Logger;
  metrics: Metrics;
  /** Why the service cannot do its work now; undefined when it can. Asked at every GET /readyz. */
  notReady: () => string | undefined;
  /** Who may call; absent for a service whose only routes are open. */
  tokens?: Tokens;
};

/**
 * The HTTP frame of every service: GET /healthz (the process turns), /readyz (it can do its work), /metrics; bearer
 * tokens on everything else; errors as RFC 9457 problems; a correlation id on each request, answer and log line. Schemas
 * of routes are zod's. A body that is empty is no body.
 */
export function createHttp({ log, metrics, notReady, tokens }: HttpDeps): FastifyInstance {
  const app = fastify({
    loggerInstance: log as FastifyBaseLogger,
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: "correlationId" }),
    bodyLimit: bodyBytesMax,
    requestTimeout: 60_000,
    routerOptions: { maxParamLength: paramLengthMax },
    genReqId: (request) => {
      const given = request.headers["x-correlation-id"];
      return typeof given === "string" && correlationId.test(given) ? given : randomUUID();
    },
  });
  const seconds = metrics.histogram(
    "eru_http_request_seconds",
    "Time from request to answer",
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5],
    ["method", "route", "status"],
  );
  app.decorateRequest("user", "");
  app.setValidatorCompiler<ZodType>(({ schema }) => (input) => {
    // What is not there arrives as null.
    const parsed = schema.safeParse(input ?? undefined);
    return parsed.success ? { value: parsed.data } : { error: parsed.error };
  });
  // Plain text would be understood too, as a string that no schema wants.
  app.removeContentTypeParser("text/plain");
  const parseJson = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser<string>("application/json", { parseAs: "string" }, (request, body, done) => {
    if (body === "") done(null, undefined);
    else void parseJson(request, body, (error, value) => (error ? done(jsonFault(body)) : done(null, value)));
  });
  app.addHook("onRequest", async (request, reply) => {
    void reply.header("x-correlation-id", request.id);
    if (request.routeOptions.config.open !== true && !request.is404) authenticate(request, tokens, notReady);
  });
  app.addHook("onResponse", async (request, reply) => {
    const labels = {
      method: request.method,
      route: request.routeOptions.url ?? "none",
      status: reply.statusCode,
    };
    seconds.observe(labels, reply.elapsedTime / 1000);
    request.log.debug({ ...labels, url: request.url, ms: reply.elapsedTime }, "answered");
  });
  app.setErrorHandler((error, request, reply) => sendProblem(toProblem(error, request), request, reply));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(
      new Problem(
        404,
        "no_such_path",
        `there is no ${request.method} ${request.url}; see /docs for what there is`,
      ),
      request,
      reply,
    ),
  );
  const open = { config: { open: true } };
  app.get("/healthz", open, async () => ({ status: "ok" }));
  app.get("/readyz", open, async (_request, reply) => {
    const reason = notReady();
    return reason === undefined ? { status: "ready" } : reply.code(503).send({ status: "not ready", reason });
  });
  app.get("/metrics", open, async (_request, reply) =>
    reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
  return app;
}

/** Where a text stops being JSON, in the engine's words. */
function jsonFault(body: string): Problem {
  try {
    JSON.parse(body);
    return new Problem(400, "invalid_json", "the body has a key `__proto__` or `constructor`: remove it");
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return new Problem(400, "invalid_json", `the body is not valid JSON: ${why}`);
  }
}

function authenticate(
  request: FastifyRequest,
  tokens: Tokens | undefined,
  notReady: () => string | undefined,
): void {
  const [scheme, token, ...rest] = (request.headers.authorization ?? "").split(" ");
  const challenge = { headers: { "www-authenticate": 'Bearer realm="eru"' } };
  if (scheme?.toLowerCase() !== "bearer" || !token || rest.length > 0)
    throw new Problem(401, "token_missing", "send your token as `Authorization: Bearer <token>`", challenge);
  const user = tokens?.userOf(token);
  const reason = user === undefined ? notReady() : undefined;
  // A service that has not read all tokens yet must not call one wrong.
  if (reason !== undefined)
    throw new Problem(503, "not_ready", `cannot check the token yet: ${reason}; try again soon`, {
      headers: { "retry-after": "1" },
    });
  if (user === undefined)
    throw new Problem(
      401,
      "token_unknown",
      "this token was never issued here: check the context you use",
      challenge,
    );
  request.user = user;
}

/** Everything that can go wrong below a route, as an answer. What is not expected is logged and says nothing inside. */
function toProblem(error: unknown, request: FastifyRequest): Problem {
  if (error instanceof Problem) return error;
  const given = error as {
    validation?: unknown;
    cause?: unknown;
    code?: string;
    statusCode?: number;
    message?: string;
    validationContext?: string;
  };
  const zod = error instanceof ZodError ? error : given.cause instanceof ZodError ? given.cause : undefined;
  if (zod)
    return new Problem(
      400,
      "invalid_request",
      "the request is not valid: correct the fields named in `faults`",
      {
        faults: faultsOf(zod, partOf(request, given.validationContext)),
      },
    );
  if (given.code === "FST_ERR_CTP_BODY_TOO_LARGE")
    return new Problem(
      413,
      "body_too_large",
      `the body is larger than ${request.routeOptions.bodyLimit} bytes`,
    );
  if (given.code === "FST_ERR_CTP_INVALID_MEDIA_TYPE")
    return new Problem(415, "media_type", "send JSON with `Content-Type: application/json`");
  if (given.statusCode !== undefined && given.statusCode >= 400 && given.statusCode < 500)
    return new Problem(given.statusCode, "bad_request", given.message ?? "the request is not valid");
  request.log.error({ err: error }, "request failed");
  return new Problem(
    500,
    "internal",
    `an unexpected fault; look for correlation id ${request.id} in the service's log`,
  );
}

/** What was validated when the fault was found. */
function partOf(request: FastifyRequest, context: string | undefined): unknown {
  if (context === "params") return request.params;
  if (context === "querystring") return request.query;
  if (context === "headers") return request.headers;
  return request.body;
}

function sendProblem(problem: Problem, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return reply
    .code(problem.status)
    .headers(problem.headers)
    .type("application/problem+json")
    .send(
      JSON.stringify({
        type: `urn:eru:problem:${problem.code}`,
        title: problem.code.replaceAll("_", " "),
        status: problem.status,
        detail: problem.message,
        code: problem.code,
        correlationId: request.id,
        commandId: problem.commandId,
        ...(problem.faults.length > 0 && { faults: problem.faults }),
      }),
    );
}

/** Listens and returns the port that was bound. */
export async function listen(app: FastifyInstance, host: string, port: number): Promise<number> {
  await app.listen({ host, port });
  const address = app.server.address();
  return typeof address === "object" && address ? address.port : port;
}
