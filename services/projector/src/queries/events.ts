import { eventSchemas, type HistoryKind, historyKind, historyKinds } from "@eru/events";
import { sql } from "kysely";
import { z } from "zod";
import { objectKinds } from "../domain/objects.ts";
import { positionOf } from "../tables.ts";
import { kysely } from "../view.ts";
import { EventView, eventShower } from "./event-view.ts";
import { endPage, pageOf, pageQuery, startOf, whole } from "./paging.ts";
import { addQuery, type QueryDeps } from "./query.ts";

/** The types of events a kind of history may hold. */
export const typesOf = (kind: HistoryKind): string[] =>
  eventSchemas[kind].options.map((option) => option.shape.type.value);

const allTypes = historyKinds.flatMap(typesOf);

/** `kind:name`: what events can be about. */
export const ObjectName = z
  .string()
  .max(300)
  .regex(
    new RegExp(`^(${objectKinds.join("|")}):.+$`),
    `an object is written \`kind:name\`, its kind one of ${objectKinds.join(", ")}`,
  );

const seq = (name: string) => whole(name, 0, 2 ** 40).optional();

const Asked = {
  ...pageQuery,
  subject: z
    .string()
    .max(300)
    .refine((subject) => historyKind(subject) !== undefined, "a subject of the log, such as eru.fact.n1")
    .optional(),
  kind: z.enum(historyKinds).optional(),
  type: z
    .string()
    .refine((type) => allTypes.includes(type), "not a type of event; the types are in docs/events.md")
    .optional(),
  actor: z.string().max(128).optional().describe("`user:<name>`, `scheduler`, `agent:<node>`, `elb:<name>`"),
  correlation: z.string().max(128).optional().describe("The id of the command a chain began with"),
  object: ObjectName.optional().describe("What it is about: `workload:<id>`, `node:<name>`, …"),
  fromSeq: seq("fromSeq"),
  toSeq: seq("toSeq"),
  order: z.enum(["asc", "desc"]).optional().describe("By sequence; absent: desc, the newest first"),
};
type Asked = z.infer<z.ZodObject<typeof Asked>>;

/** GET /v1/events: the log, by whatever one knows of it. */
export function addEvents(deps: QueryDeps): void {
  addQuery(deps, {
    path: "/v1/events",
    summary: "Events of the log",
    tag: "events",
    params: {},
    query: Asked,
    answer: pageOf(EventView),
    run: (view, { query }) => {
      const order = query.order ?? "desc";
      const list = `events/${order}`;
      const start = startOf(list, [z.int().min(0)], query);
      const { rows, position } = filtered(query);
      const from = start.after ? rows.where(position, order === "asc" ? ">" : "<", start.after[0]) : rows;
      const found = view.all(from.orderBy(position, order).limit(start.limit + 1));
      return endPage(list, start, found, { key: (row) => [row.position], item: eventShower(view) });
    },
  });
}

/** The events asked for, and the column to walk along: an object's events are found by number, never all collected. */
function filtered(query: Asked) {
  const object = query.object ?? (query.subject === undefined ? undefined : objectOf(query.subject));
  const { ref } = kysely.dynamic;
  const position = ref<"e.position">(object === undefined ? "e.position" : "o.position");
  let rows = kysely.selectFrom("events as e").selectAll("e");
  if (object !== undefined)
    rows = rows
      .innerJoin("eventObjects as o", "o.position", "e.position")
      .where(sql<boolean>`o.objectId = (select id from objects where object = ${object})`);
  if (query.subject !== undefined) rows = rows.where("e.subject", "=", query.subject);
  if (query.kind !== undefined) rows = rows.where(ofKind(query.kind));
  if (query.type !== undefined) rows = rows.where("e.type", "=", query.type);
  if (query.actor !== undefined) {
    rows = rows.where("e.actor", "=", query.actor);
    // True anyhow; it is what the index is known by.
    if (query.actor.startsWith("user:")) rows = rows.where(sql<boolean>`substr(e.actor, 1, 5) = 'user:'`);
  }
  if (query.correlation !== undefined) rows = rows.where("e.correlationId", "=", query.correlation);
  if (query.fromSeq !== undefined) rows = rows.where(position, ">=", positionOf(query.fromSeq, 0));
  if (query.toSeq !== undefined) rows = rows.where(position, "<", positionOf(query.toSeq + 1, 0));
  return { rows, position };
}

/** Kinds that fill the log: reading on in order finds them sooner than collecting them all by type. */
const frequent: readonly HistoryKind[] = ["fact", "assignment", "decision", "elb"];

const ofKind = (kind: HistoryKind) => {
  const types = sql.join(typesOf(kind));
  return frequent.includes(kind) ? sql<boolean>`+e.type in (${types})` : sql<boolean>`e.type in (${types})`;
};

/** What all events of a history are about: it narrows the search. A host cannot be told from its subject. */
function objectOf(subject: string): string | undefined {
  const [, kind, ...rest] = subject.split(".");
  const name = rest.at(-1);
  if (kind === "fact" || kind === "assignment") return `node:${name}`;
  if (kind === "decision") return `pod:${name}`;
  return kind === "route" ? undefined : `${kind}:${name}`;
}
