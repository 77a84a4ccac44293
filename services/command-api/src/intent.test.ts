import { type EruEvent, encodeMessage, subjects } from "@eru/events";
import { expect, test } from "vitest";
import { Intent } from "./intent.ts";

const message = (seq: number, subject: string, event: EruEvent, commandId: string) => {
  const cause = { correlationId: commandId, causationId: commandId };
  const meta = {
    id: commandId,
    time: "2026-01-01T00:00:00Z",
    actor: "user:ada",
    commandId,
    commandDigest: `d${seq}`,
  };
  return {
    subject,
    seq,
    messageId: commandId,
    body: encodeMessage(subject, { meta, events: [{ event, cause }] }),
  };
};

test("of two messages under one key the first is the answer, whoever asks", () => {
  const intent = new Intent();
  intent.apply(message(4, subjects.pod("a"), { type: "PodAdded", pod: "a", description: "" }, "k"));
  intent.apply(message(9, subjects.pod("b"), { type: "PodAdded", pod: "b", description: "" }, "k"));
  expect(intent.answerTo("k")).toEqual({ seq: 4, ids: { pod: "a" }, digest: "d4" });
  expect(intent.pods.get("b").phase).toBe("present");
});

test("decisions and reports of load balancers pass by unread, whatever is in them", () => {
  const intent = new Intent();
  for (const subject of [subjects.decision("demo"), subjects.elb("elb-1")])
    intent.apply({ subject, seq: 1, messageId: "x", body: "unreadable" });
  expect(intent.lastSeqOf(subjects.decision("demo"))).toBe(0);
  expect(() =>
    intent.apply({ subject: subjects.pod("a"), seq: 1, messageId: "x", body: "unreadable" }),
  ).toThrow("cannot read eru.pod.a at sequence 1");
});
