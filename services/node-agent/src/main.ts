import { connectBroker } from "@eru/log";
import { createHttp, createLog, createMetrics, listen, readConfig, runMain } from "@eru/service";
import { ulid } from "ulid";
import self from "../package.json" with { type: "json" };
import { addressingOf, nodeAgentConfig } from "./config.ts";
import { DockerEngine } from "./docker.ts";
import { NodeAgent } from "./node-agent.ts";
import { probe } from "./probe.ts";

const name = "node-agent";

await runMain(name, async (signal) => {
  const config = readConfig(nodeAgentConfig, process.env);
  const log = createLog(name, config.ERU_LOG_LEVEL);
  const metrics = createMetrics(name);
  const broker = await connectBroker({
    servers: config.ERU_NATS_URL.split(","),
    user: config.ERU_NATS_USER,
    password: config.ERU_NATS_PASSWORD,
    name: `${name} ${config.ERU_NODE}`,
    streamReplicas: config.ERU_STREAM_REPLICAS,
    ownSubjectsOnly: true,
  });
  try {
    const agent = new NodeAgent({
      settings: {
        node: config.ERU_NODE,
        addressing: addressingOf(config),
        actionsMax: config.ERU_AGENT_ACTIONS_MAX,
        agentVersion: self.version,
      },
      broker,
      engine: new DockerEngine({ socketPath: config.ERU_DOCKER_SOCKET, node: config.ERU_NODE }),
      probe,
      edge: { monotonicMs: () => performance.now(), wallMs: () => Date.now(), newId: ulid },
      metrics,
      log,
    });
    const http = createHttp({ log, metrics, notReady: () => agent.notReady() });
    try {
      const port = await listen(http, config.ERU_HTTP_HOST, config.ERU_HTTP_PORT);
      log.info({ port, node: config.ERU_NODE }, "running");
      await agent.run(signal);
      log.info({ reason: signal.reason }, "stopped");
    } finally {
      await http.close();
    }
  } finally {
    await broker.close();
  }
});
