import { subjects } from "@eru/events";
import { expect, test } from "vitest";
import { ConflictError, LogUnavailableError } from "../errors.ts";
import { batchMessagesMax, largeBatchMessagesMax } from "../log.ts";
import { fresh, type Setting, toNode, toPod } from "./kit.ts";

/** Storing several messages at once. */
export function batchContract(get: () => Setting): void {
  test("the messages of a batch stand next to each other, in order", async () => {
    const { log } = get().broker;
    const [pod, node] = [fresh("pod"), fresh("node")];
    const before = await log.lastSeq();
    const places = await log.appendBatch([toPod(pod, "a", 0), toNode(node, "a"), toPod(pod, "b")]);
    expect(places).toEqual([1, 2, 3].map((index) => ({ seq: before + index, duplicate: false })));
    expect((await log.read(subjects.pod(pod), 1)).map((message) => message.seq)).toEqual([
      before + 1,
      before + 3,
    ]);
    expect(await log.lastSeq()).toBe(before + 3);
  });

  test("a batch of one and of none are batches", async () => {
    const { log } = get().broker;
    const pod = fresh("pod");
    expect(await log.appendBatch([])).toEqual([]);
    expect(await log.appendBatch([toPod(pod, "a", 0)])).toMatchObject([{ duplicate: false }]);
    await expect(log.appendBatch([toPod(pod, "b", 0)])).rejects.toThrow(ConflictError);
  });

  test("the largest batch that every server takes is stored whole", async () => {
    const { log } = get().broker;
    const prefix = fresh("pod");
    const batch = Array.from({ length: batchMessagesMax }, (_, index) => toPod(`${prefix}-${index}`, "a", 0));
    const places = await log.appendBatch(batch);
    expect(places).toHaveLength(batchMessagesMax);
    expect((await log.last(subjects.pod(`${prefix}-${batchMessagesMax - 1}`)))?.seq).toBe(places.at(-1)?.seq);
    const beyond = Array.from({ length: largeBatchMessagesMax + 1 }, () => toPod(prefix, "a"));
    await expect(log.appendBatch(beyond)).rejects.toThrow(`at most ${largeBatchMessagesMax}`);
  });

  test("of batches that race for one history all of one is stored and nothing of the others", async () => {
    const { broker, other } = get();
    const pod = fresh("pod");
    for (let round = 0; round < 10; round++) {
      const expected = (await broker.log.last(subjects.pod(pod)))?.seq ?? 0;
      const nodes = Array.from({ length: 5 }, () => [fresh("node"), fresh("node")] as const);
      const results = await Promise.allSettled(
        nodes.map(([one, two], index) =>
          (index % 2 ? broker : other).log.appendBatch([
            toNode(one, "a"),
            toPod(pod, `${round}-${index}`, expected),
            toNode(two, "a"),
          ]),
        ),
      );
      expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
      for (const [index, result] of results.entries()) {
        const stored = await Promise.all(
          (nodes[index] ?? []).map((node) => other.log.last(subjects.assignment(node))),
        );
        const wanted = result.status === "fulfilled";
        expect(stored.map((message) => message !== undefined)).toEqual([wanted, wanted]);
        if (result.status === "rejected") expect(result.reason).toBeInstanceOf(ConflictError);
      }
    }
  });
}

/** The same batch again. */
export function batchRepetitionContract(get: () => Setting): void {
  test.each([0, undefined])(
    "a repeated batch is answered with its first places, expecting %s",
    async (expected) => {
      const { log } = get().broker;
      const [pod, node] = [fresh("pod"), fresh("node")];
      const batch = [toPod(pod, "a", expected), toNode(node, "a"), toNode(node, "b")];
      const places = await log.appendBatch(batch);
      await log.append(toPod(pod, "later"));
      await log.append(toNode(node, "later"));
      expect(await log.appendBatch(batch)).toEqual(places.map(({ seq }) => ({ seq, duplicate: true })));
      expect(await log.read(subjects.assignment(node), 1)).toHaveLength(3);
    },
  );

  test.each([0, undefined])("a batch whose answer is lost is stored once, expecting %s", async (expected) => {
    const { broker, other, loseAnswers, findAnswers } = get();
    const [pod, node] = [fresh("pod"), fresh("node")];
    const batch = [toPod(pod, "a", expected), toNode(node, "a")];
    await broker.log.lastSeq();
    await loseAnswers();
    await expect(broker.log.appendBatch(batch)).rejects.toThrow(LogUnavailableError);
    await findAnswers();
    const places = await broker.log.appendBatch(batch);
    expect(places[1]?.seq).toBe((places[0]?.seq ?? 0) + 1);
    expect((await other.log.read(subjects.pod(pod), 1)).map((message) => message.seq)).toEqual([
      places[0]?.seq,
    ]);
    expect(await other.log.read(subjects.assignment(node), 1)).toHaveLength(1);
  });
}

/** Batches of which nothing is stored. */
export function batchRefusalContract(get: () => Setting): void {
  test("one stale expectation refuses the whole batch and is named", async () => {
    const { log } = get().broker;
    const [stale, pod, node] = [fresh("pod"), fresh("pod"), fresh("node")];
    await log.append(toPod(stale, "a"));
    const before = await log.lastSeq();
    const refused = await log
      .appendBatch([toPod(pod, "a", 0), toNode(node, "a"), toPod(stale, "b", 0)])
      .catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(ConflictError);
    expect(refused).toMatchObject({ subject: subjects.pod(stale) });
    expect(await log.lastSeq()).toBe(before);
    expect(await log.last(subjects.pod(pod))).toBeUndefined();
  });

  test("a batch that repeats a stored message among new ones is refused as a whole", async () => {
    const { log } = get().broker;
    const [pod, node] = [fresh("pod"), fresh("node")];
    await log.append(toNode(node, "a"));
    const before = await log.lastSeq();
    await expect(log.appendBatch([toPod(pod, "a"), toNode(node, "a")])).rejects.toThrow(ConflictError);
    await expect(log.appendBatch([toNode(node, "a"), toPod(pod, "a")])).rejects.toThrow(ConflictError);
    await expect(log.appendBatch([toNode(node, "a"), toNode(node, "b")])).rejects.toThrow(ConflictError);
    expect(await log.lastSeq()).toBe(before);
  });

  test("a second expectation for one history, and an id twice in one, are mistakes of the caller", async () => {
    const { log } = get().broker;
    const pod = fresh("pod");
    await expect(log.appendBatch([toPod(pod, "a", 0), toPod(pod, "b", 0)])).rejects.toThrow(RangeError);
    await expect(log.appendBatch([toPod(pod, "a"), toPod(pod, "a")])).rejects.toThrow(RangeError);
    expect(await log.last(subjects.pod(pod))).toBeUndefined();
  });
}
