// What a real server does where our table of answers relies on it, and what is refused at the start.
import { subjects } from "@eru/events";
import { type NatsServer, startNatsServer, startTcpProxy } from "@eru/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fresh, toPod } from "../contract/kit.ts";
import { BatchTooLargeError, LogFullError, LogUnavailableError, StreamMismatchError } from "../errors.ts";
import { prepare } from "../message.ts";
import { api } from "./api.ts";
import { type BrokerOptions, connectBroker } from "./broker.ts";
import { Connection } from "./connection.ts";
import { messageHeaders } from "./publish.ts";
import { verdict } from "./reply.ts";
import { logSettings, streamName } from "./stream-settings.ts";

let server: NatsServer;
let admin: Connection;
beforeAll(async () => {
  server = await startNatsServer();
  admin = await Connection.open({ servers: [server.url], name: "admin" });
});
afterAll(async () => {
  await admin.close();
  await server.stop();
});

const connect = (more: Partial<BrokerOptions> = {}) =>
  connectBroker({ servers: [server.url], name: "test", ...more });
const request = async (subject: string, body: unknown = {}) =>
  api(admin, { subject, body, doing: subject, limitMs: 20_000 });
/** The stream anew, with settings changed. */
const stream = async (change: object = {}): Promise<void> => {
  await request(`STREAM.DELETE.${streamName}`);
  const made = await request(`STREAM.CREATE.${streamName}`, { ...logSettings(1).config, ...change });
  expect(made).toMatchObject({ ok: true });
};
const publish = async (id: string, place: number, commit: boolean, subject = fresh("pod")) => {
  const message = prepare(toPod(subject, "a"));
  const headers = messageHeaders(message, { id, place, commit });
  return verdict(await admin.ask(message.subject, message.body, { timeoutMs: 2_000, headers }));
};

test("a batch of more messages than the server is set up for is told apart, and nothing of it is stored", async () => {
  await stream();
  const broker = await connect();
  const prefix = fresh("pod");
  const batch = Array.from({ length: 1_300 }, (_, index) => toPod(`${prefix}-${index}`, "a"));
  await expect(broker.log.appendBatch(batch)).rejects.toThrow(BatchTooLargeError);
  expect(await broker.log.lastSeq()).toBe(0);
  await broker.close();
  const large = await startNatsServer({ jetstream: "limits { batch { max_msgs: 10000 } }" });
  const there = await connectBroker({ servers: [large.url], name: "test", ensureStreams: true });
  expect(await there.log.appendBatch(batch)).toHaveLength(1_300);
  expect(await there.log.lastSeq()).toBe(1_300);
  await there.close();
  await large.stop();
});

describe("at the start", () => {
  test("a missing stream is refused, and made by the one who may", async () => {
    await request(`STREAM.DELETE.${streamName}`);
    await expect(connect()).rejects.toThrow(/stream is missing, wanted exists/);
    await (await connect({ ensureStreams: true })).close();
    await (await connect()).close();
    await (await connect({ ensureStreams: true })).close();
  });

  test.each([
    [{ allow_atomic: false }, "allow_atomic is not set, wanted true"],
    [{ deny_purge: false }, "deny_purge is not set, wanted true"],
    [{ duplicate_window: 1_000_000_000 }, "duplicate_window is 1000000000, wanted 300000000000"],
    [{ max_age: 3_600_000_000_000 }, "max_age is 3600000000000, wanted not set"],
    [{ max_msgs: 2 }, "max_msgs is 2, wanted -1"],
    [{ republish: undefined }, "republish is not set, wanted {"],
    [{ storage: "memory", compression: "none" }, 'storage is "memory", wanted "file"'],
  ])(
    "a stream with %j is refused with the setting, also by the one who may create it",
    async (change, said) => {
      await stream(change);
      const refused = connect();
      await expect(refused).rejects.toThrow(StreamMismatchError);
      await expect(refused).rejects.toThrow(said);
      await expect(connect({ ensureStreams: true })).rejects.toThrow(said);
    },
  );

  test("a stream with other replicas than expected is refused", async () => {
    await stream();
    await expect(connect({ streamReplicas: 3 })).rejects.toThrow("num_replicas is 1, wanted 3");
  });

  test("no server at all is unavailable, by name", async () => {
    const refused = connectBroker({ servers: ["127.0.0.1:1"], name: "test", connectLimitMs: 300 });
    await expect(refused).rejects.toThrow(LogUnavailableError);
    await expect(refused).rejects.toThrow(/127\.0\.0\.1:1/);
  });

  test("a closed broker says so at once", async () => {
    await stream();
    const broker = await connect();
    await broker.close();
    expect(broker.connected()).toBe(false);
    await expect(broker.log.append(toPod(fresh("pod"), "a"))).rejects.toThrow(LogUnavailableError);
    await expect(broker.log.lastSeq()).rejects.toThrow(LogUnavailableError);
    expect(() => broker.live.publish("eru-live.x", "")).not.toThrow();
  });
});

