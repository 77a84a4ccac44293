import type { RecordedEvent } from "@eru/events";
import type { Database } from "better-sqlite3";
import type { Deployment } from "./domain/deployment.ts";
import type { Rollout } from "./domain/rollout.ts";
import type { Workload } from "./domain/workload.ts";
import { type FoldedTable, ObjectIds, Rows } from "./rows.ts";
import type { NodeUseRow, WorkloadCountsRow } from "./tables.ts";

/** Takes in one event, inside the page's transaction. Every known event is taken: facts happened. */
export type Apply = (recorded: RecordedEvent) => void;

/** A part of the view: its tables and how events change them. */
export type Projection = {
  readonly name: string;
  /** The statements that create its tables. A change here, or of what they mean, needs a new `viewVersion`. */
  readonly tables: string;
  /**
   * Prepares its statements once. Plain SQL, not a query builder: with a hundred thousand events to replay, what
   * is done per event counts, and these statements never vary.
   */
  readonly prepare: (store: Store) => Apply;
};

/** What projections write to. */
export type Store = {
  readonly db: Database;
  readonly workloads: Rows<Workload>;
  readonly workloadCounts: Rows<WorkloadCountsRow>;
  readonly nodeUse: Rows<NodeUseRow>;
  readonly deployments: Rows<Deployment>;
  readonly rollouts: Rows<Rollout>;
  readonly objectIds: ObjectIds;
};

/** The store of a database with all its tables. */
export const openStore = (
  db: Database,
  tables: Record<"workloads" | "workloadCounts" | "nodeUse" | "deployments" | "rollouts", FoldedTable>,
): Store => ({
  db,
  workloads: new Rows(db, tables.workloads),
  workloadCounts: new Rows(db, tables.workloadCounts),
  nodeUse: new Rows(db, tables.nodeUse),
  deployments: new Rows(db, tables.deployments),
  rollouts: new Rows(db, tables.rollouts),
  objectIds: new ObjectIds(db),
});

/** What of the store is kept in memory while a page is taken in. */
export const keptIn = ({ db: _db, ...kept }: Store): readonly { flush(): void; forget(): void }[] =>
  Object.values(kept);
