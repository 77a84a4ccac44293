import type { EruEvent } from "@eru/events";
import { z } from "zod";
import { objectsOf } from "../domain/objects.ts";
import { sentence } from "../domain/sentence.ts";
import { type EventRow, indexOf, seqOf } from "../tables.ts";
import { kysely, type View } from "../view.ts";
import { parsed } from "./json.ts";

/** An event as it is answered, in queries and in the feed alike. */
export const EventView = z.object({
  seq: z.int(),
  index: z.int().describe("Its place among the events of one message; (seq, index) is the order"),
  id: z.string(),
  subject: z.string(),
  kind: z.string(),
  type: z.string(),
  time: z.string().describe("By its writer's clock; the order is the sequence"),
  actor: z.string(),
  commandId: z.string().nullable(),
  correlationId: z.string().describe("The command the whole chain began with"),
  causationId: z.string().describe("The command or event right before"),
  objects: z.array(z.string()).describe("What it is about, as `kind:name`"),
  summary: z.string(),
  payload: z.record(z.string(), z.unknown()),
});
export type EventView = z.infer<typeof EventView>;

/** Shows rows of events; knows the apps of deployments from the view. */
export function eventShower(view: View): (row: EventRow) => EventView {
  const apps = new Map<string, string | undefined>();
  const appOf = (deployment: string) => {
    if (!apps.has(deployment))
      apps.set(
        deployment,
        view.first(kysely.selectFrom("deployments").select("app").where("deployment", "=", deployment))?.app,
      );
    return apps.get(deployment);
  };
  return (row) => {
    const payload = parsed<Record<string, unknown>>(row.payload);
    // The payload was checked against its type's schema when it was taken in.
    const event = { type: row.type, ...payload } as EruEvent;
    const index = indexOf(row.position);
    const { subject, type, time, actor, commandId, correlationId, causationId } = row;
    return {
      seq: seqOf(row.position),
      index,
      id: `${row.messageId}/${index}`,
      subject,
      kind: subject.split(".", 2)[1] ?? "",
      ...{ type, time, actor, commandId, correlationId, causationId },
      objects: objectsOf({ subject, event }, appOf),
      summary: sentence(event),
      payload,
    };
  };
}
