import { connectBroker } from "@eru/log";
import { createHttp, createLog, createMetrics, listen, readConfig, runMain } from "@eru/service";
import { ulid } from "ulid";
import { schedulerConfig } from "./config.ts";
import { actionsMax } from "./domain/limits.ts";
import { Scheduler } from "./scheduler.ts";
import { SnapshotKeeper } from "./snapshot/keeper.ts";

const name = "scheduler";

await runMain(name, async (signal) => {
  const config = readConfig(schedulerConfig, process.env);
  const log = createLog(name, config.ERU_LOG_LEVEL);
  const metrics = createMetrics(name);
  const broker = await connectBroker({
    servers: config.ERU_NATS_URL.split(","),
    user: config.ERU_NATS_USER,
    password: config.ERU_NATS_PASSWORD,
    name,
    streamReplicas: config.ERU_STREAM_REPLICAS,
  });
  const now = () => performance.now();
  const folder = config.SCHEDULER_SNAPSHOT_DIR;
  const everyMessages = config.SCHEDULER_SNAPSHOT_MESSAGES;
  try {
    const scheduler = new Scheduler({
      broker,
      options: {
        drainDeadlineMs: config.SCHEDULER_DRAIN_DEADLINE_MS,
        progressDeadlineMs: config.SCHEDULER_PROGRESS_DEADLINE_MS,
        actionsMax,
      },
      metrics,
      log,
      newId: ulid,
      now,
      time: () => new Date().toISOString(),
      snapshots: folder === undefined ? undefined : new SnapshotKeeper({ folder, everyMessages, log, now }),
    });
    const http = createHttp({ log, metrics, notReady: () => scheduler.notReady() });
    try {
      const port = await listen(http, config.ERU_HTTP_HOST, config.ERU_HTTP_PORT);
      log.info({ port }, "running");
      await scheduler.run(signal);
      log.info({ reason: signal.reason }, "stopped");
    } finally {
      await http.close();
    }
  } finally {
    await broker.close();
  }
});
