// The table of answers, row by row: a responder in the place of the stream says what a test wants.
import { subjects } from "@eru/events";
import { type NatsServer, startNatsServer } from "@eru/testing";
import type { Msg } from "@nats-io/transport-node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { fresh, toPod } from "../contract/kit.ts";
import {
  ConflictError,
  LogFullError,
  LogUnavailableError,
  ServerTooOldError,
  StreamMismatchError,
} from "../errors.ts";
import { prepare, prepareBatch } from "../message.ts";
import { appendMessage } from "./append.ts";
import { appendMessages } from "./batch.ts";
import { Connection } from "./connection.ts";
import { UnknownReplyError } from "./publish.ts";
import type { History } from "./read.ts";

let server: NatsServer;
let connection: Connection;
let stream: Connection;
beforeAll(async () => {
  server = await startNatsServer({ config: ({ port }) => `listen: "127.0.0.1:${port}"` });
});
afterAll(() => server.stop());
beforeEach(async () => {
  connection = await Connection.open({ servers: [server.url], name: "writer" });
  stream = await Connection.open({ servers: [server.url], name: "stream" });
});
afterEach(async () => {
  await Promise.all([connection.close(), stream.close()]);
});

const limitMs = 1_500;
const error = (code: number) =>
  JSON.stringify({ error: { code: 400, err_code: code, description: `says ${code}` } });
const stored = (seq: number, more = {}) => JSON.stringify({ stream: "ERU", seq, ...more });
const nothing: History = { read: async () => [], last: async () => undefined, after: async () => undefined };
/** A history in which `id` stands at 7. */
const having = (id: string): History => {
  const message = { subject: "", seq: 7, messageId: id, body: "" };
  return { read: async () => [message], last: async () => message, after: async () => message };
};

/** Answers one message after the other with these words; `undefined` is silence. Returns what was asked. */
async function answering(pattern: string, words: readonly (string | undefined)[]): Promise<Msg[]> {
  const asked: Msg[] = [];
  stream.nc.subscribe(pattern, {
    callback: (_error, msg) => {
      const answer = words[asked.length];
      asked.push(msg);
      if (answer !== undefined && msg.reply) msg.respond(answer);
    },
  });
  await stream.nc.flush();
  return asked;
}

const append = (pod: string, history = nothing, expected?: number) =>
  appendMessage(connection, history, prepare(toPod(pod, "a", expected)), limitMs);
const batch = (pod: string, history = nothing, expected?: number) =>
  appendMessages(
    connection,
    history,
    prepareBatch([toPod(pod, "a", expected), toPod(`${pod}-2`, "a"), toPod(`${pod}-3`, "a")]),
    limitMs,
  );
const ids = (asked: readonly Msg[], header: string) => asked.map((msg) => msg.headers?.get(header));

test.each([10164, 10158, 10008, 10009, 10039, 10076])(
  "after %i the same id is asked again until it is stored",
  async (code) => {
    const pod = fresh("pod");
    const asked = await answering(subjects.pod(pod), [error(code), error(code), stored(5)]);
    expect(await append(pod)).toEqual({ seq: 5, duplicate: false });
    expect(ids(asked, "Nats-Msg-Id")).toEqual(Array(3).fill(`a@${subjects.pod(pod)}`));
  },
);

test("an append carries its id, its stream and the exact subject's expectation, and no other check", async () => {
  const pod = fresh("pod");
  const asked = await answering(subjects.pod(pod), [stored(5)]);
  await append(pod, nothing, 4);
  expect(asked[0]?.headers?.keys().toSorted()).toEqual([
    "Nats-Expected-Last-Subject-Sequence",
    "Nats-Expected-Stream",
    "Nats-Msg-Id",
  ]);
  expect(asked[0]?.headers?.get("Nats-Expected-Last-Subject-Sequence")).toBe("4");
});

test("no answer, and nobody there, are asked again until the limit and then unknown", async () => {
  const pod = fresh("pod");
  const startMs = performance.now();
  const nobody = await append(pod).catch((thrown: unknown) => thrown);
  expect(nobody).toBeInstanceOf(LogUnavailableError);
  expect(nobody).toMatchObject({ messageId: "a", cause: { message: "no stream leader answers" } });
  expect(performance.now() - startMs).toBeLessThan(limitMs + 10_000);
  await answering(subjects.pod(pod), []);
  await expect(append(pod)).rejects.toThrow(LogUnavailableError);
});

test("a leader that comes while it is asked for answers", async () => {
  const pod = fresh("pod");
  const appending = append(pod);
  const asked = await answering(subjects.pod(pod), [stored(9, { duplicate: true })]);
  expect(await appending).toEqual({ seq: 9, duplicate: true });
  expect(asked).toHaveLength(1);
});

