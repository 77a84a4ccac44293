import { createHash } from "node:crypto";
import type { Broker } from "@eru/log";
import { createHttp, type Logger, type Metrics, Problem } from "@eru/service";
import type { SealKeys } from "@eru/tls";
import rateLimit from "@fastify/rate-limit";
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import { jsonSchemaTransform, serializerCompiler } from "fastify-type-provider-zod";
import type { Limits } from "../config.ts";
import type { HandleDeps } from "../handle.ts";
import { appRoutes } from "./app.ts";
import { certificateRoutes } from "./certificate.ts";
import type { RouteDeps } from "./command-route.ts";
import { deploymentRoutes } from "./deployment.ts";
import { dissociationRoutes } from "./dissociation.ts";
import { elbRoutes } from "./elb.ts";
import { explainRoute } from "./explain.ts";
import { Gate } from "./gate.ts";
import { nodeRoutes } from "./node.ts";
import { podRoutes } from "./pod.ts";
import { quotaRoutes } from "./quota.ts";
import { reallocRoutes } from "./realloc.ts";
import { rebalanceRoutes } from "./rebalance.ts";
import { rolloutRoutes } from "./rollout.ts";
import { routeRoutes } from "./route.ts";
import { routesAtOnce } from "./routes-at-once.ts";
import { stageRoutes } from "./stage.ts";
import { turnRoutes } from "./turn.ts";
import { usageRoutes } from "./usage.ts";
import { whyNotRoute } from "./why-not.ts";
import { workloadRoutes } from "./workload.ts";

/** What the HTTP side needs. */
export type ServerDeps = {
  broker: Broker;
  handling: HandleDeps;
  limits: Limits;
  /** Why commands cannot be taken now. */
  notReady: () => string | undefined;
  metrics: Metrics;
  log: Logger;
  /** Seals private keys; without it none is taken. */
  seal?: SealKeys | undefined;
};

/** The HTTP side: commands below /v1, their description at /docs; it answers as soon as it listens. */
export async function createServer(deps: ServerDeps): Promise<FastifyInstance> {
  const { broker, handling, limits, metrics, log, notReady } = deps;
  const app = createHttp({ log, metrics, notReady, tokens: handling.follower.intent.tokens });
  app.setSerializerCompiler(serializerCompiler);
  app.decorateRequest("sentBody", undefined);
  app.addHook("preValidation", async (request) => {
    request.sentBody = request.body;
  });
  const gate = new Gate(limits.inFlightMax);
  const commands = metrics.counter("eru_commands_total", "Commands by how they ended", ["command", "result"]);
  metrics.gauge("eru_commands_in_flight", "Commands at work", [], () => gate.inside);
  const count = (command: string, result: string) => commands.inc({ command, result });
  await limit(app, limits, gate);
  await describe(app);
  explainRoute(app, broker.live);
  const routes: RouteDeps = { app, handling, gate, limits, count, broker };
  podRoutes(routes);
  rebalanceRoutes(routes, broker.live);
  nodeRoutes(routes, broker.live);
  appRoutes(routes);
  deploymentRoutes(routes, broker.live);
  rolloutRoutes(routes, broker.live);
  routeRoutes(routes);
  routesAtOnce(routes);
  stageRoutes(routes);
  elbRoutes(routes);
  certificateRoutes(routes, deps.seal);
  workloadRoutes(routes, broker.live);
  dissociationRoutes(routes);
  whyNotRoute(routes, broker.live);
  usageRoutes(routes, broker.live);
  reallocRoutes(routes);
  turnRoutes(routes);
  quotaRoutes(routes);
  return app;
}

/** Requests of one token in a second, and commands at work. Health and metrics, which are there already, have no limit. */
async function limit(app: FastifyInstance, { ratePerSecond }: Limits, gate: Gate): Promise<void> {
  await app.register(rateLimit, {
    max: ratePerSecond,
    timeWindow: 1_000,
    keyGenerator: ({ headers, ip }) =>
      headers.authorization === undefined
        ? ip
        : createHash("sha256").update(headers.authorization).digest("base64"),
    errorResponseBuilder: (_request, { max }) =>
      new Problem(
        429,
        "too_many_requests",
        `more than ${max} requests in a second with this token: slow down`,
        {
          headers: { "retry-after": "1" },
        },
      ),
  });
  // Before the body is read; the handlers check again, because others may have come in meanwhile.
  app.addHook("onRequest", async (request) => {
    if (request.url.startsWith("/v1/")) gate.check();
  });
}

/** OpenAPI from the routes' own schemas. Open to everybody: it says what can be asked, and holds no data. */
async function describe(app: FastifyInstance): Promise<void> {
  app.addHook("onRoute", (route) => {
    if (route.url === "/docs" || route.url.startsWith("/docs/"))
      route.config = { ...route.config, open: true };
  });
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Eru commands",
        version: "1",
        description:
          "Everything that changes something. Each command is answered when it is durable, with its sequence in the log; queries are another API.",
      },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
      security: [{ token: [] }],
    },
    transform: jsonSchemaTransform,
  });
  await app.register(swaggerUi, { routePrefix: "/docs" });
}
