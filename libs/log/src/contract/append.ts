import { subjects } from "@eru/events";
import { expect, test } from "vitest";
import { ConflictError, LogFullError, LogUnavailableError, MessageTooLargeError } from "../errors.ts";
import { bodyBytesMax } from "../log.ts";
import { fresh, podMessage, type Setting, toPod } from "./kit.ts";

const writersInRace = 50;
const roundsOfReading = 30;

/** Storing one message. */
export function appendContract(get: () => Setting): void {
  test("a message is stored once, and read, last and lastSeq agree about it", async () => {
    const { log } = get().broker;
    const pod = fresh("pod");
    const before = await log.lastSeq();
    const first = await log.append(toPod(pod, "a", 0));
    const second = await log.append(toPod(pod, "b", first.seq));
    expect(first).toEqual({ seq: before + 1, duplicate: false });
    expect(second).toEqual({ seq: before + 2, duplicate: false });
    const history = await log.read(subjects.pod(pod), 1);
    expect(history.map(({ seq, messageId, subject }) => [seq, messageId, subject])).toEqual([
      [first.seq, "a", subjects.pod(pod)],
      [second.seq, "b", subjects.pod(pod)],
    ]);
    expect(JSON.parse(history[0]?.body ?? "")).toMatchObject({ id: "a", events: [{ type: "PodAdded" }] });
    expect(await log.last(subjects.pod(pod))).toEqual(history[1]);
    expect(await log.lastSeq()).toBe(second.seq);
  });

  test("a history is read from a sequence on, and an unknown one is empty", async () => {
    const { log } = get().broker;
    const pod = fresh("pod");
    const seqs = [];
    for (const id of ["a", "b", "c"]) seqs.push((await log.append(toPod(pod, id))).seq);
    const [, second = 0, third = 0] = seqs;
    expect((await log.read(subjects.pod(pod), second)).map((message) => message.seq)).toEqual([
      second,
      third,
    ]);
    expect((await log.read(subjects.pod(pod), third)).map((message) => message.messageId)).toEqual(["c"]);
    expect(await log.read(subjects.pod(pod), third + 1)).toEqual([]);
    expect(await log.read(subjects.pod(fresh("pod")), 1)).toEqual([]);
    expect(await log.last(subjects.pod(fresh("pod")))).toBeUndefined();
  });

  test("what was acknowledged is read at once, over any connection and with an agent's permissions", async () => {
    const { broker, other, restricted } = get();
    const pod = fresh("pod");
    const subject = subjects.pod(pod);
    for (let index = 0, expected = 0; index < roundsOfReading; index++) {
      expected = (await broker.log.append(toPod(pod, `m-${index}`, expected))).seq;
      for (const { log } of [other, restricted]) {
        expect((await log.last(subject))?.seq).toBe(expected);
        expect(await log.read(subject, 1)).toHaveLength(index + 1);
        expect((await log.read(subject, expected)).map((message) => message.messageId)).toEqual([
          `m-${index}`,
        ]);
      }
    }
    await expect(restricted.log.append(toPod(pod, "late", 1))).rejects.toThrow(ConflictError);
    expect(await restricted.log.append(toPod(pod, "m-0", 0))).toMatchObject({ duplicate: true });
  });

  test("the log has a name that stays", async () => {
    const { broker, other } = get();
    expect(await broker.log.epoch()).toBe(await other.log.epoch());
    expect(Number.isNaN(Date.parse(await broker.log.epoch()))).toBe(false);
  });
}

/** Many writers at once. */
export function raceContract(get: () => Setting): void {
  test("of fifty writers that expect the same sequence exactly one wins", async () => {
    const { broker, other } = get();
    const pod = fresh("pod");
    const race = Array.from({ length: writersInRace }, (_, index) =>
      (index % 2 ? broker : other).log.append(toPod(pod, `writer-${index}`, 0)),
    );
    const results = await Promise.allSettled(race);
    const won = results.filter((result) => result.status === "fulfilled");
    const lost = results.filter((result) => result.status === "rejected");
    expect(won.length).toBe(1);
    expect(lost.every((result) => result.reason instanceof ConflictError)).toBe(true);
    expect(await broker.log.read(subjects.pod(pod), 1)).toHaveLength(1);
  });

  test("writers that catch up and decide again all get in, one after the other", async () => {
    const { broker, other } = get();
    const pod = fresh("pod");
    const insist = async (id: string, index: number): Promise<void> => {
      const { log } = index % 2 ? broker : other;
      for (;;) {
        const expected = (await log.last(subjects.pod(pod)))?.seq ?? 0;
        try {
          await log.append(toPod(pod, id, expected));
          return;
        } catch (error) {
          if (!(error instanceof ConflictError)) throw error;
        }
      }
    };
    const ids = Array.from({ length: 8 }, (_, index) => `insist-${index}`);
    await Promise.all(ids.map(insist));
    const stored = await broker.log.read(subjects.pod(pod), 1);
    expect(stored.map((message) => message.messageId).toSorted()).toEqual(ids);
  });
}

