import { GivenResources, type Granted, NodeName, NodeResources, PodName, type Reasons } from "@eru/events";
import { Books, demandOf, kindNames, offered } from "@eru/resources";
import { type InferResult, sql } from "kysely";
import { z } from "zod";
import { shortage } from "../domain/wish.ts";
import { kysely, type View } from "../view.ts";
import { Amounts, amounts, parsed, wished } from "./json.ts";
import { notFound } from "./not-found.ts";
import { pageBy, pageOf, pageQuery } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";

const Node = z.object({
  node: z.string(),
  pod: z.string(),
  labels: z.record(z.string(), z.string()),
  cordoned: z.boolean(),
  cordonReason: z.string().nullable(),
  draining: z.boolean().describe("Everything there is being moved elsewhere"),
  drainReason: z.string().nullable(),
  liveness: z
    .enum(["unknown", "alive", "suspected", "lost"])
    .describe("What the scheduler last said about its heartbeats"),
  livenessSeq: z.int().nullable(),
  livenessAt: z.string().nullable(),
  capacity: Amounts.nullable().describe("What may be booked; null until someone said it"),
  capacityFrom: z.enum(["user", "agent"]).nullable().describe("Who said how many cores"),
  given: GivenResources.nullable().describe("What the user said may be booked"),
  observed: NodeResources.nullable().describe("What its agent found"),
  booked: Amounts,
  workloads: z.int().describe("Workloads that book something"),
  engine: z.string().nullable().describe("The Docker engine, as its agent saw it"),
  engineReachable: z.boolean().nullable(),
  engineError: z.string().nullable(),
  agentVersion: z.string().nullable(),
  addedSeq: z.int(),
  addedAt: z.string(),
});

/** Deployments that are shown with why they cannot be moved; the counts count all. */
const stuckMax = 20;
/** Nodes that are named in why a deployment waits. */
const closestMax = 5;

const Drain = z.object({
  requestedSeq: z.int(),
  requestedAt: z.string(),
  deadlineMs: z.int().nullable().describe("Milliseconds it may take; null: as long as it takes"),
  paused: z.enum(["user", "deadline"]).nullable().describe("By whom nothing is moved now; null: it goes on"),
  left: z.int().describe("Workloads that still run there and shall be moved"),
  leaving: z.int().describe("Workloads on their way out"),
  lost: z.int().describe("Workloads that went with the node's heartbeats: they are replaced without a drain"),
  stuckTotal: z
    .int()
    .describe("Of `left`, those whose deployment waits, is halted or is being upgraded first"),
  stuck: z
    .array(
      z.object({
        deployment: z.string(),
        workloads: z.int(),
        state: z.string(),
        reason: z.string().nullable(),
      }),
    )
    .describe("Deployments whose workloads do not get on, with why; at most 20"),
});

/** What the newest placement says of those that wait, with the nodes that came closest and their amounts. */
function whyWaiting(view: View, deployment: string): string | undefined {
  const newest = view.first(
    kysely
      .selectFrom("decisions as d")
      .innerJoin("events as e", "e.position", "d.position")
      .select(["e.payload", "d.waiting"])
      .where("d.deployment", "=", deployment)
      .where("d.type", "in", ["PlacementDecided", "PlacementDeferred"])
      .orderBy("d.position", "desc")
      .limit(1),
  );
  if (!newest || newest.waiting === 0) return undefined;
  const { reasons } = parsed<{ reasons: Reasons }>(newest.payload);
  const closest = reasons.rejected.slice(0, closestMax).map(({ node, detail }) => `${node} ${detail}`);
  return [shortage(newest.waiting, "wait", reasons), ...closest].join("; ");
}

/** How far the drain is: what is on the node, and of it, what does not get on. */
function drainOf(view: View, row: NodeRow): z.infer<typeof Drain> | null {
  const { node, drainSeq, drainAt, drainDeadlineMs, drainPaused } = row;
  if (drainSeq === null || drainAt === null) return null;
  const rows = view.all(
    kysely
      .selectFrom("workloads as w")
      .innerJoin("deployments as d", "d.deployment", "w.deployment")
      .select(["w.deployment", "w.state", "d.state as wish", "d.reason", "d.waiting"])
      .select((eb) => eb.fn.countAll<number>().as("workloads"))
      .where("w.node", "=", node)
      .where("w.observed", "not in", ["removed", "released"])
      .groupBy(["w.deployment", "w.state"])
      .orderBy("w.deployment"),
  );
  const count = (some: readonly { workloads: number }[]): number =>
    some.reduce((sum, { workloads }) => sum + workloads, 0);
  const isLeaving = ({ state }: { state: string }): boolean => state === "draining" || state === "stopping";
  const left = rows.filter((row) => !isLeaving(row) && row.state !== "lost");
  const stuck = left.filter(({ wish, waiting }) => waiting > 0 || ["halted", "upgrading"].includes(wish));
  const perDeployment = [...Map.groupBy(stuck, ({ deployment }) => deployment).values()].flatMap((some) => {
    const [first] = some;
    if (!first) return [];
    const { deployment, wish: state, reason } = first;
    return [{ deployment, workloads: count(some), state, reason }];
  });
  const shown = perDeployment
    .slice(0, stuckMax)
    .map((one) => ({ ...one, reason: whyWaiting(view, one.deployment) ?? one.reason }));
  return {
    requestedSeq: drainSeq,
    requestedAt: drainAt,
    deadlineMs: drainDeadlineMs,
    paused: drainPaused,
    left: count(left),
    leaving: count(rows.filter(isLeaving)),
    lost: count(rows.filter(({ state }) => state === "lost")),
    stuckTotal: count(stuck),
    stuck: shown,
  };
}

