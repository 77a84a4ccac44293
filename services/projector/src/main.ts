import { connectBroker } from "@eru/log";
import { createLog, createMetrics, listen, readConfig, runMain } from "@eru/service";
import { projectorConfig } from "./config.ts";
import { ElbBoard } from "./elb-board.ts";
import { Feed } from "./feed/feed.ts";
import { feedLimits } from "./feed/protocol.ts";
import { projectorMetrics } from "./metrics.ts";
import { Progress } from "./progress.ts";
import { runProjector } from "./projector.ts";
import { createServer } from "./server.ts";
import { Views } from "./views.ts";

const name = "projector";

await runMain(name, async (signal) => {
  const config = readConfig(projectorConfig, process.env);
  const log = createLog(name, config.ERU_LOG_LEVEL);
  const registry = createMetrics(name);
  const now = () => performance.now();
  const views = new Views(config.ERU_DATABASE, log);
  const progress = new Progress(views, now);
  const elbs = new ElbBoard(now);
  const metrics = projectorMetrics(registry, progress);
  const feed = new Feed({ views, limits: feedLimits, metrics, log, now });
  const app = await createServer({
    ...{ views, progress, feed, elbs, limits: feedLimits, metrics: registry, log },
  });
  const end = new AbortController();
  const running = AbortSignal.any([signal, end.signal]);
  const connect = () =>
    connectBroker({
      servers: [config.ERU_NATS_URL],
      user: config.ERU_NATS_USER,
      password: config.ERU_NATS_PASSWORD,
      name,
      streamReplicas: config.ERU_STREAM_REPLICAS,
    });
  try {
    // Before the broker is there: queries answer from the file.
    const port = await listen(app, config.ERU_HTTP_HOST, config.ERU_HTTP_PORT);
    log.info({ port, seq: progress.seq }, "listening");
    const committed = () => feed.committed();
    await Promise.all([
      runProjector({ connect, views, progress, elbs, metrics, log, committed, signal: running }).finally(() =>
        end.abort(),
      ),
      feed.run(running).finally(() => end.abort()),
    ]);
  } finally {
    await app.close();
    views.close();
  }
});