describe("the server's answers", () => {
  test("an incomplete batch is 10176, and nothing of it is stored", async () => {
    await stream();
    const id = crypto.randomUUID();
    expect(await publish(id, 1, false)).toEqual({ is: "staged" });
    expect(await publish(id, 3, true)).toMatchObject({
      is: "busy",
      detail: expect.stringContaining("incomplete"),
    });
    const broker = await connect();
    expect(await broker.log.lastSeq()).toBe(0);
    await broker.close();
  });

  test("a batch to a stream without batches is 10174, and connected writers are told the setting", async () => {
    await stream();
    const broker = await connect();
    const { allow_atomic: _, ...rest } = logSettings(1).config;
    expect(await request(`STREAM.UPDATE.${streamName}`, { ...rest, allow_atomic: false })).toMatchObject({
      ok: true,
    });
    expect(await publish(crypto.randomUUID(), 1, false)).toMatchObject({ is: "unsupported" });
    await expect(
      broker.log.appendBatch([toPod(fresh("pod"), "a"), toPod(fresh("pod"), "a")]),
    ).rejects.toThrow(/allow_atomic/);
    await broker.close();
  });

  test("without a stream nobody answers, and the outcome is unknown", async () => {
    await stream();
    const broker = await connect({ retryMs: 300 });
    await request(`STREAM.DELETE.${streamName}`);
    await expect(broker.log.append(toPod(fresh("pod"), "a"))).rejects.toThrow(LogUnavailableError);
    await expect(broker.log.lastSeq()).rejects.toThrow(StreamMismatchError);
    await broker.close();
  });

  test("a store with no room left is full for messages and batches, and what was there stays", async () => {
    const small = await startNatsServer({ jetstream: "max_file_store: 8MB" });
    const broker = await connectBroker({ servers: [small.url], name: "test", ensureStreams: true });
    const pod = fresh("pod");
    const big = (id: string) => {
      const append = toPod(pod, id);
      const noise = Array.from({ length: 12_000 }, () => Math.random().toString(36).slice(2)).join("");
      return { ...append, message: { ...append.message, meta: { ...append.message.meta, time: noise } } };
    };
    let storedCount = 0;
    const fill = async (): Promise<void> => {
      for (let index = 0; index < 200; index++) {
        await broker.log.append(big(`m-${index}`));
        storedCount++;
      }
    };
    await expect(fill()).rejects.toThrow(LogFullError);
    expect(storedCount).toBeGreaterThan(10);
    await expect(broker.log.appendBatch([big("x"), big("y")])).rejects.toThrow(LogFullError);
    expect(await broker.log.read(subjects.pod(pod), 1)).toHaveLength(storedCount);
    await broker.close();
    await small.stop();
  });
});

test("an append whose answer is swallowed is asked again by itself and answered with its first place", async () => {
  await stream();
  const proxy = await startTcpProxy(server.port);
  const broker = await connectBroker({ servers: [`127.0.0.1:${proxy.port}`], name: "test" });
  const direct = await connect();
  const [pod, other] = [fresh("pod"), fresh("pod")];
  proxy.loseAnswers();
  const appending = broker.log.append(toPod(pod, "a", 0));
  const batching = broker.log.appendBatch([toPod(other, "a", 0), toPod(other, "b")]);
  await expect.poll(async () => (await direct.log.last(subjects.pod(pod)))?.messageId).toBe("a");
  proxy.heal();
  const healedAtMs = performance.now();
  expect(await appending).toMatchObject({ duplicate: true });
  // A broken connection is noticed as such: nobody waits for the answer's time limit.
  expect(performance.now() - healedAtMs).toBeLessThan(2_500);
  expect(await batching).toHaveLength(2);
  expect(await direct.log.lastSeq()).toBe(3);
  await Promise.all([broker.close(), direct.close()]);
  await proxy.stop();
});
