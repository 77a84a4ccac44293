import { type ChildProcess, execFile, type SpawnOptions, spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { rm } from "node:fs/promises";
import { request } from "node:http";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const repository = fileURLToPath(new URL("../../..", import.meta.url));
const rigScript = join(repository, "infra/rig/rig");
const outputBytesMax = 64 * 1024 * 1024;
const requestTimeoutMs = 60_000;

/** Where the test process is reached from every node, and listens for them: NATS, HTTP servers, the ELB. */
export const worldAddress = "10.77.0.1";

/** A process inside a node. Signals go to the process itself, not to the nsenter that holds it. */
export type NodeProcess = {
  child: ChildProcess;
  /** False when it has already ended. */
  signal(signal: NodeJS.Signals): boolean;
  /** Resolves with the exit code, or the name of the signal. */
  ended: Promise<number | string>;
};

/** One node: a real Docker engine in network, mount, pid and uts namespaces of its own. */
export type Engine = {
  index: number;
  /** Its host name, `n<index>`. */
  name: string;
  /** The engine's API: a unix socket, so it answers the test also while the node is cut off. */
  socket: string;
  /** The node's address on the switch; containers have addresses in 10.77.<100+index>.0/24. */
  address: string;
  /** Runs a command inside the node to its end; rejects when it fails. */
  run(command: readonly string[]): Promise<{ stdout: string; stderr: string }>;
  /** Starts a long-running command inside the node. It dies with the node, and with `stop`. */
  spawn(command: readonly string[], options?: SpawnOptions): NodeProcess;
  /** Starts the engine, and the node when it is off; returns when the engine answers. Does nothing when it does. */
  start(): Promise<void>;
  /** Ends the engine by SIGTERM. Containers stay when the engines were started with `--live-restore`. */
  stopEngine(): Promise<void>;
  /** `kill -9` of the engine; its containers go on. */
  killEngine(): Promise<void>;
  /** Takes the node off the network; packets to it time out. */
  cut(): Promise<void>;
  heal(): Promise<void>;
  /** Every process and container of the node dies at once; the disk stays. */
  powerOff(): Promise<void>;
};

/** Some engines and the end of them. */
export type Engines = { engines: readonly Engine[]; stop(): Promise<void> };

/**
 * Starts `count` engines as nodes n1, n2, … and waits until all answer. Only inside a world (`npm run test:docker`), so
 * that nothing of a run is left on the machine, whatever happens to it.
 */
export async function startEngines(
  count: number,
  { flags = ["--live-restore"] }: { flags?: readonly string[] } = {},
): Promise<Engines> {
  const directory = process.env["RIG"];
  if (!process.env["ERU_RIG_WORLD"] || !directory)
    throw new Error(
      "engines are started only inside a world: npm run test:docker, or infra/rig/rig world npx vitest run --project docker FILE",
    );
  const engines = Array.from({ length: count }, (_, at) => engine(directory, at + 1, flags));
  const stop = async () => {
    await Promise.all(engines.map((each) => each.powerOff()));
    await Promise.all(
      engines.map((each) => rm(join(directory, each.name), { recursive: true, force: true })),
    );
  };
  try {
    await Promise.all(engines.map((each) => each.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  return { engines, stop };
}

function engine(directory: string, index: number, flags: readonly string[]): Engine {
  const at = String(index);
  const rig = async (...args: string[]) => {
    await run(rigScript, args, { maxBuffer: outputBytesMax });
  };
  return {
    index,
    name: `n${index}`,
    socket: join(directory, `n${index}`, "docker.sock"),
    address: `10.77.0.${10 + index}`,
    run: (command) => run(rigScript, ["in", at, ...command], { maxBuffer: outputBytesMax }),
    spawn: (command, options = {}) => nodeProcess(spawn(rigScript, ["in", at, ...command], options)),
    start: async () => {
      await rig("on", at);
      await rig("engine", at, ...flags);
    },
    stopEngine: () => rig("stop", at),
    killEngine: () => rig("kill9", at),
    cut: () => rig("cut", at),
    heal: () => rig("heal", at),
    powerOff: () => rig("off", at),
  };
}

function nodeProcess(child: ChildProcess): NodeProcess {
  const ended = new Promise<number | string>((resolve, reject) => {
    child.once("error", reject);
    child.once("exit", (code, signal) => resolve(code ?? signal ?? 0));
  });
  const signal = (name: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return false;
    const inner = Number(
      readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, "utf8").trim().split(" ")[0],
    );
    return inner > 0 ? process.kill(inner, name) : child.kill(name); // Not entered yet: end the entering.
  };
  return { child, signal, ended };
}

/** The variables and the command an image is imported with. */
export type ImageSettings = { env?: Record<string, string>; command?: readonly string[] };

/** Compiles the example app when it is not, and imports it into an engine as `tag`: a FROM scratch image from no registry. */
export async function importHelloImage(
  engine: Pick<Engine, "socket">,
  tag: string,
  { env = {}, command = ["/hello"] }: ImageSettings = {},
): Promise<void> {
  const program = join(repository, ".eru/build/hello");
  await run("make", ["--silent", "-C", join(repository, "examples/hello"), `OUT=${program}`]);
  const { stdout: tar } = await run("tar", ["-C", join(repository, ".eru/build"), "-c", "hello"], {
    encoding: "buffer",
    maxBuffer: outputBytesMax,
  });
  const [name = tag, version = "latest"] = tag.split(":");
  const changes = [
    `CMD ${JSON.stringify(command)}`,
    "EXPOSE 8080",
    ...Object.entries(env).map(([key, value]) => `ENV ${key}=${JSON.stringify(value)}`),
  ];
  const query = new URLSearchParams([
    ["fromSrc", "-"],
    ["repo", name],
    ["tag", version],
    ...changes.map((change): [string, string] => ["changes", change]),
  ]);
  const answer = await post(engine.socket, `/images/create?${query}`, tar);
  if (answer.includes('"error"')) throw new Error(`import of ${tag} failed: ${answer}`); // Comes with status 200.
}

function post(socketPath: string, path: string, body: Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(
      {
        socketPath,
        path,
        method: "POST",
        timeout: requestTimeoutMs,
        headers: { "content-type": "application/x-tar" },
      },
      (response) => {
        const parts: Buffer[] = [];
        response.on("data", (part: Buffer) => parts.push(part));
        response.once("error", reject);
        response.once("end", () => {
          const text = Buffer.concat(parts).toString();
          if (response.statusCode === 200) resolve(text);
          else reject(new Error(`the engine at ${socketPath} answered ${response.statusCode}: ${text}`));
        });
      },
    );
    call.once("timeout", () => call.destroy(new Error(`the engine at ${socketPath} does not answer`)));
    call.once("error", reject);
    call.end(body);
  });
}
