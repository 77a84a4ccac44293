import { DeploymentId, type Reasons, WorkloadId } from "@eru/events";
import { sql } from "kysely";
import { z } from "zod";
import { deploymentOf } from "../domain/objects.ts";
import { type EventRow, positionOf } from "../tables.ts";
import { kysely, type View } from "../view.ts";
import { DeploymentView, oneDeployment, showDeployment } from "./deployments.ts";
import { EventView, eventShower } from "./event-view.ts";
import { endPage, pageOf, pageQuery, startOf, whole } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";
import { noWorkload, showWorkload, WorkloadView } from "./workloads.ts";

/** Links of a causal chain that are shown; a crash loop has more, and the newest count. */
const chainMax = 200;

/** The largest sequence that can be asked about. */
const seqMax = 2 ** 40;

const ReasonsView = z.record(z.string(), z.unknown()).describe("Everything the decision was made from");

const Placement = EventView.extend({
  node: z.string().describe("The node that was chosen"),
  because: z.string().describe("Why a workload was to be placed then"),
  score: z
    .record(z.string(), z.unknown())
    .nullable()
    .describe("The chosen node as the strategy saw it; null when the list was cut before it"),
  reasons: ReasonsView,
});

const Short = z.object({
  seq: z.int(),
  time: z.string(),
  workloads: z.int(),
  summary: z.string(),
  rejectedTotals: z.record(z.string(), z.int()).describe("Number of nodes each filter rejected"),
  rejected: z.array(z.record(z.string(), z.unknown())).describe("Nodes by name, with the amounts"),
  wouldHelp: z.array(z.string()),
});

/** Events about an object, the newest first, up to a sequence where one is named. */
const eventsAbout = (object: string, at = seqMax) =>
  kysely
    .selectFrom("events as e")
    .innerJoin("eventObjects as o", "o.position", "e.position")
    .selectAll("e")
    .where(sql<boolean>`o.objectId = (select id from objects where object = ${object})`)
    .where("o.position", "<", positionOf(at + 1, 0))
    .orderBy("o.position", "desc");

type Payload = { reasons: Reasons; placed: { workload: string; node: string }[]; because: string };

function placementOf(view: View, workload: string, at: number | undefined): z.infer<typeof Placement> | null {
  const row = view.first(eventsAbout(`workload:${workload}`, at).where("e.type", "=", "PlacementDecided"));
  if (!row) return null;
  const event = eventShower(view)(row);
  const { reasons, placed, because } = event.payload as Payload;
  const node = placed.find((one) => one.workload === workload)?.node ?? "";
  const score = reasons.scores.find((one) => one.node === node) ?? null;
  return { ...event, node, because, score, reasons };
}

/** The command the workload's placement goes back to, then all that happened to it, in order. */
function chainOf(
  view: View,
  workload: string,
  at: number | undefined,
): { chain: EventView[]; chainCut: boolean } {
  const about = view.all(eventsAbout(`workload:${workload}`, at).limit(chainMax + 1));
  const shown = about.slice(0, chainMax).toReversed();
  const placement = shown.find((row) => row.type === "PlacementDecided");
  const command = placement ? commandOf(view, placement, deploymentOf(workload)) : [];
  const displaced = placement ? displacedFor(view, placement, workload) : [];
  return {
    chain: [...command, ...displaced, ...shown].map(eventShower(view)),
    chainCut: about.length > chainMax,
  };
}

/** The newest decision to displace others from the node of a workload, that it might be placed there. */
function displacedFor(view: View, placement: EventRow, workload: string): EventRow[] {
  const { placed } = eventShower(view)(placement).payload as Payload;
  const node = placed.find((one) => one.workload === workload)?.node ?? "";
  const row = view.first(
    eventsAbout(`deployment:${deploymentOf(workload)}`)
      .where("e.type", "=", "PreemptionDecided")
      .where("e.position", "<", placement.position)
      .limit(1),
  );
  if (!row) return [];
  const { deployment, places } = eventShower(view)(row).payload as Displacing;
  if (deployment !== deploymentOf(workload) || !places.some((place) => place.node === node)) return [];
  // What was placed there in between had the place.
  const between = view.all(
    eventsAbout(`deployment:${deployment}`)
      .where("e.type", "=", "PlacementDecided")
      .where("e.position", ">", row.position)
      .where("e.position", "<", placement.position),
  );
  const had = between.some((one) =>
    (eventShower(view)(one).payload as Payload).placed.some((place) => place.node === node),
  );
  return had ? [] : [row];
}

