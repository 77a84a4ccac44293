import { decodeMessage, subjects } from "@eru/events";
import { type Broker, connectBroker } from "@eru/log";
import { type NatsServer, startNatsServer, startTcpProxy } from "@eru/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Answer, furnish, type Running, start, wish } from "./fixture.ts";

// Against a real server, which is killed as a power cut would: what was acknowledged must be there, once.

/** Long enough for a busy machine, short enough to be waited for. */
const impatientMs = 1_000;

let server: NatsServer;
const closing: (() => Promise<void>)[] = [];
beforeEach(async () => {
  server = await startNatsServer();
  // The streams, the user and what is slow the first time, before anything is measured against a short patience.
  const broker = await connectBroker({ servers: [server.url], name: "setup", ensureStreams: true });
  const first = await start<Broker>({ broker });
  await first.close();
  await broker.close();
});
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
  await server.stop();
});

async function begin(retryMs = 5_000, url = server.url): Promise<Running<Broker>> {
  const broker = await connectBroker({ servers: [url], name: "test", retryMs });
  closing.push(() => broker.close());
  const api = await start<Broker>({ broker, limits: { waitMs: impatientMs } });
  closing.push(api.close);
  return api;
}

/** Sends until the answer is not "try again", always under the same key. */
async function insist(
  api: Running<Broker>,
  url: string,
  body: object,
  key: string,
  unavailable: () => void = () => undefined,
): Promise<Answer> {
  for (;;) {
    const answer = await api.send("POST", url, body, { "idempotency-key": key });
    if (answer.status !== 503) return answer;
    unavailable();
  }
}

async function whole(broker: Broker): Promise<{ seq: number; commandId: string | undefined }[]> {
  const stop = new AbortController();
  const all: { seq: number; commandId: string | undefined }[] = [];
  for await (const page of broker.log.follow({ fromSeq: 1, signal: stop.signal })) {
    for (const message of page.messages)
      for (const { seq, meta } of decodeMessage(message)) all.push({ seq, commandId: meta.commandId });
    if (page.head) stop.abort();
  }
  return all;
}

test("a server killed under load loses nothing that was acknowledged and does nothing twice", async () => {
  const api = await begin(impatientMs);
  const clients = 8;
  const each = 25;
  let started = 0;
  const halfway = Promise.withResolvers<void>();
  const refused = Promise.withResolvers<void>();
  const client = async (number: number) => {
    const answers: { key: string; answer: Answer }[] = [];
    for (let round = 0; round < each; round++) {
      if (++started === (clients * each) / 2) halfway.resolve();
      const key = `pod-${number}-${round}`;
      answers.push({ key, answer: await insist(api, "/v1/pods", { name: key }, key, refused.resolve) });
    }
    return answers;
  };
  const load = Promise.all(Array.from({ length: clients }, (_, number) => client(number)));
  await halfway.promise;
  await server.kill9();
  await refused.promise;
  await server.restart();
  const answers = (await load).flat();
  const stored = new Map((await whole(api.broker)).map(({ seq, commandId }) => [seq, commandId]));
  for (const { key, answer } of answers) {
    expect(answer.status, key).toBe(202);
    expect(stored.get(answer.body["seq"] as number), "it is where the answer says").toBe(key);
  }
  const commands = [...stored.values()].filter((commandId) => commandId !== undefined);
  expect(commands.toSorted(), "each once, and nothing else").toEqual(
    answers.map(({ key }) => key).toSorted(),
  );
});

test("without a server a command is 503; the same key makes one event when it is back", async () => {
  const api = await begin(impatientMs);
  await furnish(api);
  await api.follower.catchUp();
  await server.kill9();
  const lost = await api.send("POST", "/v1/deployments", wish);
  expect(lost).toMatchObject({ status: 503, body: { code: "log_unavailable" } });
  const { commandId } = lost.body as { commandId: string };
  await server.restart();
  const found = await insist(api, "/v1/deployments", wish, commandId);
  expect(found.status).toBe(202);
  const { deployment, seq } = found.body as { deployment: string; seq: number };
  const history = await api.broker.log.read(subjects.deployment("demo", deployment), 1);
  expect(history.map((message) => [message.seq, message.messageId])).toEqual([[seq, commandId]]);
  const again = await api.send("POST", "/v1/deployments", wish, { "idempotency-key": commandId });
  expect(again.body).toEqual(found.body);
});

test("an answer that gets lost between server and us is found again: one event", async () => {
  const proxy = await startTcpProxy(server.port);
  closing.push(() => proxy.stop());
  const api = await begin(impatientMs, `nats://127.0.0.1:${proxy.port}`);
  await furnish(api);
  await api.follower.catchUp();
  proxy.loseAnswers();
  const lost = await api.send("POST", "/v1/deployments", wish);
  expect(lost).toMatchObject({ status: 503, body: { code: "log_unavailable" } });
  proxy.heal();
  const { commandId } = lost.body as { commandId: string };
  const found = await insist(api, "/v1/deployments", wish, commandId);
  expect(found.status).toBe(202);
  const stored = (await whole(api.broker)).filter((message) => message.commandId === commandId);
  expect(stored).toEqual([{ seq: found.body["seq"], commandId }]);
});

test("two processes that race for one name: one wins", async () => {
  const [one, other] = [await begin(), await begin()];
  for (let round = 0; round < 30; round++) {
    const name = `pod-${round}`;
    const answers = await Promise.all([
      one.send("POST", "/v1/pods", { name, description: "one" }),
      other.send("POST", "/v1/pods", { name, description: "other" }),
    ]);
    expect(answers.map(({ status }) => status).sort(), name).toEqual([202, 409]);
  }
});

test("repeats of one key at two processes at once make one event", async () => {
  const [one, other] = [await begin(), await begin()];
  await furnish(one);
  for (let round = 0; round < 10; round++) {
    const key = `key-${round}`;
    const answers = await Promise.all(
      [one, other, one, other].map((api) => insist(api, "/v1/deployments", wish, key)),
    );
    const { deployment } = answers[0]!.body as { deployment: string };
    expect(await one.broker.log.read(subjects.deployment("demo", deployment), 1)).toHaveLength(1);
    for (const answer of answers) expect(answer).toMatchObject({ status: 202, body: answers[0]?.body });
  }
});

test("what one process recorded is known to the other before it says no", async () => {
  const [one, other] = [await begin(), await begin()];
  for (let round = 0; round < 30; round++) {
    const pod = `pod-${round}`;
    await one.send("POST", "/v1/pods", { name: pod });
    expect((await other.send("POST", "/v1/nodes", { name: `node-${round}`, pod })).status).toBe(202);
  }
});
