import { expect, test } from "vitest";
import { UnreadableEventError } from "./errors.ts";
import { decodeMessage, encodeMessage, type NewMessage } from "./message.ts";

const meta = { id: "01M", time: "2026-01-01T00:00:00.000Z", actor: "user:ada", commandId: "01M" };
const cause = { correlationId: "01M", causationId: "01M" };
const podAdded = { type: "PodAdded", pod: "demo", description: "" } as const;
const message: NewMessage = { meta, events: [{ event: podAdded, cause }] };
const subject = "eru.pod.demo";
const stored = (body: string, of = subject) => ({ subject: of, seq: 7, body });
const changed = (change: (body: Record<string, unknown>) => unknown) =>
  stored(JSON.stringify(change(JSON.parse(encodeMessage(subject, message)))));

test("what is encoded is decoded with its place in the log", () => {
  expect(decodeMessage(stored(encodeMessage(subject, message)))).toEqual([
    { subject, seq: 7, index: 0, id: "01M/0", meta, cause, event: podAdded },
  ]);
});

test("events of one message keep their order", () => {
  const removed = { type: "PodRemoved", pod: "demo" } as const;
  const both: NewMessage = {
    meta,
    events: [
      { event: podAdded, cause },
      { event: removed, cause },
    ],
  };
  const read = decodeMessage(stored(encodeMessage(subject, both)));
  expect(read.map(({ id, event }) => [id, event.type])).toEqual([
    ["01M/0", "PodAdded"],
    ["01M/1", "PodRemoved"],
  ]);
});

test("an event of another kind of history is never written", () => {
  expect(() => encodeMessage("eru.node.n1", message)).toThrow();
  expect(() => encodeMessage("elsewhere", message)).toThrow("not a subject of the log");
});

test("a payload with an unknown field is never written", () => {
  const event = { ...podAdded, colour: "red" };
  expect(() => encodeMessage(subject, { meta, events: [{ event, cause }] })).toThrow("colour");
});

test.each([
  ["a body that is no JSON", stored("{")],
  ["an unknown subject", stored(encodeMessage(subject, message), "eru.planet.mars")],
  ["no events", changed((body) => ({ ...body, events: [] }))],
  [
    "an unknown type",
    changed((body) => ({
      ...body,
      events: [{ type: "PodPainted", v: 1, correlationId: "", causationId: "", payload: {} }],
    })),
  ],
  [
    "a version from the future",
    changed((body) => ({
      ...body,
      events: [{ type: "PodAdded", v: 2, correlationId: "", causationId: "", payload: podAdded }],
    })),
  ],
])("%s is unreadable, with subject and sequence", (_what, damaged) => {
  expect(() => decodeMessage(damaged)).toThrow(UnreadableEventError);
  expect(() => decodeMessage(damaged)).toThrow(/sequence 7/);
});
