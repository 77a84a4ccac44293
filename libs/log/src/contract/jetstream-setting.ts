import { startTcpProxy } from "@eru/testing";
import { api } from "../jetstream/api.ts";
import { connectBroker } from "../jetstream/broker.ts";
import { Connection } from "../jetstream/connection.ts";
import { leaseStreamName, leaseSubject, logSettings, streamName } from "../jetstream/stream-settings.ts";
import type { Setting } from "./kit.ts";

/** Times of leases that a test can wait for. */
export const quickLease = { ttlMs: 3_000, renewEveryMs: 400, sureMs: 2_000, askEveryMs: 200 };

/** A setting of the contract on real servers: one connection by a proxy that can lose answers, one direct. */
export async function jetStreamSetting(options: {
  urls: readonly string[];
  proxiedPort: number;
  replicas: 1 | 3;
  outage: () => Promise<void>;
}): Promise<Setting> {
  const { urls, replicas } = options;
  const proxy = await startTcpProxy(options.proxiedPort);
  const admin = await Connection.open({ servers: urls, name: "admin" });
  const other = await connectBroker({
    servers: urls,
    name: "other",
    streamReplicas: replicas,
    ensureStreams: true,
    leaseTimes: quickLease,
  });
  const restricted = await connectBroker({
    servers: urls,
    name: "restricted",
    streamReplicas: replicas,
    ownSubjectsOnly: true,
  });
  const broker = await connectBroker({
    servers: [`nats://127.0.0.1:${proxy.port}`],
    name: "broker",
    streamReplicas: replicas,
    leaseTimes: quickLease,
    retryMs: 800,
  });
  const limitMessages = async (messagesMax: number): Promise<void> => {
    const reply = await api(admin, {
      subject: `STREAM.UPDATE.${streamName}`,
      body: { ...logSettings(replicas).config, max_msgs: messagesMax },
      doing: "limiting the stream",
      limitMs: 10_000,
    });
    if (!reply.ok) throw new Error(`the stream cannot be limited: ${reply.detail}`);
  };
  return {
    broker,
    other,
    restricted,
    loseAnswers: async () => proxy.loseAnswers(),
    findAnswers: async () => proxy.heal(),
    fill: async () => limitMessages(await other.log.lastSeq()),
    makeRoom: () => limitMessages(-1),
    outage: options.outage,
    expireLease: async (name) => {
      await api(admin, {
        subject: `STREAM.PURGE.${leaseStreamName}`,
        body: { filter: leaseSubject(name) },
        doing: "taking a lease away",
        limitMs: 10_000,
      });
    },
    close: async () => {
      await Promise.all([broker.close(), other.close(), restricted.close(), admin.close()]);
      await proxy.stop();
    },
  };
}
