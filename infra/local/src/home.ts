import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

/** The checkout this program runs from. */
export const repository = fileURLToPath(new URL("../../..", import.meta.url)).replace(/\/$/, "");

/** The most load balancers one machine is asked to hold. */
export const elbsMax = 8;

/** Where one installation keeps everything it has. Only its owner can read files and list directories. */
export class Home {
  readonly path: string;
  constructor(path: string) {
    this.path = resolve(path);
  }
  /** What was chosen when the installation was made: kind of nodes, ports, addresses. */
  get plan(): string {
    return join(this.path, "plan.json");
  }
  get secrets(): string {
    return join(this.path, "secrets.json");
  }
  /** The zone's seal keys: what private keys in the log are encrypted with. */
  get sealKeys(): string {
    return join(this.path, "seal.json");
  }
  /** What the command line reads: addresses and the admin's token. */
  get context(): string {
    return join(this.path, "context.json");
  }
  /** What the supervisor last saw. */
  get state(): string {
    return join(this.path, "state.json");
  }
  get natsConf(): string {
    return join(this.path, "nats.conf");
  }
  /** JetStream's files: the log itself. */
  get natsStore(): string {
    return join(this.path, "nats");
  }
  get database(): string {
    return join(this.path, "projector", "eru.sqlite");
  }
  /** The scheduler's snapshots of the zone: it reads the log from there on when it starts. */
  get snapshots(): string {
    return join(this.path, "scheduler");
  }
  get elb(): string {
    return this.elbOf(0);
  }
  /** What the load balancer of this number keeps; the first is 0. */
  elbOf(at: number): string {
    return join(this.path, at === 0 ? "elb" : `elb-${at + 1}`);
  }
  get rig(): string {
    return join(this.path, "rig");
  }
  /** Who each process is, in the words of `launch`. */
  pidFile(name: string): string {
    return join(this.path, "run", `${name}.pid`);
  }
  logFile(name: string): string {
    return join(this.path, "log", `${name}.log`);
  }
  /** Everything of an installation. */
  get parts(): string[] {
    const directories = ["nats", "projector", "scheduler", "rig", "run", "log"].map((name) =>
      join(this.path, name),
    );
    for (let at = 0; at < elbsMax; at++) directories.push(this.elbOf(at));
    const files = [this.plan, this.secrets, this.sealKeys, this.context, this.state, this.natsConf];
    return [...files, ...files.map((file) => `${file}.new`), ...directories];
  }
  /** What a person types to be rid of it. */
  get purgeCommand(): string {
    return `eru down --purge --home ${this.path}`;
  }
  make(elbs = 1): void {
    // nginx's workers are not root and pass through to their own directory.
    mkdirSync(this.path, { recursive: true, mode: 0o711 });
    for (let at = 0; at < elbs; at++) mkdirSync(this.elbOf(at), { recursive: true, mode: 0o711 });
    for (const part of ["run", "log", "nats", "projector", "scheduler", "rig"])
      mkdirSync(join(this.path, part), { recursive: true, mode: 0o700 });
  }
}

/**
 * Where an installation lives when nobody says: ERU_HOME, else /var/lib/eru for root and ~/.local/share/eru for others.
 */
export function defaultHome(env: Readonly<Record<string, string | undefined>> = process.env): string {
  if (env["ERU_HOME"]) return resolve(env["ERU_HOME"]);
  return process.geteuid?.() === 0
    ? "/var/lib/eru"
    : join(env["HOME"] || homedir(), ".local", "share", "eru");
}

/** Where `make demo` lives: inside the checkout, so that throwing that away throws all away. */
export const demoHome = join(repository, ".eru", "demo");

/** Writes a file that is never seen half written; only its owner may read it. One writer at a time. */
export function writeWhole(path: string, text: string): void {
  const fresh = `${path}.new`;
  writeFileSync(fresh, text, { mode: 0o600 });
  renameSync(fresh, path);
}

/** The text of a file, undefined when there is none. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
