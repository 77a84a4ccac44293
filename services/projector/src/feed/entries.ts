import { type HistoryKind, historyKinds } from "@eru/events";
import { type Compilable, sql } from "kysely";
import { type EventView, eventShower } from "../queries/event-view.ts";
import { typesOf } from "../queries/events.ts";
import { positionOf, seqOf } from "../tables.ts";
import { kysely, type View } from "../view.ts";
import type { ServerMessage } from "./protocol.ts";

/** An event as it is sent, and the topics it belongs to. */
export type Entry = { seq: number; topics: ReadonlySet<string>; text: string };
/** Entries in order, and the sequence up to which there are no others. */
export type Chunk = { entries: readonly Entry[]; upTo: number };

/** Events of one topic looked up for one chunk. */
const chunkEvents = 500;
/** Sequences looked through for one chunk: a topic with nothing in it must not hold the others up. */
const chunkSeqs = 20_000;
/** Characters of one chunk, after which it ends with a whole message. */
const chunkChars = 256 * 1024;

const toEntry = (event: EventView): Entry => ({
  seq: event.seq,
  topics: new Set(["events", `kind:${event.kind}`, ...event.objects]),
  text: JSON.stringify({ type: "event", event } satisfies ServerMessage),
});

/** The next events of some topics after a sequence, from the tables: what a client missed. Messages stay whole. */
export function readChunk(view: View, topics: ReadonlySet<string>, afterSeq: number): Chunk {
  const { positions, upTo } = positionsOf(view, topics, {
    afterSeq,
    toSeq: Math.min(view.seq, afterSeq + chunkSeqs),
  });
  const show = eventShower(view);
  const entries: Entry[] = [];
  let chars = 0;
  for (const position of positions) {
    const seq = seqOf(position);
    if (chars >= chunkChars && entries.at(-1)?.seq !== seq) return { entries, upTo: seq - 1 };
    const row = view.first(kysely.selectFrom("events").selectAll().where("position", "=", position));
    if (!row) continue;
    const entry = toEntry(show(row));
    chars += entry.text.length;
    entries.push(entry);
  }
  return { entries, upTo };
}

type Range = { afterSeq: number; toSeq: number };

/** Positions of the topics' events in order, and the sequence up to which they are all. */
function positionsOf(view: View, topics: ReadonlySet<string>, range: Range) {
  const found = queriesOf(topics, range).map((query) =>
    view.all(query.limit(chunkEvents)).map(({ position }) => position),
  );
  // The last message of rows that were cut may be cut itself.
  const cutAt = found
    .filter((positions) => positions.length === chunkEvents)
    .map((positions) => seqOf(positions.at(-1) ?? 0) - 1);
  const upTo = Math.min(range.toSeq, ...cutAt);
  if (upTo <= range.afterSeq) {
    // One message fills the chunk: then it is taken whole.
    const one = { afterSeq: range.afterSeq, toSeq: range.afterSeq + 1 };
    const whole = queriesOf(topics, one).flatMap((query) => view.all(query));
    return { positions: inOrder(whole.map(({ position }) => position)), upTo: one.toSeq };
  }
  const complete = found.flat().filter((position) => seqOf(position) <= upTo);
  return { positions: inOrder(complete), upTo };
}

const inOrder = (positions: readonly number[]): number[] => [...new Set(positions)].toSorted((a, b) => a - b);

/** One query for each topic; an index gives each in order. */
function queriesOf(topics: ReadonlySet<string>, { afterSeq, toSeq }: Range) {
  const from = positionOf(afterSeq + 1, 0);
  const end = positionOf(toSeq + 1, 0);
  const events = kysely
    .selectFrom("events as p")
    .select("p.position")
    .where("p.position", ">=", from)
    .where("p.position", "<", end)
    .orderBy("p.position");
  const about = kysely
    .selectFrom("eventObjects as p")
    .select("p.position")
    .where("p.position", ">=", from)
    .where("p.position", "<", end)
    .orderBy("p.position");
  return [...topics].map((topic): PositionQuery => {
    const kind = kindOf(topic);
    if (kind) return events.where(sql<boolean>`+p.type in (${sql.join(typesOf(kind))})`);
    if (topic === everything) return events;
    return about.where(sql<boolean>`p.objectId = (select id from objects where object = ${topic})`);
  });
}

type PositionQuery = Compilable<{ position: number }> & {
  limit: (rows: number) => Compilable<{ position: number }>;
};

/** The topic that every event belongs to. */
const everything = "events";

const kindOf = (topic: string): HistoryKind | undefined =>
  historyKinds.find((kind) => topic === `kind:${kind}`);

/** All events of the messages after one sequence, up to the view's; undefined when they are more than is worth keeping. */
export function readNew(view: View, afterSeq: number, eventsMax: number): Entry[] | undefined {
  const rows = view.all(
    kysely
      .selectFrom("events")
      .selectAll()
      .where("position", ">=", positionOf(afterSeq + 1, 0))
      .orderBy("position")
      .limit(eventsMax + 1),
  );
  return rows.length > eventsMax ? undefined : rows.map(eventShower(view)).map(toEntry);
}
