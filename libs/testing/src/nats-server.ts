import { type ChildProcess, spawn } from "node:child_process";
import { accessSync, constants, rmSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const startTimeoutMs = 20_000;
const stopTimeoutMs = 10_000;
const pollMs = 20;

/** Where a server listens and stores; `-1` lets the system choose a free port. */
export type NatsPlace = { port: number; monitorPort: number; storeDir: string };

/** How a test wants its server. */
export type NatsServerOptions = {
  /** The whole configuration file for a place. Absent: JetStream with `sync_interval: always`, nobody needs a password. */
  config?: (place: NatsPlace) => string;
  /** Lines inside the `jetstream` block of the usual configuration, such as `max_file_store: 4MB`. */
  jetstream?: string;
};

/** A running nats-server of a test. */
export type NatsServer = {
  readonly url: string;
  readonly port: number;
  readonly monitorUrl: string;
  readonly pid: number;
  /** Ends it as a power cut ends a process: nothing is flushed or said. Resolves when it is gone. */
  kill9(): Promise<void>;
  /** Asks it to end, as a supervisor does. What it stored stays for `restart`. */
  terminate(): Promise<void>;
  /** Starts it again on the same ports and the same store. */
  restart(): Promise<void>;
  /** Ends it and removes its files. */
  stop(): Promise<void>;
};

/** The nats-server to use, or an error that says how to get one. */
export function natsServerBinary(env: NodeJS.ProcessEnv = process.env): string {
  const named = env["ERU_NATS_SERVER"];
  if (named) {
    if (runnable(named)) return named;
    throw new Error(`ERU_NATS_SERVER is ${named}, which is no program that can be run`);
  }
  const root = resolve(import.meta.dirname, "../../..");
  const onPath = (env["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "nats-server"));
  const found = [join(root, ".eru/tools/bin/nats-server"), ...onPath].find(runnable);
  if (found) return found;
  throw new Error(
    "no nats-server: run `make setup` to install one, or name one in the environment variable ERU_NATS_SERVER",
  );
}

/** Starts a server on free ports of the loopback with its own temporary store. */
export async function startNatsServer(options: NatsServerOptions = {}): Promise<NatsServer> {
  const place = { port: -1, monitorPort: -1 };
  const config = options.config ?? ((where: NatsPlace) => usualConfig(where, options.jetstream ?? ""));
  return await launch(place, config);
}

/** Servers of one cluster, and what ends them all. */
export type NatsCluster = {
  readonly servers: readonly NatsServer[];
  readonly urls: string[];
  stop(): Promise<void>;
};

/**
 * Starts a cluster of JetStream servers and waits until it has elected a leader. Clients learn no other server than the ones
 * they name, so that one behind a proxy stays there.
 */
export async function startNatsCluster(size = 3): Promise<NatsCluster> {
  const routePorts = await Promise.all(Array.from({ length: size }, freePort));
  const routes = routePorts.map((port) => `nats://127.0.0.1:${port}`).join(", ");
  const servers = await Promise.all(
    routePorts.map((routePort, index) =>
      launch({ port: -1, monitorPort: -1 }, (place) =>
        [
          `server_name: n${index + 1}`,
          usualConfig(place, ""),
          `cluster { name: test, listen: "127.0.0.1:${routePort}", routes: [${routes}], no_advertise: true }`,
        ].join("\n"),
      ),
    ),
  );
  await Promise.all(
    servers.map((server) => until(() => healthy(server), startTimeoutMs, "cluster is healthy")),
  );
  return {
    servers,
    urls: servers.map((server) => server.url),
    stop: async () => {
      await Promise.all(servers.map((server) => server.stop()));
    },
  };
}

/** Whether a server says of itself that it and its JetStream are well and current. */
export async function healthy(server: NatsServer): Promise<boolean> {
  try {
    return (await fetch(`${server.monitorUrl}/healthz`, { signal: AbortSignal.timeout(1_000) })).ok;
  } catch {
    return false; // Not listening yet, or not any more.
  }
}

const usualConfig = ({ port, monitorPort, storeDir }: NatsPlace, jetstream: string): string =>
  [
    `listen: "127.0.0.1:${port}"`,
    `http: "127.0.0.1:${monitorPort}"`,
    `jetstream {\n  store_dir: ${JSON.stringify(storeDir)}\n  sync_interval: always\n  ${jetstream}\n}`,
  ].join("\n");

async function launch(
  ports: { port: number; monitorPort: number },
  config: (place: NatsPlace) => string,
): Promise<NatsServer> {
  const folder = await mkdtemp(join(tmpdir(), "eru-nats-"));
  // A test run that ends without stopping its servers leaves no files either.
  const removeWithUs = (): void => rmSync(folder, { recursive: true, force: true });
  process.once("exit", removeWithUs);
  const remove = async (): Promise<void> => {
    process.removeListener("exit", removeWithUs);
    await rm(folder, { recursive: true, force: true });
  };
  let running: Running;
  const start = async (at: { port: number; monitorPort: number }): Promise<Running> => {
    await writeFile(join(folder, "server.conf"), config({ ...at, storeDir: join(folder, "store") }), {
      mode: 0o600,
    });
    return await run(folder);
  };
  try {
    running = await start(ports);
  } catch (error) {
    await remove();
    throw error;
  }
  const { port, monitorPort } = running;
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    monitorUrl: `http://127.0.0.1:${monitorPort}`,
    get pid() {
      return running.child.pid ?? 0;
    },
    kill9: () => end(running.child, "SIGKILL"),
    terminate: () => end(running.child, "SIGTERM"),
    restart: async () => {
      await end(running.child, "SIGTERM");
      running = await start({ port, monitorPort });
    },
    stop: async () => {
      await end(running.child, "SIGTERM");
      await remove();
    },
  };
}

type Running = { child: ChildProcess; port: number; monitorPort: number };

async function run(folder: string): Promise<Running> {
  const log = join(folder, "server.log");
  const child = spawn(
    natsServerBinary(),
    ["--config", join(folder, "server.conf"), "--log", log, "--ports_file_dir", folder],
    { stdio: "ignore" },
  );
  // A test run that is itself ended must not leave servers behind.
  const killWithUs = (): void => void child.kill("SIGKILL");
  process.once("exit", killWithUs);
  child.once("exit", () => process.removeListener("exit", killWithUs));
  try {
    const ports = await until(() => portsOf(folder, child), startTimeoutMs, "nats-server listens");
    return { child, ...ports };
  } catch (error) {
    await end(child, "SIGKILL");
    const said = await readFile(log, "utf8").catch(() => "nothing");
    throw new Error(`nats-server did not start; it said: ${said.slice(-2_000)}`, { cause: error });
  }
}

async function portsOf(
  folder: string,
  child: ChildProcess,
): Promise<{ port: number; monitorPort: number } | undefined> {
  if (child.exitCode !== null) throw new Error(`nats-server ended with code ${child.exitCode}`);
  const name = (await readdir(folder)).find((file) => file.endsWith(`_${child.pid}.ports`));
  if (!name) return undefined;
  const text = await readFile(join(folder, name), "utf8");
  if (!text.trimEnd().endsWith("}")) return undefined; // Half written.
  const listed = JSON.parse(text) as { nats?: string[]; monitoring?: string[] };
  return { port: portIn(listed.nats), monitorPort: portIn(listed.monitoring) };
}

const portIn = (urls: string[] | undefined): number => Number(urls?.[0]?.match(/:(\d+)$/)?.[1] ?? 0);

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const { promise, resolve: gone } = Promise.withResolvers<void>();
  child.once("exit", () => gone());
  child.kill(signal);
  const insist = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
  await promise;
  clearTimeout(insist);
}

/** A port nobody listens on now. Only for routes, which must be known before the servers start. */
async function freePort(): Promise<number> {
  const { promise, resolve: found, reject } = Promise.withResolvers<number>();
  const server = createServer().once("error", reject);
  server.listen(0, "127.0.0.1", () => {
    const address = server.address();
    server.close(() => found(typeof address === "object" && address ? address.port : 0));
  });
  return await promise;
}

/** Asks again until the answer is neither false nor undefined. */
async function until<T>(
  ask: () => Promise<T | false | undefined>,
  limitMs: number,
  what: string,
): Promise<T> {
  const deadline = performance.now() + limitMs;
  for (;;) {
    const answer = await ask();
    if (answer !== false && answer !== undefined) return answer;
    if (performance.now() > deadline) throw new Error(`waited ${limitMs} ms in vain until ${what}`);
    await sleep(pollMs);
  }
}

function runnable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
