// A zone in this process: the log in memory, and a way to write what other services would.
import { decodeMessage, type ElbEvent, type EruEvent, subjects } from "@eru/events";
import type { MemoryBroker } from "@eru/log";
import { ulid } from "ulid";
import { subjectOf } from "./testing.ts";

/** Appends events the way their writers would, and returns the sequence of the last. */
export async function write(broker: MemoryBroker, ...events: readonly EruEvent[]): Promise<number> {
  let seq = 0;
  for (const event of events) {
    const id = ulid();
    const cause = { correlationId: id, causationId: id };
    const meta = { id, time: new Date().toISOString(), actor: "test" };
    const message = { meta, events: [{ event, cause }] };
    ({ seq } = await broker.log.append({ subject: subjectOf(event), message }));
  }
  return seq;
}

/** What a load balancer put on record, oldest first. */
export async function reports(broker: MemoryBroker, elb = "edge"): Promise<ElbEvent[]> {
  const messages = await broker.log.read(subjects.elb(elb), 1);
  return messages.flatMap((message) => decodeMessage(message).map(({ event }) => event as ElbEvent));
}

/** The reports of one kind. */
export async function reportsOf<T extends ElbEvent["type"]>(
  broker: MemoryBroker,
  type: T,
): Promise<Extract<ElbEvent, { type: T }>[]> {
  return (await reports(broker)).filter(
    (event): event is Extract<ElbEvent, { type: T }> => event.type === type,
  );
}
