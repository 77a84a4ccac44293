import { connectBroker } from "@eru/log";
import { createHttp, createLog, createMetrics, listen, readConfig, runMain } from "@eru/service";
import { ulid } from "ulid";
import { acmeSettings } from "./acme/settings.ts";
import { routerSyncConfig } from "./config.ts";
import { nginxFrom } from "./nginx-from-config.ts";
import { RouterSync, usualTimes } from "./router-sync.ts";

const name = "router-sync";

await runMain(name, async (signal) => {
  const config = readConfig(routerSyncConfig, process.env);
  const log = createLog(name, config.ERU_LOG_LEVEL);
  const metrics = createMetrics(name);
  const nginx = await nginxFrom(config, process.env["PATH"] ?? "");
  const sync = new RouterSync({
    elb: config.ERU_ELB_NAME,
    group: config.ERU_ELB_GROUP,
    nginx,
    onStop: config.ERU_ELB_ON_STOP,
    leaveWaitMs: config.ERU_ELB_LEAVE_WAIT_S * 1_000,
    connect: () =>
      connectBroker({
        servers: config.ERU_NATS_URL.split(","),
        user: config.ERU_NATS_USER,
        password: config.ERU_NATS_PASSWORD,
        name,
        streamReplicas: config.ERU_STREAM_REPLICAS,
      }),
    log,
    metrics,
    newId: ulid,
    times: usualTimes,
    acme: acmeSettings(config),
  });
  const http = createHttp({ log, metrics, notReady: () => sync.notReady() });
  http.get("/metrics/nginx", { config: { open: true } }, async (_request, reply) =>
    reply.type("text/plain; version=0.0.4").send(await sync.nginxMetrics()),
  );
  const port = await listen(http, config.ERU_HTTP_HOST, config.ERU_HTTP_PORT);
  log.info({ port, elb: config.ERU_ELB_NAME, listen: config.ERU_ELB_LISTEN }, "running");
  try {
    await sync.run(signal);
    log.info({ reason: signal.reason }, "stopped");
  } finally {
    await http.close();
  }
});
