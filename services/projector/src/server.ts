import { createHttp, type Logger, type Metrics } from "@eru/service";
import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import { jsonSchemaTransform, serializerCompiler } from "fastify-type-provider-zod";
import type { ElbBoard } from "./elb-board.ts";
import type { Feed } from "./feed/feed.ts";
import type { FeedLimits } from "./feed/protocol.ts";
import { addFeed } from "./feed/route.ts";
import type { Progress } from "./progress.ts";
import { addApps } from "./queries/apps.ts";
import { addCertificates } from "./queries/certificates.ts";
import { addDeployments } from "./queries/deployments.ts";
import { addElbs } from "./queries/elbs.ts";
import { addEvents } from "./queries/events.ts";
import { addNodes } from "./queries/nodes.ts";
import { addPods } from "./queries/pods.ts";
import { addQuotas } from "./queries/quotas.ts";
import { addRebalances } from "./queries/rebalances.ts";
import { addRollouts } from "./queries/rollouts.ts";
import { addRoutes } from "./queries/routes.ts";
import { addStages } from "./queries/stages.ts";
import { addStatus } from "./queries/status.ts";
import { addUsers } from "./queries/users.ts";
import { addWhy } from "./queries/why.ts";
import { addWorkloads } from "./queries/workloads.ts";
import { ViewTokens } from "./tokens.ts";
import type { Views } from "./views.ts";

export type ServerDeps = {
  views: Views;
  progress: Progress;
  feed: Feed;
  elbs: ElbBoard;
  limits: FeedLimits;
  metrics: Metrics;
  log: Logger;
};

/** The HTTP side: queries and the feed below /v1, their description at /docs. */
export async function createServer(deps: ServerDeps): Promise<FastifyInstance> {
  const { views, progress, feed, elbs, limits, metrics, log } = deps;
  const tokens = new ViewTokens(views);
  const app = createHttp({ log, metrics, tokens, notReady: () => progress.notReady() });
  // Only what a schema names leaves the service.
  app.setSerializerCompiler(serializerCompiler);
  await describe(app);
  await addFeed({ app, feed, tokens, views, progress, limits });
  const queries = { app, views, progress };
  addStatus(queries);
  addPods(queries);
  addNodes(queries);
  addApps(queries);
  addDeployments(queries);
  addWorkloads(queries);
  addRoutes(queries);
  addElbs(queries, elbs);
  addStages(queries, elbs);
  addCertificates(queries, metrics);
  addQuotas(queries);
  addUsers(queries);
  addEvents(queries);
  addRebalances(queries);
  addRollouts(queries);
  addWhy(queries);
  return app;
}

/** OpenAPI from the routes' own schemas. Open to everybody: it says what can be asked, and holds nothing of the zone. */
async function describe(app: FastifyInstance): Promise<void> {
  app.addHook("onRoute", (route) => {
    if (route.url === "/docs" || route.url.startsWith("/docs/"))
      route.config = { ...route.config, open: true };
  });
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Eru queries",
        version: "1",
        description:
          "Everything that can be asked. Each answer says the sequence of the log it is as of; commands are another API.",
      },
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer" } } },
      security: [{ bearer: [] }],
    },
    transform: jsonSchemaTransform,
  });
  await app.register(swaggerUi, { routePrefix: "/docs" });
}
