import { NodeName, PodName } from "@eru/events";
import { type InferResult, sql } from "kysely";
import { z } from "zod";
import { kysely } from "../view.ts";
import { Amounts, amounts, parsed } from "./json.ts";
import { notFound } from "./not-found.ts";
import { pageBy, pageOf, pageQuery } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";

const Node = z.object({
  node: z.string(),
  pod: z.string(),
  labels: z.record(z.string(), z.string()),
  cordoned: z.boolean(),
  cordonReason: z.string().nullable(),
  liveness: z
    .enum(["unknown", "alive", "suspected", "lost"])
    .describe("What the scheduler last said about its heartbeats"),
  livenessSeq: z.int().nullable(),
  livenessAt: z.string().nullable(),
  capacity: Amounts.nullable().describe("What may be booked; null until someone said it"),
  capacityFrom: z.enum(["user", "agent"]).nullable(),
  booked: Amounts,
  workloads: z.int().describe("Workloads that book something"),
  engine: z.string().nullable().describe("The Docker engine, as its agent saw it"),
  engineReachable: z.boolean().nullable(),
  engineError: z.string().nullable(),
  agentVersion: z.string().nullable(),
  addedSeq: z.int(),
  addedAt: z.string(),
});

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
      "n.cpuMilli as givenCpuMilli",
      "n.memoryMib as givenMemoryMib",
      "n.addedSeq",
      "n.addedAt",
      "f.liveness",
      "f.livenessSeq",
      "f.livenessAt",
      "f.cpuMilli as seenCpuMilli",
      "f.memoryMib as seenMemoryMib",
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
  const given = capacity(row.givenCpuMilli, row.givenMemoryMib);
  const seen = capacity(row.seenCpuMilli, row.seenMemoryMib);
  return {
    node: row.node,
    pod: row.pod,
    labels: parsed(row.labels),
    cordoned: row.cordoned === 1,
    cordonReason: row.cordonReason,
    liveness: row.liveness ?? "unknown",
    livenessSeq: row.livenessSeq,
    livenessAt: row.livenessAt,
    capacity: given ?? seen,
    capacityFrom: given ? "user" : seen ? "agent" : null,
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

const capacity = (cpuMilli: number | null, memoryMib: number | null) =>
  cpuMilli === null || memoryMib === null ? null : amounts({ cpuMilli, memoryMib });

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
    answer: Node,
    run: (view, { params: { node } }) => {
      const found = view.first(nodes().where("n.node", "=", node));
      if (found) return show(found);
      const names = kysely.selectFrom("nodes").select("node");
      throw notFound(view, { kind: "node", name: node, list: "/v1/nodes" }, names);
    },
  });
}
