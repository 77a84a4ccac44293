import { AppName, DeploymentId, DowntimeRisk, PodName } from "@eru/events";
import { Problem } from "@eru/service";
import { z } from "zod";
import { isOver, type Rollout, rolloutStates } from "../domain/rollout.ts";
import { positionOf } from "../tables.ts";
import { kysely, type View } from "../view.ts";
import { oneDeployment } from "./deployments.ts";
import { EventView, eventShower } from "./event-view.ts";
import { parsed } from "./json.ts";
import { endPage, pageOf, pageQuery, startOf, whole } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";

const RolloutView = z.object({
  deployment: z.string(),
  number: z.int().describe("Which upgrade of the deployment: the first is 1"),
  pod: z.string(),
  app: z.string(),
  entrypoint: z.string(),
  release: z.string().describe("What it goes to"),
  fromRelease: z.string().describe("What ran before, and runs again when it goes back"),
  changes: z.array(z.string()).describe("What differs: release, env, resources, settings; empty when forced"),
  settings: z.record(z.string(), z.unknown()).describe("How it goes about it"),
  undoes: z.int().nullable().describe("The rollout that it undoes"),
  state: z.enum(rolloutStates),
  over: z.boolean(),
  fresh: z.int().describe("New workloads after the last step"),
  stale: z.int().describe("Old workloads after the last step"),
  detail: z.string().describe("What the last step said"),
  reason: z.string().nullable().describe("Why it was halted or turned back"),
  reasonSeq: z.int().nullable(),
  risks: z.array(DowntimeRisk).nullable().describe("Why it may cost requests; null until it has started"),
  requestedSeq: z.int(),
  requestedAt: z.string(),
  requestedBy: z.string(),
  changedSeq: z.int(),
  changedAt: z.string(),
  endedSeq: z.int().nullable(),
  endedAt: z.string().nullable(),
});

function showRollout(row: Rollout): z.infer<typeof RolloutView> {
  const { rollout: _, step: __, paused: ___, changes, settings, risks, ...shown } = row;
  return {
    ...shown,
    over: isOver(row.state),
    changes: parsed(changes),
    settings: parsed(settings),
    risks: risks === null ? null : parsed(risks),
  };
}

/** Steps and words shown with a rollout; one that never comes to an end has more, and the newest count. */
const stepsMax = 500;

const told = [
  "UpgradeRequested",
  "RolloutPauseRequested",
  "RolloutResumeRequested",
  "RolloutAbortRequested",
  "RolloutPromoteRequested",
  "ScaleRequested",
  "RolloutStepped",
  "RemovalRequested",
];

/** What users said and the scheduler did, from the request to the end. */
function stepsOf(view: View, row: Rollout): EventView[] {
  const rows = kysely
    .selectFrom("events as e")
    .innerJoin("eventObjects as o", "o.position", "e.position")
    .innerJoin("objects as n", "n.id", "o.objectId")
    .selectAll("e")
    .where("n.object", "=", `deployment:${row.deployment}`)
    .where("e.type", "in", told)
    .where("o.position", ">=", positionOf(row.requestedSeq, 0))
    .where(
      "o.position",
      "<",
      row.endedSeq === null ? Number.MAX_SAFE_INTEGER : positionOf(row.endedSeq + 1, 0),
    )
    .orderBy("o.position", "desc")
    .limit(stepsMax);
  return view.all(rows).toReversed().map(eventShower(view));
}

/** GET /v1/rollouts and /v1/rollouts/:deployment. */
export function addRollouts(deps: QueryDeps): void {
  addQuery(deps, {
    path: "/v1/rollouts",
    summary: "Rollouts, the newest first",
    tag: "rollouts",
    params: {},
    query: {
      ...pageQuery,
      deployment: DeploymentId.optional(),
      pod: PodName.optional(),
      app: AppName.optional(),
      state: z
        .enum([...rolloutStates, "underway", "all"])
        .optional()
        .describe("`underway`: all that are not over; absent: all"),
    },
    answer: pageOf(RolloutView),
    run: (view, { query }) => {
      const { deployment, pod, app, state = "all" } = query;
      const list = `rollouts/${deployment ?? ""}/${pod ?? ""}/${app ?? ""}/${state}`;
      const start = startOf(list, [z.int().min(0)], query);
      let rows = kysely.selectFrom("rollouts").selectAll();
      for (const column of ["deployment", "pod", "app"] as const)
        if (query[column] !== undefined) rows = rows.where(column, "=", query[column]);
      if (state === "underway")
        rows = rows.where(
          "state",
          "in",
          rolloutStates.filter((one) => !isOver(one)),
        );
      else if (state !== "all") rows = rows.where("state", "=", state);
      if (start.after) rows = rows.where("requestedSeq", "<", start.after[0]);
      const found = view.all(rows.orderBy("requestedSeq", "desc").limit(start.limit + 1));
      return endPage(list, start, found, { key: (row) => [row.requestedSeq], item: showRollout });
    },
  });
  addQuery(deps, {
    path: "/v1/rollouts/:deployment",
    summary: "A rollout of a deployment, step by step, and why it stopped",
    tag: "rollouts",
    params: { deployment: DeploymentId },
    query: {
      number: whole("number", 1, Number.MAX_SAFE_INTEGER).optional().describe("Absent: the last one"),
    },
    answer: RolloutView.extend({
      steps: z.array(EventView).describe("What users said and the scheduler did, the oldest first"),
    }),
    run: (view, { params: { deployment }, query }) => {
      const { rollouts } = oneDeployment(view, deployment);
      const number = query.number ?? rollouts;
      const row = view.first(
        kysely.selectFrom("rollouts").selectAll().where("rollout", "=", `${deployment}/${number}`),
      );
      if (!row) throw noRollout(deployment, number, rollouts);
      return { ...showRollout(row), steps: stepsOf(view, row) };
    },
  });
}

function noRollout(deployment: string, number: number, rollouts: number): Problem {
  const there =
    rollouts === 0
      ? `deployment ${deployment} was never upgraded: begin a rollout with POST /v1/deployments/${deployment}/upgrade`
      : `deployment ${deployment} has no rollout ${number}: its rollouts are 1 to ${rollouts}`;
  return new Problem(404, "rollout_unknown", there);
}
