import { Problem, type Tokens } from "@eru/service";
import websocket from "@fastify/websocket";
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Progress } from "../progress.ts";
import { servingView } from "../queries/query.ts";
import type { Views } from "../views.ts";
import type { Feed } from "./feed.ts";
import { type FeedLimits, feedProtocol } from "./protocol.ts";

export type FeedRouteDeps = {
  app: FastifyInstance;
  feed: Feed;
  tokens: Tokens;
  views: Views;
  progress: Progress;
  limits: FeedLimits;
};

const tokenPrefix = "bearer.";

/**
 * GET /v1/feed, a WebSocket. The token comes in `Authorization`, or from browsers, which cannot set headers there, as the
 * subprotocol `bearer.<token>` after `eru.feed.v1`: headers are not written to access logs and histories as URLs are. It is
 * checked before the connection becomes a WebSocket, and never echoed.
 */
export async function addFeed({ app, feed, tokens, views, progress, limits }: FeedRouteDeps): Promise<void> {
  await app.register(websocket, {
    options: {
      maxPayload: limits.messageBytesMax,
      handleProtocols: (offered: Set<string>) => (offered.has(feedProtocol) ? feedProtocol : false),
    },
  });
  app.route({
    method: "GET",
    url: "/v1/feed",
    // Open for the frame, which looks at `Authorization` alone; the hook below checks.
    config: { open: true },
    schema: {
      summary: "Live feed of events: a WebSocket, see docs/api-queries.md",
      tags: ["events"],
      security: [{ bearer: [] }],
    },
    onRequest: async (request) => {
      authenticate(request, tokens, progress);
      servingView(views, progress);
      if (!feed.room)
        throw new Problem(
          503,
          "feed_full",
          `the feed has its ${limits.clientsMax} clients; try again later`,
          {
            headers: { "retry-after": "10" },
          },
        );
    },
    handler: async () => {
      throw new Problem(426, "upgrade_required", "this is a WebSocket: connect with `Upgrade: websocket`", {
        headers: { upgrade: "websocket" },
      });
    },
    wsHandler: (socket) => feed.add(socket),
  });
}

function authenticate(request: FastifyRequest, tokens: Tokens, progress: Progress): void {
  const offered = (request.headers["sec-websocket-protocol"] ?? "").split(",").map((part) => part.trim());
  const [scheme, inHeader] = (request.headers.authorization ?? "").split(" ");
  const inProtocol = offered.find((part) => part.startsWith(tokenPrefix))?.slice(tokenPrefix.length);
  const token = scheme?.toLowerCase() === "bearer" && inHeader ? inHeader : inProtocol;
  const challenge = { headers: { "www-authenticate": 'Bearer realm="eru"' } };
  if (!token)
    throw new Problem(
      401,
      "token_missing",
      `send your token as \`Authorization: Bearer <token>\`, or the subprotocols \`${feedProtocol}\` and \`${tokenPrefix}<token>\``,
      challenge,
    );
  const user = tokens.userOf(token);
  const notReady = user === undefined ? progress.notReady() : undefined;
  if (notReady !== undefined)
    throw new Problem(503, "not_ready", `cannot check the token yet: ${notReady}; try again soon`, {
      headers: { "retry-after": "1" },
    });
  if (user === undefined)
    throw new Problem(
      401,
      "token_unknown",
      "this token was never issued here: check the context you use",
      challenge,
    );
  if (offered.some((part) => part !== "") && !offered.includes(feedProtocol))
    throw new Problem(400, "subprotocol_unknown", `offer the subprotocol \`${feedProtocol}\` before others`);
  request.user = user;
}
