import { subjects } from "@eru/events";
import { type NatsServer, startNatsServer, startTcpProxy } from "@eru/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fresh, toPod, waitFor } from "../contract/kit.ts";
import { CheckpointAheadError } from "../errors.ts";
import type { Broker, Page } from "../log.ts";
import { api } from "./api.ts";
import { connectBroker } from "./broker.ts";
import { Connection } from "./connection.ts";
import { Consumer } from "./consumer.ts";
import { streamName } from "./stream-settings.ts";

let server: NatsServer;
let writer: Broker;
let connection: Connection;
beforeAll(async () => {
  server = await startNatsServer();
  writer = await connectBroker({ servers: [server.url], name: "writer", ensureStreams: true });
  connection = await Connection.open({ servers: [server.url], name: "reader" });
});
afterAll(async () => {
  await Promise.all([writer.close(), connection.close()]);
  await server.stop();
});

const messages = 40_000;

async function request<T>(subject: string, body: unknown = {}): Promise<T> {
  const reply = await api<T>(connection, { subject, body, doing: subject, limitMs: 20_000 });
  if (reply.ok) return reply.value;
  throw new Error(reply.detail);
}

const consumerNames = async (): Promise<string[]> =>
  (await request<{ consumers: string[] }>(`CONSUMER.NAMES.${streamName}`)).consumers;

/** Fills a history of its own. */
async function fill(pod: string): Promise<number> {
  let first = 0;
  for (let part = 0; part < messages / 1_000; part++) {
    const places = await writer.log.appendBatch(
      Array.from({ length: 1_000 }, (_, index) => toPod(pod, `${part}-${index}`)),
    );
    first ||= places[0]?.seq ?? 0;
  }
  return first;
}

async function open(pod: string, fromSeq: number): Promise<Consumer> {
  const consumer = await Consumer.open(connection, { fromSeq, subjects: [subjects.pod(pod)] });
  if (consumer instanceof Consumer) return consumer;
  throw new Error(consumer.detail);
}

test("a reader that stands still holds the server back, and goes on without gap", async () => {
  const pod = fresh("pod");
  const fromSeq = await fill(pod);
  const consumer = await open(pod, fromSeq);
  // It has stopped coming when two looks a heartbeat and more apart see the same.
  let before = -1;
  await expect
    .poll(
      () => {
        const still = consumer.buffered === before;
        before = consumer.buffered;
        return still;
      },
      { interval: 2_500, timeout: 30_000 },
    )
    .toBe(true);
  expect(consumer.buffered).toBeGreaterThan(1_000);
  expect(consumer.buffered).toBeLessThan(messages / 2);
  expect(consumer.lost).toBeUndefined();
  const seqs = consumer.take(messages).map((message) => message.seq);
  while (seqs.length < messages) {
    if (consumer.buffered === 0) await consumer.changed.next();
    seqs.push(...consumer.take(500).map((message) => message.seq));
  }
  expect(seqs).toEqual(Array.from({ length: messages }, (_, index) => fromSeq + index));
  consumer.close();
});

test("a consumer that the server sets back is lost, so that nothing is read twice", async () => {
  const pod = fresh("pod");
  const [first] = await writer.log.appendBatch([toPod(pod, "a"), toPod(pod, "b")]);
  const before = await consumerNames();
  const consumer = await open(pod, 1);
  await waitFor(() => consumer.buffered === 2);
  const [name] = (await consumerNames()).filter((one) => !before.includes(one));
  await request(`CONSUMER.RESET.${streamName}.${name}`, { seq: first?.seq });
  await waitFor(() => consumer.lost !== undefined);
  expect(consumer.lost).toContain("message 1 came after message 2");
  expect(consumer.take(10).map((message) => message.messageId)).toEqual(["a", "b"]);
  consumer.close();
});

test("a consumer that the server forgot is noticed by its silence, and another goes on where it stopped", async () => {
  const pod = fresh("pod");
  const stop = new AbortController();
  const ids: string[] = [];
  const read = async (): Promise<void> => {
    const options = { fromSeq: 1, subjects: [subjects.pod(pod)], signal: stop.signal };
    for await (const page of writer.log.follow(options))
      ids.push(...page.messages.map((one) => one.messageId));
  };
  const reading = read();
  await writer.log.append(toPod(pod, "a"));
  await waitFor(() => ids.length === 1);
  for (const name of await consumerNames()) await request(`CONSUMER.DELETE.${streamName}.${name}`);
  await writer.log.append(toPod(pod, "b"));
  await waitFor(() => ids.length === 2);
  stop.abort();
  await reading;
  expect(ids).toEqual(["a", "b"]);
});

