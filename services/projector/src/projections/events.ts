import type { EruEvent } from "@eru/events";
import { objectsOf } from "../domain/objects.ts";
import type { Projection } from "../projection.ts";
import { positionOf } from "../tables.ts";

/** Every event, findable by what it is about. The hash of a token and sealed keys stay out: this table is for reading. */
export const events: Projection = {
  name: "events",
  tables: `
    create table events (
      position integer primary key,
      subject text not null,
      type text not null,
      time text not null,
      actor text not null,
      messageId text not null,
      commandId text,
      correlationId text not null,
      causationId text not null,
      payload text not null
    ) strict;
    create index eventsByType on events (type);
    create index eventsByCorrelation on events (correlationId);
    create index eventsByUser on events (actor) where substr(actor, 1, 5) = 'user:';
    create table objects (
      id integer primary key,
      object text not null unique
    ) strict;
    create table eventObjects (
      objectId integer not null,
      position integer not null,
      primary key (objectId, position)
    ) strict, without rowid;
  `,
  prepare: ({ db, deployments, objectIds }) => {
    // By position, in the order of the columns: binding ten values by name costs as much as an index.
    const add = db.prepare<unknown[]>("insert into events values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    const point = db.prepare<[number, number]>("insert into eventObjects values (?, ?)");
    const appOf = (deployment: string) => deployments.get(deployment)?.app;
    return (recorded) => {
      const { seq, index, subject, event, meta, cause } = recorded;
      const position = positionOf(seq, index);
      const objects = objectsOf(recorded, appOf);
      add.run(
        position,
        subject,
        event.type,
        meta.time,
        meta.actor,
        meta.id,
        meta.commandId ?? null,
        cause.correlationId,
        cause.causationId,
        payloadOf(event),
      );
      for (const object of objects) point.run(objectIds.of(object), position);
    };
  },
};

function payloadOf({ type: _type, ...payload }: EruEvent): string {
  if ("tokenHash" in payload) return JSON.stringify({ user: payload.user });
  if ("sealedKey" in payload) return JSON.stringify({ ...payload, sealedKey: undefined });
  return JSON.stringify(payload);
}
