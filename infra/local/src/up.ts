import { spawn } from "node:child_process";
import { closeSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ownEngine } from "./engine.ts";
import { LocalError } from "./errors.ts";
import { elbsMax, Home, repository, writeWhole } from "./home.ts";
import { readIdentity, runs, signalProcess } from "./identity.ts";
import { type Installation, installationOf, writeContext } from "./installation.ts";
import { lastLines, openLog } from "./log-file.ts";
import { takeMutex } from "./mutex.ts";
import { natsConfig } from "./nats-config.ts";
import { makePlan, nodesMax, readPlan, type WantedPorts, writePlan } from "./plan.ts";
import { sharedAddress } from "./rig.ts";
import { anythingRuns } from "./running.ts";
import { ensureSealKeys, ensureSecrets } from "./secrets.ts";
import { natsUsers, nodeProgram, unitSpecs } from "./specs.ts";
import { readState } from "./supervisor.ts";
import { missing } from "./tools.ts";

const readyLimitMs = 120_000;
const readyPollMs = 50;
const linesShown = 8;
const homeLengthMax = 64;
const launchLimitMs = 5_000;
/** Ends of one unit during a start, after which waiting longer is no use. */
const restartsMax = 6;

/** How an installation is started. */
export type UpOptions = {
  home: string;
  /** 1: the machine's own engine when one answers. More: as many engines in namespaces, which needs root. */
  nodes: number;
  /** Load balancers, each with an nginx of its own. Absent: as many as there are, at first one. */
  elbs?: number;
  ports?: WantedPorts;
  /** Gets a line for everything that happens. */
  tell?: (text: string) => void;
  signal?: AbortSignal;
};

/**
 * Starts an installation, or makes sure that it runs, and returns when every part of it can work. Repeating it changes
 * nothing; after a crash it takes over what still runs and starts the rest.
 * @throws LocalError what is missing, in the way, or does not become ready, with the end of its log
 */
export async function up(options: UpOptions): Promise<Installation> {
  const home = new Home(options.home);
  const tell = options.tell ?? (() => {});
  if (!Number.isInteger(options.nodes) || options.nodes < 1 || options.nodes > nodesMax)
    throw new LocalError(`nodes is ${options.nodes}: a whole number from 1 to ${nodesMax} is wanted`);
  const { elbs } = options;
  if (elbs !== undefined && (!Number.isInteger(elbs) || elbs < 1 || elbs > elbsMax))
    throw new LocalError(`elbs is ${elbs}: a whole number from 1 to ${elbsMax} is wanted`);
  checkHome(home);
  await checkTools(options.nodes);
  home.make();
  const release = await takeMutex("operation", home.path);
  if (!release) throw new LocalError(`another up or down of ${home.path} is under way: wait for it`);
  try {
    const before = readPlan(home);
    const running = anythingRuns(home);
    const plan = await makePlan(home, before, {
      nodes: options.nodes,
      ...(elbs !== undefined && { elbs }),
      ports: options.ports ?? {},
      ownSocket: options.nodes === 1 ? await ownEngine() : undefined,
      running,
    });
    home.make(plan.moreElbs.length + 1);
    const users = natsUsers(home, plan);
    const secrets = ensureSecrets(
      home,
      users.map(({ name }) => name),
    );
    ensureSealKeys(home);
    writePlan(home, plan);
    writeWhole(
      home.natsConf,
      natsConfig({
        listen: { host: sharedAddress(plan), port: plan.ports.nats },
        monitorPort: plan.ports.natsMonitor,
        storeDir: home.natsStore,
        users: users.map((user) => ({ ...user, password: secrets.natsPasswords[user.name] ?? "" })),
      }),
    );
    writeContext(home, plan, secrets);
    const grown = before?.nodes !== plan.nodes || before.moreElbs.length !== plan.moreElbs.length;
    startSupervisor(home, before !== undefined && grown);
    const names = unitSpecs(home, plan, secrets, { path: "" }).map((spec) => spec.name);
    await allReady(home, names, tell, options.signal);
    return installationOf(home, plan);
  } finally {
    release();
  }
}

