import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { endProcesses } from "./end.ts";
import { LocalError } from "./errors.ts";
import { Home, repository } from "./home.ts";
import { runs } from "./identity.ts";
import { startProcess } from "./launch.ts";
import { lastLines } from "./log-file.ts";
import { readPlan } from "./plan.ts";
import { choosePorts } from "./ports.ts";
import { probe } from "./probe.ts";
import { runningProcesses } from "./running.ts";
import { readSecrets } from "./secrets.ts";
import { natsAccess, nodeProgram, simNodesUser } from "./specs.ts";

const name = "sim-nodes";
const portFirst = 7_390;
const pollMs = 1_000;
const stopMs = 15_000;
const linesShown = 5;

/** What the simulated machines are like. Ranges are `8` or `8-64`, decided for each machine by the seed. */
export type SimNodesWish = {
  count: number;
  prefix: string;
  cpus: string;
  memoryMib: string;
  startMs: string;
  failures: number;
  seed: number;
};

/**
 * Runs agents without machines next to an installation until the signal aborts. `eru down` ends them too.
 * @throws LocalError the installation does not run, they run already, or they end
 */
export async function simNodes(
  path: string,
  wish: SimNodesWish,
  given: { tell: (text: string) => void; signal: AbortSignal },
): Promise<void> {
  const home = new Home(path);
  const running = runningProcesses(home);
  const plan = readPlan(home);
  const secrets = readSecrets(home);
  if (!plan || !secrets || !running.has("nats"))
    throw new LocalError(`no installation runs in ${home.path}: \`eru up --home ${home.path}\` first`);
  if (secrets.natsPasswords[simNodesUser] === undefined)
    throw new LocalError(
      `the installation in ${home.path} is older than simulated nodes: \`eru down\` and \`eru up\` let them in`,
    );
  if (running.has(name))
    throw new LocalError(`simulated nodes of ${home.path} run already: end that command first`);
  const { http = 0 } = await choosePorts([{ name: "http", fixed: undefined, preferred: portFirst }]);
  const logFile = home.logFile(name);
  const { identity, end } = await startProcess(
    {
      command: [nodeProgram, join(repository, "infra/sim-nodes/src/main.ts")],
      env: {
        ...natsAccess(plan, secrets, simNodesUser),
        ERU_SUPERVISED: home.path,
        ERU_HTTP_PORT: String(http),
        ERU_SIM_PREFIX: wish.prefix,
        ERU_SIM_COUNT: String(wish.count),
        ERU_SIM_CPUS: wish.cpus,
        ERU_SIM_MEMORY_MIB: wish.memoryMib,
        ERU_SIM_START_MS: wish.startMs,
        ERU_SIM_FAILURES: String(wish.failures),
        ERU_SIM_SEED: String(wish.seed),
      },
    },
    { pidFile: home.pidFile(name), logFile },
  );
  try {
    let said: string | undefined = "";
    while (!given.signal.aborted && runs(identity)) {
      const why = await probe({ kind: "http", host: "127.0.0.1", port: http, path: "/readyz" });
      // Before it listens there is nothing worth saying.
      if (why !== said && (why ?? " of ").includes(" of "))
        given.tell(why ?? `${wish.count} agents follow their orders`);
      said = why;
      await sleep(pollMs);
    }
    const how = await Promise.race([end, sleep(0)]);
    if (!given.signal.aborted && how !== "exit 0")
      throw new LocalError(
        `the simulated nodes ended (${how ?? "nobody knows how"}). The end of ${logFile}:\n${lastLines(logFile, linesShown)}`,
      );
  } finally {
    await endProcesses(home, [name], stopMs, () => {});
  }
}
