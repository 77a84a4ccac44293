import { subjects } from "@eru/events";
import { expect, test } from "vitest";
import { CheckpointAheadError, LogUnavailableError } from "../errors.ts";
import { type Append, type Log, type Page, pageMessagesMax, type StoredMessage } from "../log.ts";
import { fresh, limitMs, type Setting, toNode, toPod, waitFor } from "./kit.ts";

/** Reads pages until `enough` says so of what came. Fails by name when it takes too long. */
async function until(
  pages: (signal: AbortSignal) => AsyncIterable<Page>,
  enough: (messages: readonly StoredMessage[], page: Page) => boolean,
  onPage: (page: Page) => void = () => undefined,
): Promise<StoredMessage[]> {
  const stop = new AbortController();
  const limit = setTimeout(() => stop.abort(), limitMs);
  const found: StoredMessage[] = [];
  try {
    for await (const page of pages(stop.signal)) {
      found.push(...page.messages);
      onPage(page);
      if (enough(found, page)) return found;
    }
    throw new Error(`followed for ${limitMs} ms and got ${found.length} messages`);
  } finally {
    clearTimeout(limit);
    stop.abort();
  }
}

const ids = (messages: readonly StoredMessage[]) => messages.map((message) => message.messageId);
const rising = (messages: readonly StoredMessage[]) =>
  messages.every((message, index) => index === 0 || message.seq > (messages[index - 1]?.seq ?? 0));

/** Pages of the log from a sequence on. */
export function followContract(get: () => Setting): void {
  test("a first page comes at once when nothing is stored, and says so", async () => {
    const { log } = get().broker;
    const pages: Page[] = [];
    const subjectsOfNobody = [subjects.pod(fresh("pod"))];
    await until(
      (signal) => log.follow({ fromSeq: 1, subjects: subjectsOfNobody, signal }),
      () => true,
      (page) => pages.push(page),
    );
    expect(pages).toEqual([{ messages: [], head: true }]);
    const end = (await log.lastSeq()) + 1;
    await until(
      (signal) => log.follow({ fromSeq: end, signal }),
      () => true,
      (page) => pages.push(page),
    );
    expect(pages[1]).toEqual({ messages: [], head: true });
  });

  test("what is stored comes first, then what is appended, each once and whole", async () => {
    const { broker, other } = get();
    const pod = fresh("pod");
    const fromSeq = (await broker.log.lastSeq()) + 1;
    await other.log.append(toPod(pod, "before"));
    let appended: Promise<unknown> | undefined;
    const found = await until(
      (signal) => broker.log.follow({ fromSeq, signal }),
      (messages) => messages.length === 3,
      (page) => {
        if (page.head && !appended)
          appended = other.log.appendBatch([toPod(pod, "after-1"), toPod(pod, "after-2")]);
      },
    );
    await appended;
    expect(found).toEqual(await broker.log.read(subjects.pod(pod), 1));
    expect(ids(found)).toEqual(["before", "after-1", "after-2"]);
  });

  test("every message says when it was stored, by the log's clock", async () => {
    const { log } = get().broker;
    const fromSeq = (await log.lastSeq()) + 1;
    const before = await log.clock();
    await log.append(toPod(fresh("pod"), "a"));
    const [stored] = await until(
      (signal) => log.follow({ fromSeq, signal }),
      (messages) => messages.length === 1,
    );
    expect(stored?.storedMs).toBeGreaterThanOrEqual(before);
    expect(stored?.storedMs).toBeLessThanOrEqual(await log.clock());
  });

  test("exact subjects and patterns choose histories", async () => {
    const { log } = get().broker;
    const [pod, node] = [fresh("pod"), fresh("node")];
    const fromSeq = (await log.lastSeq()) + 1;
    await log.appendBatch([toPod(pod, "a"), toNode(node, "b"), toPod(fresh("pod"), "c")]);
    const read = async (...patterns: string[]) =>
      ids(
        await until(
          (signal) => log.follow({ fromSeq, subjects: patterns, signal }),
          (_, page) => page.head,
        ),
      );
    expect(await read(subjects.pod(pod))).toEqual(["a"]);
    expect(await read("eru.pod.*")).toEqual(["a", "c"]);
    expect(await read(subjects.pod(pod), "eru.assignment.>")).toEqual(["a", "b"]);
    expect(await read("eru.>")).toEqual(["a", "b", "c"]);
    expect(await read("eru.app.*", "eru.user.*")).toEqual([]);
  });
}

/** Where pages and following end. */
export function followBoundsContract(get: () => Setting): void {
  test("pages are bounded, and only the last one of what is stored is the head", async () => {
    const { log } = get().broker;
    const pod = fresh("pod");
    const fromSeq = (await log.lastSeq()) + 1;
    for (const part of [0, 1, 2])
      await log.appendBatch(Array.from({ length: 1_000 }, (_, index) => toPod(pod, `${part}-${index}`)));
    const pages: Page[] = [];
    const found = await until(
      (signal) => log.follow({ fromSeq, signal }),
      (_, page) => page.head,
      (page) => pages.push(page),
    );
    expect(found.map((message) => message.seq)).toEqual(
      Array.from({ length: 3_000 }, (_, index) => fromSeq + index),
    );
    expect(Math.max(...pages.map((page) => page.messages.length))).toBeLessThanOrEqual(pageMessagesMax);
    expect(pages.findIndex((page) => page.head)).toBe(pages.length - 1);
  });

  test("a reader that is further than the log is stopped, one at its end is not", async () => {
    const { log } = get().broker;
    const end = await log.lastSeq();
    await expect(
      until(
        (signal) => log.follow({ fromSeq: end + 2, signal }),
        () => true,
      ),
    ).rejects.toThrow(CheckpointAheadError);
    expect(
      await until(
        (signal) => log.follow({ fromSeq: end + 1, signal }),
        () => true,
      ),
    ).toEqual([]);
  });

  test("following ends when its signal aborts, also while it waits", async () => {
    const { log } = get().broker;
    const stop = new AbortController();
    const pages: Page[] = [];
    for await (const page of log.follow({
      fromSeq: 1,
      subjects: [subjects.pod(fresh("pod"))],
      signal: stop.signal,
    })) {
      pages.push(page);
      setImmediate(() => stop.abort());
    }
    expect(pages).toHaveLength(1);
    for await (const page of log.follow({ fromSeq: 1, signal: stop.signal })) pages.push(page);
    expect(pages).toHaveLength(1);
  });
}