test("what passed while a cable was pulled is read when the connection is back", async () => {
  const proxy = await startTcpProxy(server.port);
  const reader = await connectBroker({ servers: [`127.0.0.1:${proxy.port}`], name: "reader" });
  const pod = fresh("pod");
  const stop = new AbortController();
  const ids: string[] = [];
  const read = async (): Promise<void> => {
    const options = { fromSeq: 1, subjects: [subjects.pod(pod)], signal: stop.signal };
    for await (const page of reader.log.follow(options))
      ids.push(...page.messages.map((one) => one.messageId));
  };
  const reading = read();
  await writer.log.append(toPod(pod, "a"));
  await waitFor(() => ids.length === 1);
  // The cable is pulled: the connection stays open, nothing passes.
  proxy.pull();
  await writer.log.append(toPod(pod, "b"));
  expect(ids).toEqual(["a"]);
  proxy.heal();
  await writer.log.append(toPod(pod, "c"));
  await waitFor(() => ids.length === 3);
  stop.abort();
  await reading;
  expect(ids).toEqual(["a", "b", "c"]);
  await reader.close();
  await proxy.stop();
});

test("a follower ends at once when it is told to, also while the server is away", async () => {
  const reader = await connectBroker({ servers: [server.url], name: "reader" });
  const node = fresh("node");
  const stop = new AbortController();
  let pages = 0;
  const read = async (page: AsyncIterable<Page>): Promise<void> => {
    for await (const _ of page) pages++;
  };
  const { signal } = stop;
  const reading = [
    read(reader.log.follow({ fromSeq: 1, subjects: [subjects.pod(fresh("pod"))], signal })),
    read(reader.log.followAssignments({ node, fromSeq: 1, signal })),
  ];
  await waitFor(() => pages === 2);
  await server.kill9();
  await waitFor(() => !reader.connected());
  reading.push(read(reader.log.follow({ fromSeq: 1, signal })));
  await new Promise((resolve) => setImmediate(resolve)); // They are now asking a server that is not there.
  const abortedAtMs = performance.now();
  stop.abort();
  await Promise.all(reading);
  expect(performance.now() - abortedAtMs).toBeLessThan(5_000);
  await server.restart();
  await reader.close();
});

test("a message's id is the one it was appended with, however its body is written", async () => {
  const pod = fresh("pod");
  const { message } = toPod(pod, "b");
  const { id: _, ...meta } = message.meta;
  await writer.log.append(toPod(pod, "a"));
  await writer.log.append({
    subject: subjects.pod(pod),
    message: { ...message, meta: { ...meta, id: "b" } },
  });
  await writer.log.append(toPod(pod, 'c"\\"@x'));
  expect((await writer.log.read(subjects.pod(pod), 1)).map((one) => one.messageId)).toEqual([
    "a",
    "b",
    'c"\\"@x',
  ]);
});

test("a follower is told when the log was replaced by a shorter one", async () => {
  const small = await startNatsServer();
  const broker = await connectBroker({ servers: [small.url], name: "reader", ensureStreams: true });
  await broker.log.append(toPod(fresh("pod"), "a"));
  await broker.log.append(toPod(fresh("pod"), "b"));
  const read = async (): Promise<void> => {
    for await (const page of broker.log.follow({ fromSeq: 1, signal: new AbortController().signal }))
      if (page.messages.length > 0 && page.head) {
        const admin = await Connection.open({ servers: [small.url], name: "admin" });
        await api(admin, { subject: `STREAM.DELETE.${streamName}`, doing: "deleting", limitMs: 20_000 });
        await admin.close();
        await (await connectBroker({ servers: [small.url], name: "setup", ensureStreams: true })).close();
      }
  };
  await expect(read()).rejects.toThrow(CheckpointAheadError);
  await broker.close();
  await small.stop();
});

test("after a restart of the server a follower goes on at once, not at the end of its patience", async () => {
  const pod = fresh("pod");
  const stop = new AbortController();
  const ids: string[] = [];
  const read = async (): Promise<void> => {
    const options = { fromSeq: 1, subjects: [subjects.pod(pod)], signal: stop.signal };
    for await (const page of writer.log.follow(options))
      ids.push(...page.messages.map((one) => one.messageId));
  };
  const reading = read();
  await writer.log.append(toPod(pod, "a"));
  await waitFor(() => ids.length === 1);
  await server.kill9();
  await server.restart();
  await writer.log.append(toPod(pod, "b"));
  const backAtMs = performance.now();
  await waitFor(() => ids.length === 2);
  expect(performance.now() - backAtMs).toBeLessThan(5_500);
  stop.abort();
  await reading;
});
