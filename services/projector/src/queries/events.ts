import { eventSchemas, type HistoryKind, historyKind, historyKinds } from "@eru/events";
import { type SelectQueryBuilder, sql } from "kysely";
import { z } from "zod";
import { objectKinds } from "../domain/objects.ts";
import { type EventRow, positionOf, type Tables } from "../tables.ts";
import { kysely, type View } from "../view.ts";
import { EventView, eventShower } from "./event-view.ts";
import { cursorOf, endPage, pageOf, pageQuery, startOf, whole } from "./paging.ts";
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
      const { rows, position, last } = searched(view, query, order, start.after?.[0]);
      const found = view.all(rows.orderBy(position, order).limit(start.limit + 1));
      const page = endPage(list, start, found, { key: (row) => [row.position], item: eventShower(view) });
      return page.next === null && last !== undefined ? { ...page, next: cursorOf(list, [last]) } : page;
    },
  });
}

/** Events looked at for one page when no index finds them: a search for what is rare must not hold others up. */
const scanMax = 20_000;

/**
 * The events asked for, and the column to walk along: an object's events are found by number, never all collected.
 * `last` is where the search for this page ends when it would go on for too long: then the page may be short.
 */
function searched(view: View, query: Asked, order: "asc" | "desc", after: number | undefined) {
  const { rows, position, exact } = indexed(query);
  const up = order === "asc";
  let within = rows;
  if (after !== undefined) within = within.where(position, up ? ">" : "<", after);
  if (query.fromSeq !== undefined) within = within.where(position, ">=", positionOf(query.fromSeq, 0));
  if (query.toSeq !== undefined) within = within.where(position, "<", positionOf(query.toSeq + 1, 0));
  const end = exact
    ? undefined
    : view.first(
        within
          .clearSelect()
          .select(sql<number>`${position}`.as("position"))
          .orderBy(position, order)
          .offset(scanMax)
          .limit(1),
      )?.position;
  if (end !== undefined) within = within.where(position, up ? "<" : ">", end);
  const last = end === undefined ? undefined : up ? end - 1 : end + 1;
  return { rows: filtered(within, query), position, last };
}

/** The index that leads to the fewest events; `exact` when it leaves nothing to look for among them. */
function indexed(query: Asked) {
  const { limit: _limit, cursor: _cursor, order: _order, fromSeq: _from, toSeq: _to, ...conditions } = query;
  const asked = Object.values(conditions).filter((value) => value !== undefined).length;
  const events = kysely.selectFrom("events as e").selectAll("e");
  const object = query.object ?? (query.subject === undefined ? undefined : objectOf(query.subject));
  const { ref } = kysely.dynamic;
  const inEvents = ref<"e.position">("e.position");
  if (query.correlation !== undefined)
    return {
      rows: events.where("e.correlationId", "=", query.correlation),
      position: inEvents,
      exact: asked === 1,
    };
  if (object !== undefined)
    return {
      rows: events
        .innerJoin("eventObjects as o", "o.position", "e.position")
        .where(sql<boolean>`o.objectId = (select id from objects where object = ${object})`),
      position: ref<"e.position">("o.position"),
      exact: asked === 1 && query.object !== undefined,
    };
  if (query.type !== undefined)
    return { rows: events.where("e.type", "=", query.type), position: inEvents, exact: asked === 1 };
  if (query.kind !== undefined && !frequent.includes(query.kind))
    return {
      rows: events.where("e.type", "in", typesOf(query.kind)),
      position: inEvents,
      exact: asked === 1,
    };
  if (query.actor?.startsWith("user:"))
    return {
      // The second is true anyhow; it is what the index is known by.
      rows: events.where("e.actor", "=", query.actor).where(sql<boolean>`substr(e.actor, 1, 5) = 'user:'`),
      position: inEvents,
      exact: asked === 1,
    };
  return { rows: events, position: inEvents, exact: asked === 0 };
}

/** All conditions, also those an index has seen to. The plus keeps them from being looked up instead. */
function filtered<R>(rows: SelectQueryBuilder<Tables & { e: EventRow }, "e", R>, query: Asked) {
  let left = rows;
  if (query.object !== undefined && query.correlation !== undefined)
    left = left.where(
      sql<boolean>`exists (select 1 from eventObjects where position = e.position
        and objectId = (select id from objects where object = ${query.object}))`,
    );
  if (query.subject !== undefined) left = left.where("e.subject", "=", query.subject);
  if (query.kind !== undefined)
    left = left.where(sql<boolean>`+e.type in (${sql.join(typesOf(query.kind))})`);
  if (query.type !== undefined) left = left.where(sql<boolean>`+e.type = ${query.type}`);
  if (query.actor !== undefined) left = left.where(sql<boolean>`+e.actor = ${query.actor}`);
  return left;
}

/** Kinds that fill the log: reading on in order finds them sooner than collecting them all by type. */
const frequent: readonly HistoryKind[] = ["fact", "assignment", "decision", "elb"];

/** What all events of a history are about: it narrows the search. A host cannot be told from its subject. */
function objectOf(subject: string): string | undefined {
  const [, kind, ...rest] = subject.split(".");
  const name = rest.at(-1);
  if (kind === "fact" || kind === "assignment") return `node:${name}`;
  if (kind === "decision") return `pod:${name}`;
  return kind === "route" ? undefined : `${kind}:${name}`;
}
