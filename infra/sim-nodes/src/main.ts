import { NodeName } from "@eru/events";
import { connectBroker } from "@eru/log";
import { createHttp, createLog, listen, readConfig, runMain, serviceConfig } from "@eru/service";
import { z } from "zod";
import { sharedMetrics } from "./shared-metrics.ts";
import { SimNodes } from "./sim-nodes.ts";
import { traitsOf } from "./traits.ts";

const name = "sim-nodes";

/** `8` or `8-64`. */
const range = (most: number) =>
  z
    .string()
    .regex(/^\d{1,9}(-\d{1,9})?$/, "a whole number, or a range as 8-64")
    .transform((text): [number, number] => {
      const [least = 0, highest = least] = text.split("-").map(Number);
      return [least, highest];
    })
    .refine(
      ([least, highest]) => least <= highest && highest <= most,
      `from the least to the most, at most ${most}`,
    );

/** What sim-nodes reads from its environment. */
const simNodesConfig = {
  ...serviceConfig,
  /** How many servers keep the log. */
  ERU_STREAM_REPLICAS: z
    .enum(["1", "3"])
    .default("1")
    .transform((text) => (text === "3" ? 3 : 1)),
  /** The nodes are named `<prefix>-1` to `<prefix>-<count>`. */
  ERU_SIM_PREFIX: NodeName.max(56).default("sim"),
  ERU_SIM_COUNT: z.coerce.number().int().min(1).max(20_000),
  ERU_SIM_CPUS: range(1_024).default([16, 16]),
  ERU_SIM_MEMORY_MIB: range(16_777_216).default([65_536, 65_536]),
  ERU_SIM_START_MS: range(600_000).default([100, 400]),
  /** The part of starts that fail. */
  ERU_SIM_FAILURES: z.coerce.number().min(0).max(1).default(0),
  ERU_SIM_SEED: z.coerce.number().int().min(0).default(1),
} as const;

await runMain(name, async (signal) => {
  const config = readConfig(simNodesConfig, process.env);
  const log = createLog(name, config.ERU_LOG_LEVEL);
  const metrics = sharedMetrics(name);
  const broker = await connectBroker({
    servers: config.ERU_NATS_URL.split(","),
    user: config.ERU_NATS_USER,
    password: config.ERU_NATS_PASSWORD,
    name,
    streamReplicas: config.ERU_STREAM_REPLICAS,
    ownSubjectsOnly: true,
  });
  const count = config.ERU_SIM_COUNT;
  const ranges = {
    cpus: config.ERU_SIM_CPUS,
    memoryMib: config.ERU_SIM_MEMORY_MIB,
    startMs: config.ERU_SIM_START_MS,
  };
  try {
    const nodes = Array.from({ length: count }, (_, at) => {
      const node = `${config.ERU_SIM_PREFIX}-${at + 1}`;
      return { name: node, traits: traitsOf(config.ERU_SIM_SEED, node, ranges) };
    });
    const sim = new SimNodes({
      ...{ nodes, broker, metrics, log },
      seed: config.ERU_SIM_SEED,
      failures: config.ERU_SIM_FAILURES,
      tell: (ready) => {
        if (ready === count || ready % 1_000 === 0) log.info({ ready, count }, "agents follow their orders");
      },
    });
    const notReady = () =>
      sim.ready() === count ? undefined : `${sim.ready()} of ${count} agents are ready`;
    const http = createHttp({ log, metrics, notReady });
    try {
      const port = await listen(http, config.ERU_HTTP_HOST, config.ERU_HTTP_PORT);
      log.info({ port, nodes: count }, "running");
      await sim.run(signal);
      log.info({ reason: signal.reason }, "stopped");
    } finally {
      await http.close();
    }
  } finally {
    await broker.close();
  }
});
