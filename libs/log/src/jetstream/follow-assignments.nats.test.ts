import { subjects } from "@eru/events";
import { type NatsServer, startNatsServer, startTcpProxy } from "@eru/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { fresh, toNode, waitFor } from "../contract/kit.ts";
import type { Broker } from "../log.ts";
import { api } from "./api.ts";
import { connectBroker } from "./broker.ts";
import { Connection } from "./connection.ts";
import { followNode } from "./follow-assignments.ts";
import { logSettings, streamName } from "./stream-settings.ts";

let server: NatsServer;
let writer: Broker;
let admin: Connection;
beforeAll(async () => {
  server = await startNatsServer();
  writer = await connectBroker({ servers: [server.url], name: "writer", ensureStreams: true });
  admin = await Connection.open({ servers: [server.url], name: "admin" });
});
afterAll(async () => {
  await Promise.all([writer.close(), admin.close()]);
  await server.stop();
});

const never = 3_600_000;

/** Whether the stream republishes: off, a message is stored and nobody hears of it. */
const republish = async (on: boolean): Promise<void> => {
  const { republish: rule, ...rest } = logSettings(1).config;
  const reply = await api(admin, {
    subject: `STREAM.UPDATE.${streamName}`,
    body: on ? { ...rest, republish: rule } : rest,
    doing: "changing republish",
    limitMs: 20_000,
  });
  expect(reply).toMatchObject({ ok: true });
};

/** Follows a node in the background. */
const following = (connection: Connection, node: string, checkEveryMs: number) => {
  const stop = new AbortController();
  const ids: string[] = [];
  const pages: number[] = [];
  const run = async (): Promise<void> => {
    for await (const page of followNode(connection, {
      node,
      fromSeq: 1,
      signal: stop.signal,
      checkEveryMs,
    })) {
      ids.push(...page.messages.map((message) => message.messageId));
      pages.push(page.messages.length);
    }
  };
  const done = run();
  return {
    ids,
    pages,
    stop: async () => {
      stop.abort();
      await done;
    },
  };
};

const consumerCount = async (): Promise<number> => {
  const reply = await api<{ state: { consumer_count: number } }>(admin, {
    subject: `STREAM.INFO.${streamName}`,
    doing: "counting consumers",
    limitMs: 20_000,
  });
  return reply.ok ? reply.value.state.consumer_count : Number.NaN;
};

test("a republished message that was lost is read back when the next one shows the gap", async () => {
  const node = fresh("node");
  const follower = following(admin, node, never);
  await waitFor(() => follower.pages.length === 1);
  await writer.log.append(toNode(node, "a"));
  await waitFor(() => follower.ids.length === 1);
  await republish(false);
  await writer.log.appendBatch([toNode(node, "b"), toNode(node, "c")]);
  await republish(true);
  await writer.log.append(toNode(fresh("node"), "neighbour"));
  expect(follower.ids).toEqual(["a"]);
  await writer.log.appendBatch([toNode(node, "d"), toNode(node, "e")]);
  await waitFor(() => follower.ids.includes("e"));
  // What was read back also came live, and must not come again.
  await writer.log.append(toNode(node, "f"));
  await waitFor(() => follower.ids.includes("f"));
  await follower.stop();
  expect(follower.ids).toEqual(["a", "b", "c", "d", "e", "f"]);
});

test("a lost message that nothing follows is found by the regular look at the stream", async () => {
  const node = fresh("node");
  const follower = following(admin, node, 300);
  await waitFor(() => follower.pages.length === 1);
  await republish(false);
  await writer.log.append(toNode(node, "a"));
  await writer.log.append(toNode(node, "b"));
  await waitFor(() => follower.ids.length === 2);
  await republish(true);
  await writer.log.append(toNode(node, "c"));
  await waitFor(() => follower.ids.length === 3);
  await follower.stop();
  expect(follower.ids).toEqual(["a", "b", "c"]);
});

test("what came while the connection was broken is read back when it returns", async () => {
  const node = fresh("node");
  const proxy = await startTcpProxy(server.port);
  const connection = await Connection.open({ servers: [`127.0.0.1:${proxy.port}`], name: "agent" });
  const follower = following(connection, node, never);
  await waitFor(() => follower.pages.length === 1);
  await writer.log.append(toNode(node, "a"));
  await waitFor(() => follower.ids.length === 1);
  proxy.pull();
  await writer.log.append(toNode(node, "b"));
  proxy.heal();
  await waitFor(() => follower.ids.length === 2);
  await writer.log.append(toNode(node, "c"));
  await waitFor(() => follower.ids.length === 3);
  await follower.stop();
  expect(follower.ids).toEqual(["a", "b", "c"]);
  await connection.close();
  await proxy.stop();
});

test("more than waits here is read back, in pages, and in order", async () => {
  const node = fresh("node");
  const all: string[] = [];
  const stop = new AbortController();
  for await (const page of followNode(admin, {
    node,
    fromSeq: 1,
    signal: stop.signal,
    checkEveryMs: never,
  })) {
    all.push(...page.messages.map((message) => message.messageId));
    expect(page.messages.length).toBeLessThanOrEqual(2_000);
    // The reader stands still while five thousand assignments come.
    if (page.messages.length === 0)
      for (let part = 0; part < 5; part++)
        await writer.log.appendBatch(
          Array.from({ length: 1_000 }, (_, index) => toNode(node, `${part * 1_000 + index}`)),
        );
    if (all.length >= 5_000) stop.abort();
  }
  expect(all).toEqual(Array.from({ length: 5_000 }, (_, index) => String(index)));
});

test("agents that follow leave no consumers on the server", async () => {
  const nodes = Array.from({ length: 20 }, () => fresh("node"));
  for (const node of nodes) await writer.log.append(toNode(node, "a"));
  const followers = nodes.map((node) => following(admin, node, never));
  await waitFor(() => followers.every((follower) => follower.ids.length === 1));
  await expect.poll(consumerCount, { timeout: 30_000, interval: 500 }).toBe(0);
  await writer.log.appendBatch(nodes.map((node) => toNode(node, "b")));
  await waitFor(() => followers.every((follower) => follower.ids.length === 2));
  expect(await consumerCount()).toBe(0);
  await Promise.all(followers.map((follower) => follower.stop()));
  expect(await writer.log.read(subjects.assignment(nodes[0]!), 1)).toHaveLength(2);
});