/** Engines and nginx put unix sockets below, whose paths have at most 107 characters, and take no odd ones. */
function checkHome({ path }: Home): void {
  const what = `the directory of the installation is ${JSON.stringify(path)}`;
  const otherwise = "choose another, for example ERU_HOME=/var/lib/eru";
  if (path.length > homeLengthMax)
    throw new LocalError(`${what}: ${path.length} characters, at most ${homeLengthMax} work; ${otherwise}`);
  if (!/^\/[A-Za-z0-9_.:/-]+$/.test(path))
    throw new LocalError(`${what}: only letters, digits and _ . : / - work; ${otherwise}`);
  if (path.startsWith("/run/")) throw new LocalError(`${what}: nodes have a /run of their own; ${otherwise}`);
}

async function checkTools(nodes: number): Promise<void> {
  const lacking = await missing(nodes);
  if (lacking.length > 0)
    throw new LocalError(
      `this machine lacks ${lacking.map(({ tool, wanted, found }) => `${tool} (wanted ${wanted}, found ${found})`).join(", ")}: make setup`,
    );
}

function startSupervisor(home: Home, planChanged: boolean): void {
  const pidFile = home.pidFile("supervisor");
  const before = readIdentity(pidFile);
  if (before && runs(before)) {
    if (planChanged) reload(home, before.pid);
    return;
  }
  rmSync(home.state, { force: true }); // It says what the supervisor before saw.
  const output = openLog(home.logFile("supervisor"));
  const child = spawn(
    join(repository, "infra/local/launch"),
    [pidFile, nodeProgram, join(repository, "infra/local/src/supervisor-main.ts"), home.path],
    { detached: true, stdio: ["ignore", output, output], cwd: "/" },
  );
  closeSync(output);
  child.unref();
}

/** More nodes: the NATS server learns their users, the supervisor what to start. */
function reload(home: Home, supervisor: number): void {
  const nats = readIdentity(home.pidFile("nats"));
  if (nats) signalProcess(nats, "SIGHUP");
  process.kill(supervisor, "SIGHUP");
}

async function allReady(
  home: Home,
  names: readonly string[],
  tell: (text: string) => void,
  signal: AbortSignal | undefined,
): Promise<void> {
  const begun = performance.now();
  const told = new Set<string>();
  const firstRestarts = new Map<string, number>();
  for (;;) {
    const units = (readState(home)?.units ?? []).filter(({ name }) => names.includes(name));
    for (const { name, phase, restarts } of units) {
      if (!firstRestarts.has(name)) firstRestarts.set(name, restarts);
      if (phase !== "ready" || told.has(name)) continue;
      told.add(name);
      tell(`${name} is ready after ${((performance.now() - begun) / 1000).toFixed(1)} s`);
    }
    const lacking = names.filter((name) => units.find((unit) => unit.name === name)?.phase !== "ready");
    if (lacking.length === 0) return;
    signal?.throwIfAborted();
    const hopeless = units.find(
      ({ name, phase, restarts }) =>
        phase !== "ready" && restarts - (firstRestarts.get(name) ?? 0) >= restartsMax,
    );
    if (hopeless) throw failure(home, hopeless.name, `keeps ending (${hopeless.lastEnd})`);
    const supervisor = readIdentity(home.pidFile("supervisor"));
    if (!(supervisor && runs(supervisor)) && performance.now() - begun > launchLimitMs)
      throw failure(home, "supervisor", "has ended");
    if (performance.now() - begun > readyLimitMs) {
      const first = units.find(({ name }) => name === lacking[0]);
      const why = `is not ready after ${readyLimitMs / 1000} s: ${first?.phase ?? "not started"} ${first?.detail ?? ""}`;
      throw failure(home, lacking[0] ?? "supervisor", why.trim());
    }
    await sleep(readyPollMs);
  }
}

function failure(home: Home, name: string, why: string): LocalError {
  const log = home.logFile(name);
  return new LocalError(
    `${name} ${why}. The end of ${log}:\n${lastLines(log, linesShown)}\nThe rest is running: \`eru status --home ${home.path}\` shows it, \`eru down --home ${home.path}\` ends it`,
  );
}
