import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { decodeMessage, subjects } from "@eru/events";
import { type Broker, connectBroker, type StoredMessage } from "@eru/log";
import { hashToken } from "@eru/service";
import { type NatsServer, startNatsServer } from "@eru/testing";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dump } from "./testkit/compare.ts";
import { FeedClient } from "./testkit/feed-client.ts";
import { temporaryFolder } from "./testkit/folder.ts";
import { chooseBySeed, makeHistory } from "./testkit/histories.ts";
import { startProjector, token, until } from "./testkit/zone.ts";

let server: NatsServer;
let writer: Broker;

const connect = () => connectBroker({ servers: [server.url], name: "test" });

beforeEach(async () => {
  server = await startNatsServer();
  writer = await connectBroker({ servers: [server.url], name: "writer", ensureStreams: true });
  await writer.log.append({
    subject: subjects.user("ada"),
    message: {
      meta: { id: "first", time: "2026-01-01T00:00:00.000Z", actor: "test" },
      events: [
        {
          event: { type: "TokenIssued", user: "ada", tokenHash: hashToken(token) },
          cause: { correlationId: "first", causationId: "first" },
        },
      ],
    },
  });
});

afterEach(async () => {
  await writer.close();
  await server.stop();
});

/** Appends messages as they are, one after the other; a message whose answer was lost is asked for again by the log. */
async function write(messages: readonly StoredMessage[]): Promise<void> {
  for (const message of messages) {
    const events = decodeMessage(message);
    const [first] = events;
    if (!first) continue;
    await writer.log.append({
      subject: message.subject,
      message: { meta: first.meta, events: events.map(({ event, cause }) => ({ event, cause })) },
    });
  }
}

/** The rows of a view that reads the whole log anew. */
async function freshRows(path: string): Promise<Record<string, unknown[]>> {
  const seq = await writer.log.lastSeq();
  const fresh = await startProjector({ path, connect });
  await until("read anew", () => fresh.progress.seq === seq, 30_000);
  await fresh.stop();
  return dump(path);
}

test("the broker is killed and comes back twice in the middle: the view equals a fresh replay", async () => {
  using folder = temporaryFolder();
  const path = folder.file("live.db");
  const log = makeHistory(chooseBySeed(31), 1_500);
  const projector = await startProjector({ path, connect });
  await projector.ready();
  const client = await FeedClient.subscribed(projector.port, ["events"], 1);
  const writing = write(log);
  for (const seq of [300, 900]) {
    await until(`at ${seq}`, () => projector.progress.seq >= seq, 60_000);
    await server.kill9();
    expect((await projector.get("/v1/pods")).statusCode).toBe(200);
    await server.restart();
  }
  await writing;
  const seq = await writer.log.lastSeq();
  await until("caught up", () => projector.progress.seq === seq, 60_000);
  await until("the feed too", () => client.events.at(-1)?.seq === seq);
  const places = log.flatMap((message) =>
    decodeMessage(message).map(({ index }) => `${message.seq + 1}/${index}`),
  );
  expect(client.places).toEqual(["1/0", ...places]);
  await projector.stop();
  expect(dump(path)).toEqual(await freshRows(folder.file("fresh.db")));
});

const children: ChildProcess[] = [];
// A test that fails in between must not leave its process: the runner would wait for it for ever.
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** The service as it is run, and its port once it listens. */
async function spawnMain(path: string): Promise<{ child: ChildProcess; port: number }> {
  const main = new URL("main.ts", import.meta.url).pathname;
  const child = spawn(process.execPath, [main], {
    env: {
      ...{ ERU_NATS_URL: server.url, ERU_NATS_USER: "nobody", ERU_NATS_PASSWORD: "none" },
      ...{ ERU_DATABASE: path, ERU_HTTP_PORT: "0" },
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  for await (const line of createInterface({ input: child.stdout }))
    if (line.includes('"listening"')) return { child, port: Number(JSON.parse(line).port) };
  throw new Error("the projector ended before it listened");
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.once("exit", resolve);
  child.kill(signal);
  return await promise;
}

const status = async (port: number): Promise<{ seq: number }> => {
  const answer = await fetch(`http://127.0.0.1:${port}/v1/status`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return answer.ok ? ((await answer.json()) as { seq: number }) : { seq: 0 };
};

test("the projector is killed again and again: its view equals a fresh replay", async () => {
  using folder = temporaryFolder();
  const path = folder.file("state/killed.db");
  await write(makeHistory(chooseBySeed(32), 200));
  for (const [n, seed] of [33, 34, 35].entries()) {
    const { child, port } = await spawnMain(path);
    // Asked before anything is written: on a quick machine all of it may be applied before the first answer.
    const { seq } = await status(port);
    const writing = write(makeHistory(chooseBySeed(seed), 150).map((message) => renamed(message, `${n}`)));
    await until("it moves", async () => (await status(port)).seq > seq + 5, 30_000);
    expect(await ended(child, "SIGKILL")).toBeNull();
    await writing;
  }
  const { child, port } = await spawnMain(path);
  const seq = await writer.log.lastSeq();
  await until("caught up", async () => (await status(port)).seq === seq, 30_000);
  expect(await ended(child, "SIGTERM")).toBe(0);
  expect(dump(path)).toEqual(await freshRows(folder.file("fresh.db")));
});

/** The message under another id, so that it is no repetition. */
const renamed = (message: StoredMessage, suffix: string): StoredMessage => {
  const body = JSON.parse(message.body);
  return { ...message, body: JSON.stringify({ ...body, id: `${body.id}-${suffix}` }) };
};
