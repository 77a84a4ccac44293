import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type WebSocket, WebSocketServer } from "ws";
import type { CliError } from "./errors.ts";
import { type FeedItem, followFeed } from "./feed.ts";

let http: Server;
let sockets: WebSocketServer;
let asked: { authorization: string | undefined; subscribe: unknown }[] = [];

beforeEach(async () => {
  asked = [];
  http = createServer();
  sockets = new WebSocketServer({ server: http });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
});
afterEach(async () => {
  for (const socket of sockets.clients) socket.terminate();
  sockets.close();
  await new Promise((resolve) => http.close(resolve));
});

const event = (seq: number, index: number) => ({
  type: "event",
  event: {
    ...{ seq, index, id: `m/${index}`, subject: "eru.pod.p", type: "PodAdded", time: "2026-01-01T00:00:00Z" },
    ...{ actor: "user:a", correlationId: "c", causationId: "c", objects: ["pod:p"], summary: "pod p added" },
  },
});

/** Answers each connection in turn with what one of these sends after the subscription. */
function script(...turns: ((socket: WebSocket, say: (message: object) => void) => void)[]): void {
  sockets.on("connection", (socket, request) =>
    socket.once("message", (text) => {
      asked.push({ authorization: request.headers.authorization, subscribe: JSON.parse(String(text)) });
      const say = (message: object) => socket.send(JSON.stringify(message));
      say({ type: "subscribed", topics: [], from: 1 });
      turns.shift()?.(socket, say);
    }),
  );
}

function follow(from: number) {
  const stop = new AbortController();
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  const context = { commandUrl: url, queryUrl: url, token: "secret", source: "test" };
  return { stop, items: followFeed(context, { topics: ["pod:p"], from, signal: stop.signal }) };
}

/** Reads until an event at this place came; then ends. */
async function readUntil(
  seq: number,
  index: number,
  { stop, items }: ReturnType<typeof follow>,
): Promise<string[]> {
  const read: string[] = [];
  for await (const item of items) {
    read.push(textOf(item));
    if (item.type === "event" && item.event.seq === seq && item.event.index === index) stop.abort();
  }
  return read;
}

const textOf = (item: FeedItem): string =>
  item.type === "event" ? `${item.event.seq}/${item.event.index}` : item.type;

async function failureOf(work: Promise<unknown>): Promise<CliError> {
  try {
    await work;
  } catch (error) {
    return error as CliError;
  }
  throw new Error("nothing failed");
}

test("it subscribes with the token, from the sequence wanted", async () => {
  script((_socket, say) => say(event(5, 0)));
  expect(await readUntil(5, 0, follow(5))).toEqual(["5/0"]);
  expect(asked).toEqual([
    { authorization: "Bearer secret", subscribe: { type: "subscribe", topics: ["pod:p"], from: 5 } },
  ]);
});

test("a connection cut in the middle of a message goes on with its next event: none missing, none twice", async () => {
  script(
    (socket, say) => {
      say(event(5, 0));
      say(event(5, 1));
      socket.close(1001, "the service stops");
    },
    (_socket, say) => {
      for (const index of [0, 1, 2]) say(event(5, index));
      say(event(6, 0));
    },
  );
  expect(await readUntil(6, 0, follow(5))).toEqual(["5/0", "5/1", "lost", "back", "5/2", "6/0"]);
  expect(asked[1]?.subscribe).toMatchObject({ from: 5 });
});

test("a broken connection, without a word, is made again", async () => {
  script(
    (socket) => socket.terminate(),
    (_socket, say) => say(event(9, 0)),
  );
  expect(await readUntil(9, 0, follow(1))).toEqual(["lost", "back", "9/0"]);
});

test("what is there before a connection ends is read before the end is noticed", async () => {
  script(
    (socket, say) => {
      for (let seq = 1; seq <= 200; seq++) say(event(seq, 0));
      socket.close(1013, "reads too slowly");
    },
    (_socket, say) => say(event(201, 0)),
  );
  const read = await readUntil(201, 0, follow(1));
  expect(read).toHaveLength(203);
  expect(read.slice(199)).toEqual(["200/0", "lost", "back", "201/0"]);
});

test("the server's refusal of a subscription ends it with its words", async () => {
  script((_socket, say) => say({ type: "error", code: "bad_topic", detail: "not a topic: foo" }));
  const { exitCode, message } = await failureOf(readUntil(1, 0, follow(1)));
  expect([exitCode, message]).toEqual([3, "not a topic: foo"]);
});

test("what is not the feed's language ends it, and does not crash", async () => {
  script((socket) => socket.send("<html>"));
  const { exitCode, message } = await failureOf(readUntil(1, 0, follow(1)));
  expect([exitCode, message]).toEqual([3, "the feed speaks another version than this `eru`"]);
});

test("a refused connection ends with the problem that the server answers", async () => {
  sockets.close();
  http.removeAllListeners("upgrade");
  http.on("upgrade", (_request, socket) => {
    const body = JSON.stringify({
      detail: "this token was never issued here",
      code: "token_unknown",
      status: 401,
    });
    socket.end(
      `HTTP/1.1 401 Unauthorized\r\ncontent-type: application/problem+json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
  });
  const { exitCode, message, next } = await failureOf(readUntil(1, 0, follow(1)));
  expect([exitCode, message]).toEqual([3, "this token was never issued here"]);
  expect(next).toContain("eru context show");
});

test("nobody there at first is a failure, not something to wait for", async () => {
  const following = follow(1);
  await new Promise((resolve) => http.close(resolve));
  const { exitCode, message } = await failureOf(readUntil(1, 0, following));
  expect(exitCode).toBe(4);
  expect(message).toContain("does not answer");
  http = createServer().listen(0);
});