/** One node's assignments. */
export function assignmentContract(get: () => Setting): void {
  test("a node gets its own assignments alone: the stored ones, then those that come", async () => {
    const { broker, other } = get();
    const [node, neighbour] = [fresh("node"), fresh("node")];
    await other.log.appendBatch([toNode(node, "a"), toNode(neighbour, "x"), toNode(node, "b")]);
    let appended: Promise<unknown> | undefined;
    const found = await until(
      (signal) => broker.log.followAssignments({ node, fromSeq: 1, signal }),
      (messages) => messages.length === 5,
      (page) => {
        if (page.head && !appended)
          appended = other.log
            .appendBatch([toNode(node, "c"), toNode(neighbour, "y"), toNode(node, "d")])
            .then(() => other.log.append(toNode(node, "e")));
      },
    );
    await appended;
    expect(found).toEqual(await broker.log.read(subjects.assignment(node), 1));
    expect(ids(found)).toEqual(["a", "b", "c", "d", "e"]);
  });

  test("a node without assignments gets an empty first page at once", async () => {
    const pages: Page[] = [];
    await until(
      (signal) => get().broker.log.followAssignments({ node: fresh("node"), fromSeq: 1, signal }),
      () => true,
      (page) => pages.push(page),
    );
    expect(pages).toEqual([{ messages: [], head: true }]);
  });

  test("a node goes on from a sequence", async () => {
    const { log } = get().broker;
    const node = fresh("node");
    await log.append(toNode(node, "a"));
    const { seq } = await log.append(toNode(node, "b"));
    const found = await until(
      (signal) => log.followAssignments({ node, fromSeq: seq, signal }),
      (_, page) => page.head,
    );
    expect(ids(found)).toEqual(["b"]);
  });
}

/** The broker dies and comes back. */
export function outageContract(get: () => Setting): void {
  test("through an outage under load what was acknowledged is stored once, in order, and followed without gap", async () => {
    const { broker, other, outage } = get();
    const [node, fromSeq] = [fresh("node"), (await broker.log.lastSeq()) + 1];
    const writers = [0, 1, 2, 3].map(() => fresh("pod"));
    const acknowledged: { seq: number; id: string }[] = [];
    let over = false;
    const write = async (pod: string): Promise<void> => {
      for (let index = 0, expected = 0; !over; index++) {
        const id = `${pod}-${index}`;
        expected = await insist(other.log, [toPod(pod, id, expected), toNode(node, id)]);
        acknowledged.push({ seq: expected, id });
      }
    };
    const stop = new AbortController();
    const everything = gather(broker.log.follow({ fromSeq, signal: stop.signal }));
    const assignments = gather(broker.log.followAssignments({ node, fromSeq, signal: stop.signal }));
    const writing = Promise.all(writers.map(write));
    await waitFor(() => acknowledged.length > 20);
    await outage();
    const afterOutage = acknowledged.length;
    await waitFor(() => acknowledged.length > afterOutage + 20);
    over = true;
    await writing;
    const end = await broker.log.lastSeq();
    await waitFor(() => everything.messages.at(-1)?.seq === end && assignments.messages.at(-1)?.seq === end);
    stop.abort();
    await Promise.all([everything.done, assignments.done]);

    const all = everything.messages;
    expect(all.map((message) => message.seq)).toEqual(all.map((_, index) => fromSeq + index));
    for (const { seq, id } of acknowledged) expect(all[seq - fromSeq]?.messageId).toBe(id);
    for (const pod of writers) {
      const stored = ids(all.filter((message) => message.subject === subjects.pod(pod)));
      expect(stored).toEqual(stored.map((_, index) => `${pod}-${index}`));
    }
    expect(rising(assignments.messages)).toBe(true);
    expect(assignments.messages).toEqual(
      all.filter((message) => message.subject === subjects.assignment(node)),
    );
  });
}

/** Appends as a service does: what was not answered is asked again under the same ids. */
async function insist(log: Log, batch: readonly Append[]): Promise<number> {
  for (;;) {
    await new Promise((resolve) => setImmediate(resolve)); // The log in memory would let nobody else run.
    try {
      return (await log.appendBatch(batch))[0]?.seq ?? 0;
    } catch (error) {
      if (!(error instanceof LogUnavailableError)) throw error;
    }
  }
}

/** Collects what a follower gets, in the background. */
function gather(pages: AsyncIterable<Page>): { messages: StoredMessage[]; done: Promise<void> } {
  const messages: StoredMessage[] = [];
  const read = async (): Promise<void> => {
    for await (const page of pages) messages.push(...page.messages);
  };
  return { messages, done: read() };
}
