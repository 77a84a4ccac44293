import { Problem } from "@eru/service";
import type { FastifyInstance } from "fastify";
import { z } from "zod";
import { BrokenViewError } from "../errors.ts";
import type { Progress } from "../progress.ts";
import type { View } from "../view.ts";
import type { Views } from "../views.ts";
import { whole } from "./paging.ts";

/** How long a query waits for the sequence in `after`. */
const afterTimeoutMs = 10_000;

export type QueryDeps = { app: FastifyInstance; views: Views; progress: Progress };

/** A GET: what may be asked, what is answered, and how the answer comes from the view. */
export type Query<P extends z.ZodRawShape, Q extends z.ZodRawShape, A extends z.ZodObject> = {
  path: string;
  summary: string;
  tag: string;
  params: P;
  query: Q;
  /** What is answered besides `seq`. */
  answer: A;
  run: (view: View, asked: { params: z.infer<z.ZodObject<P>>; query: z.infer<z.ZodObject<Q>> }) => z.infer<A>;
};

const After = whole("after", 0, Number.MAX_SAFE_INTEGER)
  .optional()
  .describe("Wait until the view has reached this sequence of the log, at most 10 s");

const Seq = z.int().describe("The sequence the view is at");

/**
 * Adds a query. Every one takes `after`, refuses parameters it does not know, and answers from one state of the view,
 * whose sequence is in the answer and in the header `eru-seq`.
 */
export function addQuery<P extends z.ZodRawShape, Q extends z.ZodRawShape, A extends z.ZodObject>(
  { app, views, progress }: QueryDeps,
  { path, summary, tag, params, query, answer, run }: Query<P, Q, A>,
): void {
  const Params = z.strictObject(params);
  const Asked = z.strictObject({ ...query, after: After });
  app.get(
    path,
    {
      schema: {
        summary,
        tags: [tag],
        params: Params,
        querystring: Asked,
        response: { 200: z.object({ seq: Seq, ...answer.shape }) },
        security: [{ bearer: [] }],
      },
    },
    async (request, reply) => {
      const { after, ...asked } = request.query as z.infer<typeof Asked> & { after?: number };
      if (after !== undefined) await reach(after, progress);
      const view = servingView(views, progress);
      const answered = guarded(views, () =>
        run(view, {
          params: request.params as z.infer<z.ZodObject<P>>,
          query: asked as unknown as z.infer<z.ZodObject<Q>>,
        }),
      );
      void reply.header("eru-seq", view.seq);
      return { seq: view.seq, ...answered };
    },
  );
}

/** Runs a query; damage in the file starts a rebuild and is said. */
function guarded<T>(views: Views, run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (!(error instanceof BrokenViewError)) throw error;
    views.reportDamage();
    throw new Problem(503, "view_damaged", "the view's file is damaged and is being built again", {
      headers: { "retry-after": "5" },
      cause: error,
    });
  }
}

/** The view that answers. */
export function servingView(views: Views, progress: Progress): View {
  if (views.serving) return views.serving;
  throw new Problem(
    503,
    "view_building",
    `there is no view yet: ${progress.notReady() ?? "it is nearly there"}; try again soon`,
    { headers: { "retry-after": "1" } },
  );
}

async function reach(after: number, progress: Progress): Promise<void> {
  const waited = await progress.waitFor(after, afterTimeoutMs);
  if (waited === "reached") return;
  if (waited === "stopped")
    throw new Problem(503, "view_stopped", `${progress.stopped}; it will not reach sequence ${after}`);
  if (waited === "crowded")
    throw new Problem(503, "too_many_waiting", "too many requests wait for the view; try again soon", {
      headers: { "retry-after": "1" },
    });
  throw new Problem(
    504,
    "view_late",
    `the view is at sequence ${progress.seq} and did not reach ${after} within ${afterTimeoutMs / 1000} s; ask again, or see its lag in /v1/status`,
    { headers: { "retry-after": "1" } },
  );
}