const nodes = () =>
  kysely
    .selectFrom("nodes as n")
    .leftJoin("nodeFacts as f", "f.node", "n.node")
    .leftJoin("nodeUse as u", "u.node", "n.node")
    .select([
      "n.node",
      "n.pod",
      "n.labels",
      "n.cordoned",
      "n.cordonReason",
      "n.drainReason",
      "n.drainDeadlineMs",
      "n.drainPaused",
      "n.drainSeq",
      "n.drainAt",
      "n.given",
      "n.addedSeq",
      "n.addedAt",
      "f.liveness",
      "f.livenessSeq",
      "f.livenessAt",
      "f.observed",
      "f.engine",
      "f.engineReachable",
      "f.engineError",
      "f.agentVersion",
      "u.workloads",
      "u.cpuMilli as bookedCpuMilli",
      "u.memoryMib as bookedMemoryMib",
    ]);

type NodeRow = InferResult<ReturnType<typeof nodes>>[number];

function show(row: NodeRow): z.infer<typeof Node> {
  const { given, observed } = saidOf(row);
  const capacity = offered(given, observed);
  return {
    node: row.node,
    pod: row.pod,
    labels: parsed(row.labels),
    cordoned: row.cordoned === 1,
    cordonReason: row.cordonReason,
    draining: row.drainSeq !== null,
    drainReason: row.drainReason,
    liveness: row.liveness ?? "unknown",
    livenessSeq: row.livenessSeq,
    livenessAt: row.livenessAt,
    capacity: capacity ? { cpu: capacity.cpu, memoryMib: capacity.memoryMib } : null,
    capacityFrom: capacity ? (given?.cpu === undefined ? "agent" : "user") : null,
    given: given ?? null,
    observed: observed ?? null,
    booked: amounts({ cpuMilli: row.bookedCpuMilli ?? 0, memoryMib: row.bookedMemoryMib ?? 0 }),
    workloads: row.workloads ?? 0,
    engine: row.engine,
    engineReachable: row.engine === null ? null : row.engineReachable === 1,
    engineError: row.engineError,
    agentVersion: row.agentVersion,
    addedSeq: row.addedSeq,
    addedAt: row.addedAt,
  };
}

const saidOf = ({ given, observed }: Pick<NodeRow, "given" | "observed">) => ({
  given: given === null ? undefined : parsed<GivenResources>(given),
  observed: observed === null ? undefined : parsed<NodeResources>(observed),
});

const Line = z.object({
  kind: z.enum(kindNames),
  name: z.string().describe("Which one, where a node has several: `core 0`, a volume's path, a product"),
  unit: z.string(),
  size: z.number(),
  booked: z.number(),
  free: z.number().describe("Below zero when a user lowered the size below what is booked"),
});

/** Everything that can be booked on a node, as the scheduler computes it. */
function linesOf(view: View, row: NodeRow): z.infer<typeof Line>[] {
  const { given, observed } = saidOf(row);
  const capacity = offered(given, observed);
  if (!capacity) return [];
  const books = Books.open(capacity);
  const there = view.all(
    kysely
      .selectFrom("workloads")
      .select(["cpuMilli", "memoryMib", "asked", "granted"])
      .where("node", "=", row.node)
      .where("observed", "not in", ["removed", "released"])
      .where("lost", "=", 0),
  );
  for (const one of there)
    books.book(demandOf(wished(one)), one.granted === null ? {} : parsed<Granted>(one.granted));
  return books.lines().map((line) => ({ ...line, free: Number((line.size - line.booked).toFixed(3)) }));
}

const Label = z
  .string()
  .regex(/^[^=]+=.*$/, "label is written `name=value`")
  .transform((text) => [text.slice(0, text.indexOf("=")), text.slice(text.indexOf("=") + 1)] as const);

/** GET /v1/nodes and /v1/nodes/:node. */
export function addNodes(deps: QueryDeps): void {
  addQuery(deps, {
    path: "/v1/nodes",
    summary: "Nodes, with what is booked on them",
    tag: "nodes",
    params: {},
    query: {
      ...pageQuery,
      pod: PodName.optional(),
      label: z
        .union([Label.transform((one) => [one]), z.array(Label).max(16)])
        .optional()
        .describe("`name=value`, repeated for several that must all hold"),
    },
    answer: pageOf(Node),
    run: (view, { query }) => {
      let rows = nodes();
      if (query.pod !== undefined) rows = rows.where("n.pod", "=", query.pod);
      for (const [name, value] of query.label ?? [])
        rows = rows.where(
          sql<boolean>`exists (select 1 from json_each(n.labels) where key = ${name} and value = ${value})`,
        );
      return pageBy(view, query, {
        list: "nodes",
        rows,
        column: "n.node",
        key: (row) => row.node,
        item: show,
      });
    },
  });
  addQuery(deps, {
    path: "/v1/nodes/:node",
    summary: "One node",
    tag: "nodes",
    params: { node: NodeName },
    query: {},
    answer: Node.extend({
      drain: Drain.nullable().describe("How far its drain is; null when there is none"),
      resources: z.array(Line).describe("Everything that can be booked there, and what is"),
    }),
    run: (view, { params: { node } }) => {
      const found = view.first(nodes().where("n.node", "=", node));
      if (found) return { ...show(found), drain: drainOf(view, found), resources: linesOf(view, found) };
      const names = kysely.selectFrom("nodes").select("node");
      throw notFound(view, { kind: "node", name: node, list: "/v1/nodes" }, names);
    },
  });
}
