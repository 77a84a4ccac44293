import { connectBroker } from "@eru/log";
import { createLog, createMetrics, readConfig, runMain } from "@eru/service";
import { SealKeys } from "@eru/tls";
import { runCommandApi } from "./command-api.ts";
import { commandApiConfig } from "./config.ts";

const name = "command-api";

await runMain(name, async (signal) => {
  const config = readConfig(commandApiConfig, process.env);
  const seal = config.ERU_SEAL_KEY_FILE === undefined ? undefined : SealKeys.read(config.ERU_SEAL_KEY_FILE);
  const broker = await connectBroker({
    servers: [config.ERU_NATS_URL],
    user: config.ERU_NATS_USER,
    password: config.ERU_NATS_PASSWORD,
    name,
    streamReplicas: config.ERU_STREAM_REPLICAS,
    retryMs: config.COMMAND_API_RETRY_MS,
  });
  try {
    await runCommandApi({
      broker,
      host: config.ERU_HTTP_HOST,
      port: config.ERU_HTTP_PORT,
      limits: {
        ratePerSecond: config.COMMAND_API_RATE_PER_SECOND,
        inFlightMax: config.COMMAND_API_IN_FLIGHT_MAX,
        planTimeoutMs: config.COMMAND_API_PLAN_TIMEOUT_MS,
        waitMs: config.COMMAND_API_WAIT_MS,
      },
      adminTokenHash: config.ERU_ADMIN_TOKEN_HASH,
      metrics: createMetrics(name),
      log: createLog(name, config.ERU_LOG_LEVEL),
      seal,
      acme: config.ERU_ACME_DIRECTORY !== undefined,
      signal,
    });
  } finally {
    await broker.close();
  }
});
