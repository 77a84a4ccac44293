import { z } from "zod";
import { AppEvent } from "./app.ts";
import { AssignmentEvent } from "./assignment.ts";
import { BalancerEvent } from "./balancer.ts";
import { AcmeEvent, CertificateEvent } from "./certificate.ts";
import { DecisionEvent } from "./decision.ts";
import { DeploymentEvent } from "./deployment.ts";
import { UnreadableEventError } from "./errors.ts";
import { FactEvent } from "./fact.ts";
import { NodeEvent } from "./node.ts";
import { PodEvent } from "./pod.ts";
import { QuotaEvent } from "./quota.ts";
import { ElbEvent, RouteEvent } from "./route.ts";
import {
  ordersAlike,
  ordersText,
  placedText,
  readTemplate,
  shortForms,
  Templates,
  unfold,
} from "./short-form.ts";
import { type HistoryKind, historyKind } from "./subjects.ts";
import { upcast } from "./upcasters.ts";
import { UserEvent } from "./user.ts";

/** The events a kind of history may hold. */
export const eventSchemas = {
  app: AppEvent,
  pod: PodEvent,
  node: NodeEvent,
  deployment: DeploymentEvent,
  decision: DecisionEvent,
  assignment: AssignmentEvent,
  fact: FactEvent,
  route: RouteEvent,
  elb: ElbEvent,
  balancer: BalancerEvent,
  user: UserEvent,
  certificate: CertificateEvent,
  acme: AcmeEvent,
  quota: QuotaEvent,
} as const satisfies Record<HistoryKind, z.ZodType>;

/** Any event of the log. */
export type EruEvent = {
  [K in HistoryKind]: z.infer<(typeof eventSchemas)[K]>;
}[HistoryKind];

/** The largest body of one message, in bytes. */
export const messageBytesMax = 256 * 1024;

/** What the writer says about an append. All its events share it; a single event may name another cause. */
export const MessageMeta = z.strictObject({
  /** A repeated append to the same history is recognised by it. A ULID, or the caller's `Idempotency-Key`. */
  id: z.string().min(1).max(128),
  /** ISO 8601, from the writer's clock. Information only: order is the sequence. */
  time: z.string(),
  /** Who: `user:<name>`, `scheduler`, `agent:<node>`, `elb:<name>`. */
  actor: z.string().min(1).max(128),
  /** The command this append answers, when it answers one. */
  commandId: z.string().max(128).optional(),
  /** Digest of the command, to tell a repeated command from a different one under the same key. */
  commandDigest: z.string().max(64).optional(),
});
export type MessageMeta = z.infer<typeof MessageMeta>;

/** What links an event to the chain it belongs to. */
export type Cause = {
  /** The command the whole chain began with. */
  correlationId: string;
  /** The command id or the event id (`<message>/<index>`) right before. */
  causationId: string;
};

/** An event with its cause, ready to be appended. */
export type NewEvent<E extends EruEvent = EruEvent> = { event: E; cause: Cause };

/** One append: one to many events of one history. */
export type NewMessage = { meta: MessageMeta; events: readonly NewEvent[] };

/** An event as it stands in the log. Order is (seq, index). */
export type RecordedEvent<E extends EruEvent = EruEvent> = {
  subject: string;
  seq: number;
  index: number;
  /** `<message id>/<index>`. */
  id: string;
  meta: MessageMeta;
  cause: Cause;
  event: E;
};

const Body = z.strictObject({
  ...MessageMeta.shape,
  /** What entries in short form name by its place. */
  templates: z.array(z.unknown()).optional(),
  events: z
    .array(
      z.strictObject({
        type: z.string(),
        v: z.int().min(1),
        correlationId: z.string(),
        causationId: z.string(),
        payload: z.record(z.string(), z.unknown()),
      }),
    )
    .min(1),
});

/** The schema version this code writes. A type that is not named is at 1. */
const versions: Partial<Record<EruEvent["type"], number>> = { RouteDeclared: 2 };

/**
 * The body of a message. Every event is checked against the schema of its history, so what cannot be read is never
 * written. Throws a ZodError for a bug in the writer.
 */
export function encodeMessage(subject: string, { meta, events }: NewMessage): string {
  const kind = historyKind(subject);
  if (!kind) throw new RangeError(`not a subject of the log: ${subject}`);
  const templates = new Templates();
  const entries: string[] = [];
  for (let at = 0; at < events.length; ) {
    const alike = kind === "assignment" ? ordersAlike(events, at) : 0;
    if (alike > 0) entries.push(ordersText(events.slice(at, at + alike), templates));
    else entries.push(entryOf(events[at] as NewEvent, kind));
    at += Math.max(1, alike);
  }
  return `${JSON.stringify(meta).slice(0, -1)}${templates.text()},"events":[${entries.join(",")}]}`;
}

function entryOf(one: NewEvent, kind: HistoryKind): string {
  const short = kind === "decision" ? placedText(one) : undefined;
  if (short !== undefined) return short;
  const { type, ...payload } = eventSchemas[kind].parse(one.event);
  return JSON.stringify({ type, v: versions[type] ?? 1, ...one.cause, payload });
}

/**
 * The events of a stored message, upcast to today's schemas. Throws UnreadableEventError for anything this code does not
 * know: a reader must stop there, never skip.
 */
export function decodeMessage(stored: { subject: string; seq: number; body: string }): RecordedEvent[] {
  const { subject, seq } = stored;
  const kind = historyKind(subject);
  if (!kind) throw new UnreadableEventError(subject, seq, "not a subject of the log");
  try {
    const { events, templates, ...meta } = Body.parse(JSON.parse(stored.body));
    const known = (templates ?? []).map(readTemplate);
    const recorded: RecordedEvent[] = [];
    for (const entry of events) {
      const { type, v, correlationId, causationId, payload } = entry;
      const cause = { correlationId, causationId };
      const read = shortForms.has(type)
        ? unfold(entry, kind, known)
        : [eventSchemas[kind].parse(upcast(type, v, versions[type as EruEvent["type"]] ?? 1, payload))];
      for (const event of read) {
        const index = recorded.length;
        recorded.push({ subject, seq, index, id: `${meta.id}/${index}`, meta, cause, event });
      }
    }
    return recorded;
  } catch (error) {
    throw new UnreadableEventError(subject, seq, explain(error), { cause: error });
  }
}

const explain = (error: unknown): string =>
  error instanceof z.ZodError
    ? error.issues
        .slice(0, 3)
        .map((issue) => `${issue.path.join(".") || "body"}: ${issue.message}`)
        .join("; ")
    : error instanceof Error
      ? error.message
      : String(error);
