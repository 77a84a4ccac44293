import {
  type AssignmentEvent,
  type Cause,
  type EruEvent,
  isWrittenShort,
  type NewEvent,
  subjects,
  type Template,
} from "@eru/events";
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

/** What a message of orders holds, as far as the next order's bytes depend on it. */
type Contents = { templates: Set<Template>; decision: number | undefined };

/** A message that is being filled. */
type Open = { id: string; events: NewEvent[]; bytes: number; contents: Contents };

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
        messages.order({ event, decision }, causedBy(known, decision));
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

/** What follows from a displacement: who is said to go goes in the same batch. */
function followersOf(decisions: Pass["decisions"], at: number): number[] {
  const after: number[] = [];
  if (decisions[at]?.event.type !== "PreemptionDecided") return after;
  for (let next = at + 1; ; next++) {
    const cause = decisions[next]?.cause;
    if (typeof cause !== "number" || cause < at) return after;
    after.push(next);
  }
}

/** Which decisions share a batch: as many as surely fit, in their order. */
function shareOut({ decisions, orders }: Pass, messagesMax: number): Unit[][] {
  const shares: Unit[][] = [];
  const ordersOf = Map.groupBy(orders, ({ decision }) => decision);
  let nodes = new Map<string, Contents>();
  let bytes = 0;
  for (const [at, { event }] of decisions.entries()) {
    const own = ordersOf.get(at) ?? [];
    const here = new Set<string>();
    let ownMessages = 0;
    let ownBytes = bytesOf(event);
    const after = followersOf(decisions, at);
    const needed = after.length === 0 ? own : [...own, ...after.flatMap((one) => ordersOf.get(one) ?? [])];
    for (const { event: order } of needed) {
      const known = nodes.get(order.node);
      ownBytes += orderBytes(order, { templates: known?.templates, repeats: here.has(order.node) });
      if (!known && !here.has(order.node)) ownMessages++;
      here.add(order.node);
    }
    // A history's second message begins when the first is full, so bytes make messages too.
    const allBytes =
      bytes + ownBytes + after.reduce((sum, one) => sum + bytesOf(decisionAt(decisions, one).event), 0);
    const fullMessages = Math.ceil(allBytes / (bodyBytesMax / 2)) + 1;
    const fits = nodes.size + ownMessages + fullMessages <= messagesMax && allBytes <= batchBytesMax;
    if (shares.length === 0 || !fits) {
      shares.push([]);
      nodes = new Map();
      bytes = 0;
    }
    for (const { event: order } of own) note(order, at, contentsOf(nodes, order.node));
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

  order({ event, decision }: Order, cause: Cause): void {
    const subject = subjects.assignment(event.node);
    const before = this.#bySubject.get(subject)?.at(-1);
    const bytes = orderBytes(event, {
      templates: before?.contents.templates,
      repeats: before?.contents.decision === decision,
    });
    const message = this.#open(subject, bytes);
    message.events.push({ event, cause });
    // A message that begins with it has nothing of it yet.
    message.bytes += message === before ? bytes : orderBytes(event, { templates: undefined, repeats: false });
    note(event, decision, message.contents);
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
    const message: Open = { id, events: [], bytes: messageOverheadBytes, contents: noContents() };
    messages.push(message);
    return message;
  }
}

const eventBytes = new WeakMap<EruEvent, number>();

/** What the event adds to a message, weighed once: it is asked for when batches are cut and again when they are filled. */
function bytesOf(event: EruEvent): number {
  const known = eventBytes.get(event);
  if (known !== undefined) return known;
  const bytes = textBytes(event) + eventOverheadBytes;
  eventBytes.set(event, bytes);
  return bytes;
}

/** What an order adds to a message with these templates: in short form only a number, when it `repeats` the one before. */
function orderBytes(
  event: AssignmentEvent,
  { templates, repeats }: { templates: ReadonlySet<Template> | undefined; repeats: boolean },
): number {
  if (event.type !== "WorkloadAssigned" || !isWrittenShort(event)) return bytesOf(event);
  if (repeats) return numberBytes;
  const { template, resources } = event;
  const own = templates?.has(template) ? 0 : sharedBytes(template);
  return own + sharedBytes(resources) + namesBytes + eventOverheadBytes;
}

function note(event: AssignmentEvent, decision: number, contents: Contents): void {
  const short = event.type === "WorkloadAssigned" && isWrittenShort(event);
  contents.decision = short ? decision : undefined;
  if (short) contents.templates.add(event.template);
}

/** A workload's number and a comma. */
const numberBytes = 12;
/** The names of an order: its node, pod and deployment, and those of the members. */
const namesBytes = 300;

const noContents = (): Contents => ({ templates: new Set(), decision: undefined });

function contentsOf(nodes: Map<string, Contents>, node: string): Contents {
  const known = nodes.get(node) ?? noContents();
  nodes.set(node, known);
  return known;
}

const weighed = new WeakMap<object, number>();

/** Of a template or resources: weighed once, because thousands of orders carry the same ones. */
function sharedBytes(value: object): number {
  const known = weighed.get(value) ?? textBytes(value);
  weighed.set(value, known);
  return known;
}

const textBytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));