test("10071 is our own earlier append when the message after the expectation has our id, else a conflict", async () => {
  const pod = fresh("pod");
  await answering(subjects.pod(pod), [error(10071), error(10071), error(10071)]);
  expect(await append(pod, having("a"), 3)).toEqual({ seq: 7, duplicate: true });
  await expect(append(pod, having("b"), 3)).rejects.toThrow(ConflictError);
  await expect(append(pod, nothing, 3)).rejects.toThrow(/says 10071/);
});

test.each([10077, 10047, 10023, 10028, 10002])("%i is a full log", async (code) => {
  const pod = fresh("pod");
  await answering(`${subjects.pod(pod)}`, [error(code)]);
  await expect(append(pod)).rejects.toThrow(LogFullError);
});

test("an error that is in no row is named with its code", async () => {
  const pod = fresh("pod");
  await answering(subjects.pod(pod), [error(10060)]);
  const refused = append(pod);
  await expect(refused).rejects.toThrow(UnknownReplyError);
  await expect(refused).rejects.toThrow(/10060/);
});

test("a batch is answered at its first and its last message only", async () => {
  const pod = fresh("pod");
  const asked = await answering("eru.pod.>", ["", undefined, stored(12, { batch: "b", count: 3 })]);
  expect(await batch(pod, nothing, 4)).toEqual([10, 11, 12].map((seq) => ({ seq, duplicate: false })));
  expect(asked.map((msg) => Boolean(msg.reply))).toEqual([true, false, true]);
  expect(ids(asked, "Nats-Batch-Sequence")).toEqual(["1", "2", "3"]);
  expect(ids(asked, "Nats-Batch-Commit")).toEqual(["", "", "1"]);
  expect(new Set(ids(asked, "Nats-Batch-Id")).size).toBe(1);
  expect(ids(asked, "Nats-Expected-Last-Subject-Sequence")).toEqual(["4", "", ""]);
});

test("a batch that the server gave up is sent again whole, under a batch id of its own and the same message ids", async () => {
  const pod = fresh("pod");
  const asked = await answering("eru.pod.>", [
    "",
    undefined,
    error(10176),
    "",
    undefined,
    stored(3, { count: 3 }),
  ]);
  expect(await batch(pod)).toHaveLength(3);
  expect(new Set(ids(asked, "Nats-Batch-Id")).size).toBe(2);
  expect(ids(asked.slice(0, 3), "Nats-Msg-Id")).toEqual(ids(asked.slice(3), "Nats-Msg-Id"));
});

test("a batch to a stream without batches, refused at its first or its last message, names the setting", async () => {
  const pod = fresh("pod");
  await answering("eru.pod.>", [error(10174), "", undefined, error(10174)]);
  await expect(batch(pod)).rejects.toThrow(StreamMismatchError);
  await expect(batch(pod)).rejects.toThrow(/allow_atomic/);
});

test("a server that stores the first message of a batch does not know batches", async () => {
  const pod = fresh("pod");
  const asked = await answering("eru.pod.>", [stored(1)]);
  await expect(batch(pod)).rejects.toThrow(ServerTooOldError);
  expect(asked).toHaveLength(1);
});

test("10201 and 10071 of a batch are our own earlier try when both its ends are in their places", async () => {
  const pod = fresh("pod");
  const asked = await answering("eru.pod.>", ["", undefined, error(10201), "", undefined, error(10071)]);
  const places: Record<string, number> = { [subjects.pod(pod)]: 20, [subjects.pod(`${pod}-3`)]: 22 };
  const own: History = {
    ...nothing,
    read: async (subject) => [{ subject, seq: places[subject] ?? 0, messageId: "a", body: "" }],
    after: async (subject) => ({ subject, seq: places[subject] ?? 0, messageId: "a", body: "" }),
  };
  const expected = [20, 21, 22].map((seq) => ({ seq, duplicate: true }));
  expect(await batch(pod, own)).toEqual(expected);
  expect(await batch(pod, own, 4)).toEqual(expected);
  expect(asked).toHaveLength(6);
});

test("10201 of a batch of which only a part is stored is a conflict", async () => {
  const pod = fresh("pod");
  await answering("eru.pod.>", ["", undefined, error(10201)]);
  await expect(batch(pod, having("a"))).rejects.toThrow(ConflictError);
});

test("a full log at the commit of a batch is a full log", async () => {
  const pod = fresh("pod");
  await answering("eru.pod.>", ["", undefined, error(10077)]);
  await expect(batch(pod)).rejects.toThrow(LogFullError);
});
