import { type Cause, type EruEvent, type NewEvent, subjects } from "@eru/events";
import { type Append, type Appended, batchMessagesMax, bodyBytesMax } from "@eru/log";
import type { Order } from "./domain/draft.ts";
import type { Pass } from "./domain/plan.ts";

/** Room for what stands around the events of a message. */
const messageOverheadBytes = 1_024;
/** Room for what stands around one event: its version and the ids of its cause. */
const eventOverheadBytes = 512;

/** Bytes of one batch: the server holds it in memory until it is whole. */
const batchBytesMax = 16 * 1024 * 1024;

/** What is made at the edge: the batch's id and the time for people. */
export type Stamp = { id: string; time: string };

/** Messages that the log stores together. */
export type Batch = {
  appends: readonly Append[];
  /** How many of them, the first ones, are decisions. */
  decisionMessages: number;
};

/** A message that is being filled. */
type Open = { id: string; events: NewEvent[]; bytes: number };

/** A decision and the orders that carry it out: they are never apart. */
type Unit = { at: number; orders: readonly Order[] };

/**
 * A pass as a chain of atomic batches. In each, the decisions come first, behind the fence of their history, then the
 * orders of each node, and every order is in the batch of its decision. A history that has more to say than a message
 * holds gets several, next to each other. What one batch decides rests on the batches before it, so they are stored in
 * order and none after one that was refused: a chain that breaks leaves less done, nothing wrong.
 */
export function toBatches(pass: Pass, stamp: Stamp, messagesMax = batchMessagesMax): Batch[] {
  const messages = new Messages(stamp);
  const known: Cause[] = [];
  const decisions = subjects.decision(pass.pod);
  const batches: Batch[] = [];
  for (const units of shareOut(pass, messagesMax)) {
    for (const { at } of units) {
      const { event, cause } = decisionAt(pass.decisions, at);
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
    for (const { orders } of units)
      for (const { event, decision } of orders)
        messages.add(subjects.assignment(event.node), { event, cause: causedBy(known, decision) });
    batches.push(messages.take(decisions));
  }
  return batches;
}

/** The batch as it may be stored: only when this is the newest message of its decision history. */
export const behind = ({ appends }: Batch, expectedLastSeq: number): Append[] =>
  appends.map((append, index) => (index === 0 ? { ...append, expectedLastSeq } : append));

/** The newest message of the decision history once the batch is stored. */
export const fenceAfter = ({ decisionMessages }: Batch, places: readonly Appended[]): number =>
  places[decisionMessages - 1]?.seq ?? 0;

/** Which decisions share a batch: as many as surely fit, in their order. */
function shareOut({ decisions, orders }: Pass, messagesMax: number): Unit[][] {
  const shares: Unit[][] = [];
  const ordersOf = Map.groupBy(orders, ({ decision }) => decision);
  let nodes = new Set<string>();
  let messages = 0;
  let bytes = 0;
  for (const [at, { event }] of decisions.entries()) {
    const own = ordersOf.get(at) ?? [];
    const ownBytes = own.reduce((sum, order) => sum + bytesOf(order.event), bytesOf(event));
    // A history's second message begins when the first is full, so bytes make messages too.
    const ownMessages = own.filter(({ event: { node } }) => !nodes.has(node)).length;
    const fits =
      messages + ownMessages + Math.ceil((bytes + ownBytes) / (bodyBytesMax / 2)) + 1 <= messagesMax &&
      bytes + ownBytes <= batchBytesMax;
    if (shares.length === 0 || !fits) {
      shares.push([]);
      nodes = new Set();
      messages = 0;
      bytes = 0;
    }
    for (const { event: order } of own) nodes.add(order.node);
    messages = nodes.size;
    bytes += ownBytes;
    shares.at(-1)?.push({ at, orders: own });
  }
  return shares;
}

function decisionAt<T>(all: readonly T[], index: number): T {
  const one = all[index];
  if (one === undefined) throw new RangeError(`invariant broken: there is no decision ${index}`);
  return one;
}

function causedBy(known: readonly Cause[], index: number): Cause {
  const cause = known[index];
  if (!cause) throw new RangeError(`invariant broken: decision ${index} comes after what it causes`);
  return cause;
}

class Messages {
  readonly #stamp: Stamp;
  #bySubject = new Map<string, Open[]>();
  #count = 0;

  constructor(stamp: Stamp) {
    this.#stamp = stamp;
  }

  /** Where the event will stand. */
  next(subject: string, event: EruEvent): { id: string; index: number } {
    const message = this.#open(subject, bytesOf(event));
    return { id: message.id, index: message.events.length };
  }

  add(subject: string, entry: NewEvent): void {
    const bytes = bytesOf(entry.event);
    const message = this.#open(subject, bytes);
    message.events.push(entry);
    message.bytes += bytes;
  }

  /** What was filled since the last time; the decisions were filled first, so they stand first. */
  take(decisions: string): Batch {
    const filled = [...this.#bySubject];
    this.#bySubject = new Map();
    const appends = filled.flatMap(([subject, messages]) =>
      messages.map(({ id, events }) => ({
        subject,
        message: { meta: { id, time: this.#stamp.time, actor: "scheduler" }, events },
      })),
    );
    return { appends, decisionMessages: appends.filter(({ subject }) => subject === decisions).length };
  }

  #open(subject: string, bytes: number): Open {
    const messages = this.#bySubject.get(subject) ?? [];
    this.#bySubject.set(subject, messages);
    const last = messages.at(-1);
    if (last && (last.events.length === 0 || last.bytes + bytes <= bodyBytesMax)) return last;
    const id = this.#count === 0 ? this.#stamp.id : `${this.#stamp.id}.${this.#count}`;
    this.#count++;
    const message: Open = { id, events: [], bytes: messageOverheadBytes };
    messages.push(message);
    return message;
  }
}

const eventBytes = new WeakMap<EruEvent, number>();

/** What the event adds to a message, weighed once: it is asked for when batches are cut and again when they are filled. */
function bytesOf(event: EruEvent): number {
  const known = eventBytes.get(event);
  if (known !== undefined) return known;
  const bytes = weigh(event);
  eventBytes.set(event, bytes);
  return bytes;
}

/** A template is weighed once: thousands of orders carry the same one. */
function weigh(event: EruEvent): number {
  if (event.type !== "WorkloadAssigned") return textBytes(event) + eventOverheadBytes;
  const { template, ...rest } = event;
  const known = templateBytes.get(template) ?? textBytes(template);
  templateBytes.set(template, known);
  return known + textBytes(rest) + eventOverheadBytes;
}

const templateBytes = new WeakMap<object, number>();

const textBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
