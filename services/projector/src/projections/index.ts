import { createHash } from "node:crypto";
import type { Projection } from "../projection.ts";
import { apps } from "./apps.ts";
import { certificates } from "./certificates.ts";
import { decisions } from "./decisions.ts";
import { deployments, deploymentsTable } from "./deployments.ts";
import { elbs } from "./elbs.ts";
import { events } from "./events.ts";
import { nodes } from "./nodes.ts";
import { pods } from "./pods.ts";
import { quotas } from "./quotas.ts";
import { rebalances } from "./rebalances.ts";
import { releases } from "./releases.ts";
import { rollouts, rolloutsTable } from "./rollouts.ts";
import { routes } from "./routes.ts";
import { stages } from "./stages.ts";
import { users } from "./users.ts";
import { nodeUseTable, workloadCountsTable, workloads, workloadsTable } from "./workloads.ts";

/** All projections, in the order an event passes them: deployments read the workloads' counts. */
export const projections: readonly Projection[] = [
  users,
  pods,
  nodes,
  apps,
  releases,
  routes,
  stages,
  certificates,
  quotas,
  elbs,
  workloads,
  rebalances,
  rollouts,
  deployments,
  decisions,
  events,
];

/** The tables whose rows are folded. */
export const foldedTables = {
  workloads: workloadsTable,
  workloadCounts: workloadCountsTable,
  nodeUse: nodeUseTable,
  deployments: deploymentsTable,
  rollouts: rolloutsTable,
};

/** Raise it when a projection takes events in differently: every view is then built again. */
export const viewVersion = 15;

/** All tables of a view. */
export const viewTables = projections.map((projection) => projection.tables).join("\n");

/** Names the shape of the tables: a view of an older version can be served as long as its shape is today's. */
export const viewShape = createHash("sha256")
  .update(viewTables.replaceAll(/\s+/g, " "))
  .digest("hex")
  .slice(0, 16);