type Displacing = { deployment: string; places: { node: string }[] };

/** What users ordered in the chain of a decision, about its deployment. */
const commandOf = (view: View, { correlationId }: EventRow, deployment: string): EventRow[] =>
  view
    .all(
      kysely
        .selectFrom("events")
        .selectAll()
        .where("correlationId", "=", correlationId)
        .where("type", "in", ["DeploymentRequested", "ScaleRequested", "UpgradeRequested"])
        .orderBy("position"),
    )
    .filter((row) => row.subject.endsWith(`.${deployment}`));

function addWorkloads(deps: QueryDeps): void {
  addQuery(deps, {
    path: "/v1/why/workloads/:id",
    summary: "Why a workload is where it is, and what happened to it",
    tag: "why",
    params: { id: WorkloadId },
    query: {
      at: whole("at", 1, seqMax)
        .optional()
        .describe(
          "What had happened up to this sequence of the log; absent: up to now. `workload` is as it is now.",
        ),
    },
    answer: z.object({
      workload: WorkloadView,
      placement: Placement.nullable().describe("The decision that placed it; null when there was none"),
      chain: z.array(EventView).describe("From the command over decision and assignment to the facts"),
      chainCut: z
        .boolean()
        .describe("The oldest facts are left out; all are in /v1/events?object=workload:<id>"),
    }),
    run: (view, { params: { id }, query: { at } }) => {
      const row = view.first(kysely.selectFrom("workloads").selectAll().where("workload", "=", id));
      if (!row) throw noWorkload(view, id);
      return { workload: showWorkload(row), placement: placementOf(view, id, at), ...chainOf(view, id, at) };
    },
  });
}

/** What the last decision that left workloads without a node said. */
function shortOf(view: View, deployment: string, workloads: number): z.infer<typeof Short> | null {
  if (workloads === 0) return null;
  const row = view.first(
    kysely
      .selectFrom("decisions as d")
      .innerJoin("events as e", "e.position", "d.position")
      .selectAll("e")
      .where("d.deployment", "=", deployment)
      .where((either) => either.or([either("d.waiting", ">", 0), either("d.refused", ">", 0)]))
      .orderBy("d.position", "desc")
      .limit(1),
  );
  if (!row) return null;
  const { seq, time, summary, payload } = eventShower(view)(row);
  const { rejectedTotals, rejected, wouldHelp } = (payload as Payload).reasons;
  return { seq, time, workloads, summary, rejectedTotals, rejected, wouldHelp };
}

function addDeployments(deps: QueryDeps): void {
  addQuery(deps, {
    path: "/v1/why/deployments/:id",
    summary: "Every decision about a deployment, what is short, and what would help",
    tag: "why",
    params: { id: DeploymentId },
    query: pageQuery,
    answer: pageOf(EventView).extend({
      deployment: DeploymentView,
      short: Short.nullable().describe("Workloads without a node, and why; null when none is missing"),
    }),
    run: (view, { params: { id }, query }) => {
      const row = oneDeployment(view, id);
      const list = `why/${id}`;
      const start = startOf(list, [z.int().min(0)], query);
      let rows = kysely
        .selectFrom("decisions as d")
        .innerJoin("events as e", "e.position", "d.position")
        .selectAll("e")
        .where("d.deployment", "=", id);
      if (start.after) rows = rows.where("d.position", "<", start.after[0]);
      const found = view.all(rows.orderBy("d.position", "desc").limit(start.limit + 1));
      return {
        deployment: showDeployment(row),
        short: shortOf(view, id, row.waiting + row.refused),
        ...endPage(list, start, found, { key: (one) => [one.position], item: eventShower(view) }),
      };
    },
  });
}

/** GET /v1/why/workloads/:id and /v1/why/deployments/:id. */
export function addWhy(deps: QueryDeps): void {
  addWorkloads(deps);
  addDeployments(deps);
}
