import { subjects } from "@eru/events";
import { healthy, type NatsCluster, type NatsServer, startNatsCluster } from "@eru/testing";
import { afterAll, beforeAll, expect, test } from "vitest";
import { jetStreamSetting } from "./contract/jetstream-setting.ts";
import { fresh, type Setting, toNode, toPod, waitFor } from "./contract/kit.ts";
import { logContract } from "./contract.ts";
import { ConflictError, LogUnavailableError } from "./errors.ts";
import { Connection } from "./jetstream/connection.ts";
import { streamInfo } from "./jetstream/stream.ts";
import { streamName } from "./jetstream/stream-settings.ts";
import type { StoredMessage } from "./log.ts";

/** Three servers; an outage kills them all. */
async function openCluster(): Promise<{ cluster: NatsCluster; setting: Setting }> {
  const cluster = await startNatsCluster(3);
  const setting = await jetStreamSetting({
    urls: cluster.urls,
    proxiedPort: cluster.servers[0]?.port ?? 0,
    replicas: 3,
    outage: async () => {
      await Promise.all(cluster.servers.map((server) => server.kill9()));
      await Promise.all(cluster.servers.map((server) => server.restart()));
    },
  });
  return {
    cluster,
    setting: {
      ...setting,
      close: async () => {
        await setting.close();
        await cluster.stop();
      },
    },
  };
}

logContract("on three servers", async () => (await openCluster()).setting);

let opened: { cluster: NatsCluster; setting: Setting };
let admin: Connection;
beforeAll(async () => {
  opened = await openCluster();
  admin = await Connection.open({ servers: opened.cluster.urls, name: "admin" });
});
afterAll(async () => {
  await admin.close();
  await opened.setting.close();
});

/** The server that leads the stream. */
async function leader(): Promise<NatsServer> {
  const { cluster } = await streamInfo(admin, streamName);
  const index = Number(cluster?.leader?.slice(1)) - 1;
  return opened.cluster.servers[index] ?? leader();
}

test("with its leader killed twice under load what was acknowledged is stored, once, in order", {
  timeout: 120_000,
}, async () => {
  const { other, broker } = opened.setting;
  const fromSeq = (await other.log.lastSeq()) + 1;
  const acknowledged: { seq: number; id: string }[] = [];
  let over = false;
  const insist = async (pod: string, index: number, expected: number): Promise<number> => {
    const batch = [toPod(pod, `${pod}-${index}`, expected), toNode(pod, `${pod}-${index}`)];
    for (;;) {
      try {
        // Every other append is a batch.
        if (index % 2) return (await other.log.appendBatch(batch))[0]?.seq ?? 0;
        return (await other.log.append(toPod(pod, `${pod}-${index}`, expected))).seq;
      } catch (error) {
        if (!(error instanceof LogUnavailableError)) throw error;
      }
    }
  };
  const write = async (pod: string): Promise<void> => {
    for (let index = 0, expected = 0; !over; index++) {
      expected = await insist(pod, index, expected);
      acknowledged.push({ seq: expected, id: `${pod}-${index}` });
    }
  };
  const stop = new AbortController();
  const followed: StoredMessage[] = [];
  const follow = async (): Promise<void> => {
    for await (const page of broker.log.follow({ fromSeq, signal: stop.signal }))
      followed.push(...page.messages);
  };
  const following = follow();
  const pods = Array.from({ length: 8 }, () => fresh("pod"));
  const writing = Promise.all(pods.map(write));
  for (let kill = 0; kill < 2; kill++) {
    const before = acknowledged.length;
    await waitFor(() => acknowledged.length > before + 50);
    const killed = await leader();
    await killed.kill9();
    const during = acknowledged.length;
    await waitFor(() => acknowledged.length > during + 50);
    await killed.restart();
    // Two of three down at once would only stand still; the next one dies when this one is well.
    await expect.poll(() => healthy(killed), { timeout: 30_000 }).toBe(true);
  }
  over = true;
  await writing;
  const end = await other.log.lastSeq();
  await waitFor(() => followed.at(-1)?.seq === end);
  stop.abort();
  await following;

  expect(followed.map((message) => message.seq)).toEqual(followed.map((_, index) => fromSeq + index));
  for (const { seq, id } of acknowledged) expect(followed[seq - fromSeq]?.messageId).toBe(id);
  for (const pod of pods) {
    const stored = await other.log.read(subjects.pod(pod), 1);
    const ids = stored.map((message) => message.messageId);
    expect(ids).toEqual(ids.map((_, index) => `${pod}-${index}`));
    expect(ids).toHaveLength(acknowledged.filter(({ id }) => id.startsWith(`${pod}-`)).length);
    const assigned = await other.log.read(subjects.assignment(pod), 1);
    expect(assigned.map((message) => message.messageId)).toEqual(ids.filter((_, index) => index % 2));
  }
});

test("racers on different servers: one wins, and who asks the same again is answered", {
  timeout: 60_000,
}, async () => {
  const connections = await Promise.all(
    opened.cluster.urls.map((url) =>
      jetStreamSetting({
        urls: [url],
        proxiedPort: Number(url.split(":")[2]),
        replicas: 3,
        outage: async () => undefined,
      }),
    ),
  );
  for (let round = 0; round < 10; round++) {
    const pod = fresh("pod");
    const results = await Promise.allSettled(
      connections.flatMap(({ broker, other }, index) => [
        broker.log.append(toPod(pod, `id-${index}`, 0)),
        other.log.append(toPod(pod, `id-${index}`, 0)),
      ]),
    );
    const won = results.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    expect(won).toHaveLength(2);
    expect(won.map(({ duplicate }) => duplicate).toSorted()).toEqual([false, true]);
    expect(new Set(won.map(({ seq }) => seq)).size).toBe(1);
    const lost = results.filter((result) => result.status === "rejected");
    expect(lost.every((result) => result.reason instanceof ConflictError)).toBe(true);
  }
  await Promise.all(connections.map((connection) => connection.close()));
});