/** The same message again. */
export function repetitionContract(get: () => Setting): void {
  test("an append repeated with the same expectation is answered with its first place", async () => {
    const { log } = get().broker;
    const pod = fresh("pod");
    const first = await log.append(toPod(pod, "a", 0));
    expect(await log.append(toPod(pod, "a", 0))).toEqual({ seq: first.seq, duplicate: true });
    await log.append(toPod(pod, "b", first.seq));
    expect(await log.append(toPod(pod, "a", 0))).toEqual({ seq: first.seq, duplicate: true });
    expect(await log.read(subjects.pod(pod), 1)).toHaveLength(2);
  });

  test("an append repeated without an expectation is answered with its first place", async () => {
    const { log } = get().broker;
    const pod = fresh("pod");
    const first = await log.append(toPod(pod, "a"));
    await log.append(toPod(pod, "b"));
    expect(await log.append(toPod(pod, "a"))).toEqual({ seq: first.seq, duplicate: true });
    expect(await log.read(subjects.pod(pod), 1)).toHaveLength(2);
  });

  test("many repetitions at the same time are one message", async () => {
    const { broker, other } = get();
    const pod = fresh("pod");
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        (index % 2 ? broker : other).log.append(toPod(pod, "same", 0)),
      ),
    );
    expect(new Set(answers.map((answer) => answer.seq)).size).toBe(1);
    expect(answers.filter((answer) => !answer.duplicate)).toHaveLength(1);
    expect(await broker.log.read(subjects.pod(pod), 1)).toHaveLength(1);
  });

  test("the same id in another history is another message", async () => {
    const { log } = get().broker;
    const [one, two] = [fresh("pod"), fresh("pod")];
    const first = await log.append(toPod(one, "key"));
    const second = await log.append(toPod(two, "key"));
    expect(second).toEqual({ seq: first.seq + 1, duplicate: false });
    expect((await log.last(subjects.pod(two)))?.messageId).toBe("key");
  });

  test.each([0, undefined])(
    "an append whose answer is lost is stored once, expecting %s",
    async (expected) => {
      const { broker, other, loseAnswers, findAnswers } = get();
      const pod = fresh("pod");
      await broker.log.lastSeq();
      await loseAnswers();
      const unanswered = await broker.log.append(toPod(pod, "a", expected)).catch((error: unknown) => error);
      await findAnswers();
      expect(unanswered).toBeInstanceOf(LogUnavailableError);
      expect(unanswered).toMatchObject({ messageId: "a", retryable: true });
      const stored = await other.log.read(subjects.pod(pod), 1);
      expect(stored.map((message) => message.messageId)).toEqual(["a"]);
      expect(await broker.log.append(toPod(pod, "a", expected))).toEqual({
        seq: stored[0]?.seq,
        duplicate: true,
      });
      expect(await other.log.read(subjects.pod(pod), 1)).toHaveLength(1);
    },
  );
}

/** What is not stored, and how that is said. */
export function refusalContract(get: () => Setting): void {
  test("an append that expects another sequence is refused by name and stores nothing", async () => {
    const { log } = get().broker;
    const pod = fresh("pod");
    const { seq } = await log.append(toPod(pod, "a"));
    for (const expected of [0, seq - 1, seq + 1]) {
      const refused = await log.append(toPod(pod, "b", expected)).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(ConflictError);
      expect(refused).toMatchObject({ subject: subjects.pod(pod), retryable: true });
    }
    expect(await log.read(subjects.pod(pod), 1)).toHaveLength(1);
  });

  test("a full log says so, stores nothing, and takes messages again when there is room", async () => {
    const { broker, fill, makeRoom } = get();
    const pod = fresh("pod");
    await fill();
    await expect(broker.log.append(toPod(pod, "a", 0))).rejects.toThrow(LogFullError);
    await expect(broker.log.appendBatch([toPod(pod, "a", 0), toPod(fresh("pod"), "a")])).rejects.toThrow(
      LogFullError,
    );
    await makeRoom();
    expect(await broker.log.last(subjects.pod(pod))).toBeUndefined();
    expect(await broker.log.append(toPod(pod, "a", 0))).toMatchObject({ duplicate: false });
  });

  test("the largest body is stored, a larger one is refused with its size", async () => {
    const { log } = get().broker;
    const pod = fresh("pod");
    const padding = "x".repeat(1_000);
    const sized = (bytes: number) => {
      const message = podMessage("big", padding);
      const spare = bytes - bodyBytes(pod, message.meta.id, padding);
      return { ...message, meta: { ...message.meta, time: message.meta.time + "0".repeat(spare) } };
    };
    await log.append({ subject: subjects.pod(pod), message: sized(bodyBytesMax) });
    expect((await log.last(subjects.pod(pod)))?.body).toHaveLength(bodyBytesMax);
    const refused = log.append({ subject: subjects.pod(pod), message: sized(bodyBytesMax + 1) });
    await expect(refused).rejects.toThrow(MessageTooLargeError);
    await expect(refused).rejects.toThrow(String(bodyBytesMax + 1));
  });

  test.each([
    "eru.pod.*",
    "eru.pod.>",
    "eru.pod",
    "eru.pod.",
    "eru.pod.a b",
    "eru.nothing.a",
    "other.pod.a",
    "",
  ])("the subject %j is not the subject of a history", async (subject) => {
    const { log } = get().broker;
    await expect(log.append({ subject, message: podMessage("a") })).rejects.toThrow(RangeError);
    await expect(log.read(subject, 1)).rejects.toThrow(RangeError);
    await expect(log.last(subject)).rejects.toThrow(RangeError);
  });

  test.each(["", " a", "a b", "ä", "a\r\nNats-Rollup: all", "x".repeat(129)])(
    "the message id %j is refused",
    async (id) => {
      await expect(get().broker.log.append(toPod(fresh("pod"), id))).rejects.toThrow(/message id/);
    },
  );

  test.each([-1, 0.5, Number.NaN, 2 ** 53])("the expectation %d is refused", async (expected) => {
    await expect(get().broker.log.append(toPod(fresh("pod"), "a", expected))).rejects.toThrow(RangeError);
  });
}

const bodyBytes = (pod: string, id: string, description: string): number => {
  const { meta, events } = podMessage(id, description);
  const [first] = events;
  if (!first || !pod) return 0;
  const { type, ...payload } = first.event;
  return Buffer.byteLength(JSON.stringify({ ...meta, events: [{ type, v: 1, ...first.cause, payload }] }));
};
