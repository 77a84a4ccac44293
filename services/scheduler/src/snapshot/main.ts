// Makes one snapshot and ends. The scheduler starts it now and then; it may also be run by hand, with the same environment.
import { writeFileSync } from "node:fs";
import { constants, setPriority } from "node:os";
import { connectBroker } from "@eru/log";
import { createLog, readConfig, runMain } from "@eru/service";
import { schedulerConfig } from "../config.ts";
import { codeVersion } from "./code.ts";
import { makeSnapshot } from "./make.ts";

const name = "scheduler-snapshot";

await runMain(name, async (stopped) => {
  const config = readConfig(schedulerConfig, process.env);
  const logger = createLog(name, config.ERU_LOG_LEVEL);
  const folder = config.SCHEDULER_SNAPSHOT_DIR;
  if (folder === undefined)
    throw new Error("SCHEDULER_SNAPSHOT_DIR is not set: there is nowhere to write to");
  // Who decides goes first; without its scheduler it is of no use.
  giveWay();
  const orphaned = new AbortController();
  process.once("disconnect", () => orphaned.abort());
  const signal = AbortSignal.any([stopped, orphaned.signal]);
  const begun = performance.now();
  const broker = await connectBroker({
    servers: config.ERU_NATS_URL.split(","),
    user: config.ERU_NATS_USER,
    password: config.ERU_NATS_PASSWORD,
    name,
    streamReplicas: config.ERU_STREAM_REPLICAS,
  });
  try {
    const made = await makeSnapshot({ folder, code: codeVersion(), log: broker.log, logger }, signal);
    if (made) logger.info({ ...made, ms: Math.round(performance.now() - begun) }, "snapshot written");
  } finally {
    await broker.close();
  }
});

/** Others get the processor first, and the kernel takes this one first when memory runs out. */
function giveWay(): void {
  setPriority(constants.priority.PRIORITY_BELOW_NORMAL);
  try {
    writeFileSync("/proc/self/oom_score_adj", "1000");
  } catch {
    // Not Linux, or not allowed: it is a courtesy.
  }
}
