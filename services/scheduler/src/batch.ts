import { type Cause, type EruEvent, type NewEvent, subjects } from "@eru/events";
import { type Append, bodyBytesMax } from "@eru/log";
import type { Pass } from "./domain/plan.ts";

/** Room for what stands around the events of a message. */
const messageOverheadBytes = 1_024;
/** Room for what stands around one event: its version and the ids of its cause. */
const eventOverheadBytes = 512;

/** What is made at the edge: the batch's id and the time for people. */
export type Stamp = { id: string; time: string };

/** A message that is being filled. */
type Open = { id: string; events: NewEvent[]; bytes: number };

/**
 * A pass as one atomic batch: the decisions first, behind the fence of their history, then the orders of each node. A
 * history that has more to say than a message holds gets several, next to each other.
 */
export function toBatch(pass: Pass, stamp: Stamp): Append[] {
  const messages = new Messages(stamp);
  const known: Cause[] = [];
  const decisions = subjects.decision(pass.pod);
  for (const { event, cause } of pass.decisions) {
    const { id, index } = messages.next(decisions, event);
    const resolved =
      cause === "begins"
        ? { correlationId: stamp.id, causationId: stamp.id }
        : typeof cause === "number"
          ? causedBy(known, cause)
          : cause;
    messages.add(decisions, { event, cause: resolved });
    known.push({ correlationId: resolved.correlationId, causationId: `${id}/${index}` });
  }
  for (const { event, decision } of pass.orders)
    messages.add(subjects.assignment(event.node), { event, cause: causedBy(known, decision) });
  return messages.appends(decisions, pass.expectedLastSeq);
}

function causedBy(known: readonly Cause[], index: number): Cause {
  const cause = known[index];
  if (!cause) throw new RangeError(`invariant broken: decision ${index} comes after what it causes`);
  return cause;
}

class Messages {
  readonly #stamp: Stamp;
  readonly #bySubject = new Map<string, Open[]>();
  #count = 0;

  constructor(stamp: Stamp) {
    this.#stamp = stamp;
  }

  /** Where the event will stand. */
  next(subject: string, event: EruEvent): { id: string; index: number } {
    const message = this.#open(subject, event);
    return { id: message.id, index: message.events.length };
  }

  add(subject: string, entry: NewEvent): void {
    const message = this.#open(subject, entry.event);
    message.events.push(entry);
    message.bytes += bytesOf(entry.event);
  }

  appends(fenced: string, expectedLastSeq: number): Append[] {
    return [...this.#bySubject].flatMap(([subject, messages]) =>
      messages.map(({ id, events }, index) => ({
        subject,
        message: { meta: { id, time: this.#stamp.time, actor: "scheduler" }, events },
        // Only the first of a history may name an expectation: the broker compares with what was before the batch.
        ...(subject === fenced && index === 0 && { expectedLastSeq }),
      })),
    );
  }

  #open(subject: string, event: EruEvent): Open {
    const messages = this.#bySubject.get(subject) ?? [];
    this.#bySubject.set(subject, messages);
    const last = messages.at(-1);
    if (last && (last.events.length === 0 || last.bytes + bytesOf(event) <= bodyBytesMax)) return last;
    const id = this.#count === 0 ? this.#stamp.id : `${this.#stamp.id}.${this.#count}`;
    this.#count++;
    const message: Open = { id, events: [], bytes: messageOverheadBytes };
    messages.push(message);
    return message;
  }
}

const bytesOf = (event: EruEvent): number => Buffer.byteLength(JSON.stringify(event)) + eventOverheadBytes;
