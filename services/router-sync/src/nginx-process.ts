import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import {
  access,
  chmod,
  copyFile,
  lstat,
  mkdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { placeholderCertificate } from "@eru/tls";
import { accessLogDirective } from "./access-log.ts";
import { bootKeys, type KeyOpener, openForOne } from "./boot-keys.ts";
import { featuresOf, said } from "./nginx-binary.ts";
import { renderConf } from "./nginx-conf.ts";
import { NginxStartError } from "./nginx-error.ts";

/** Where one nginx lives and what it listens on. */
export type NginxSettings = {
  bin: string;
  /** Holds everything of this nginx; made when it is missing. */
  dir: string;
  /** Addresses served over TLS. */
  tlsListens: readonly string[];
  /** Opens private keys as they are needed; they are never written to a disk. */
  openKey: KeyOpener;
  /** The repository's infra/elb. */
  elbDir: string;
  listens: readonly string[];
  h2cListens: readonly string[];
  trustedProxies: readonly string[];
  tableSize: string;
  workers: string;
  /** A file with the certificates that sign those of endpoints, or `system`; absent: nobody is trusted. */
  endpointCa?: string | undefined;
  /** As access-log.ts says; absent: into a file. */
  accessLog?: string;
};

/** Debian, Red Hat, Alpine. */
const systemCas = [
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/cert.pem",
] as const;
const startTimeoutMs = 30_000;
const quitLookMs = 20;
const openFilesWanted = 65_536;
const logBytesMax = 64 * 1024 * 1024;

/** Starts and ends one nginx as a daemon, so that it outlives the process that started it. */
export class NginxProcess {
  readonly #settings: NginxSettings;
  readonly bootFile: string;
  readonly socket: string;
  /** Holds the process id of the master that serves. */
  readonly pidFile: string;
  /** Is there while an operator wants this load balancer to stay away. */
  readonly leaveFile: string;
  readonly #logDir: string;
  /** Used when the workers cannot get into the directory: a home's is its owner's alone. */
  readonly tempDir: string;

  constructor(settings: NginxSettings) {
    this.#settings = settings;
    this.bootFile = join(settings.dir, "table.boot");
    this.socket = join(settings.dir, "run", "admin.sock");
    this.pidFile = join(settings.dir, "nginx.pid");
    this.leaveFile = join(settings.dir, "told-to-leave");
    this.#logDir = join(settings.dir, "logs");
    const name = createHash("sha256").update(settings.dir).digest("hex").slice(0, 16);
    this.tempDir = join(tmpdir(), `eru-elb-${name}`);
  }

  /** Opens private keys. */
  get openKey(): KeyOpener {
    return this.#settings.openKey;
  }

  /** Replaces the file nginx reads its first table from. A crash leaves the one before or the new one. */
  async writeBootFile(text: string): Promise<void> {
    await mkdir(this.#settings.dir, { recursive: true });
    const fresh = `${this.bootFile}.new`;
    await writeFile(fresh, text, { flush: true });
    await rename(fresh, this.bootFile);
  }

  /** True when nginx has a table to start with. */
  async hasBootFile(): Promise<boolean> {
    return access(this.bootFile).then(
      () => true,
      () => false,
    );
  }

  /**
   * Starts nginx with the boot file's table; when it returns, nginx accepts connections.
   * @throws NginxStartError nginx refused
   */
  async start(bootId: string): Promise<void> {
    const { dir, bin } = this.#settings;
    for (const part of ["", "run", "logs", "tmp"]) await mkdir(join(dir, part), { recursive: true });
    // nginx makes its socket writable for everybody; the directory is what protects it.
    await chmod(join(dir, "run"), 0o750);
    const conf = join(dir, "nginx.conf");
    // An older nginx that is still finishing requests deletes its pid file when it ends, so each has its own.
    const keys = bootKeys(await readFile(this.bootFile, "utf8").catch(() => ""), this.#settings.openKey);
    const pidFile = join(dir, "run", `nginx-${bootId}.pid`);
    await writeFile(`${conf}.new`, await this.#conf(bootId, pidFile, keys !== undefined));
    await rename(`${conf}.new`, conf);
    // A killed nginx leaves its socket, and the next one would not start.
    await rm(this.socket, { force: true });
    const secret = keys === undefined ? undefined : await openForOne(keys);
    try {
      const said = await run(bin, ["-c", conf, "-e", join(this.#logDir, "error.log")], secret?.fd);
      if (said !== undefined) throw new NginxStartError(said);
    } finally {
      await secret?.close();
    }
  }

  /** Notes the serving master for people and supervisors. */
  async writePid(pid: number): Promise<void> {
    await writeFile(`${this.pidFile}.new`, `${pid}\n`);
    await rename(`${this.pidFile}.new`, this.pidFile);
  }

  /** The master noted last; undefined when it is not running. */
  async readPid(): Promise<number | undefined> {
    const pid = Number(await readFile(this.pidFile, "utf8").catch(() => ""));
    if (!(pid > 0)) return undefined;
    // After a reboot the number may be somebody else's; nginx shows its directory in its title.
    const title = await titleOf(pid);
    return title.includes("nginx: master") && title.includes(this.#settings.dir) ? pid : undefined;
  }

  /** Ends nginx. New connections are refused at once; requests may take `graceMs` to finish, then they are cut. */
  async quit(pid: number, graceMs: number): Promise<void> {
    send(pid, "SIGQUIT");
    const endMs = performance.now() + graceMs;
    while ((await isRunning(pid)) && performance.now() < endMs) await sleep(quitLookMs);
    send(pid, "SIGTERM");
    await rm(this.pidFile, { force: true });
    await rm(this.tempDir, { recursive: true, force: true });
  }

  /** As `quit`, for one that does not react: at the end master and workers are killed, because they hold the ports. */
  async replace(pid: number, graceMs: number): Promise<void> {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
    await this.quit(pid, graceMs);
    for (const one of [pid, ...children.split(" ").filter(Boolean).map(Number)])
      if ((await titleOf(one)).startsWith("nginx: ")) send(one, "SIGKILL");
  }

  /** Bounds the logs: the older half of what is kept is in `<name>.1`. */
  async trimLogs(): Promise<void> {
    for (const name of ["access.log", "error.log"]) {
      const file = join(this.#logDir, name);
      const size = await stat(file)
        .then((found) => found.size)
        .catch(() => 0);
      if (size <= logBytesMax) continue;
      // nginx appends, so a truncated file needs no signal; its workers could not reopen files everywhere.
      await copyFile(file, `${file}.1`);
      await truncate(file);
    }
  }

  /** The placeholder is made anew with each start, so no copy of its key is of use. */
  async #tls() {
    const { dir, tlsListens: listens } = this.#settings;
    if (listens.length === 0) return undefined;
    const [certFile, keyFile] = [join(dir, "run", "placeholder.pem"), join(dir, "run", "placeholder.key")];
    const { certPem, keyPem } = placeholderCertificate(Date.now());
    await writeFile(certFile, certPem);
    await writeFile(keyFile, keyPem, { mode: 0o600 });
    return { listens, certFile, keyFile };
  }

  /**
   * Those of the system only when asked for: nginx reads the file once for each location that judges, which takes half a
   * second and 20 MiB for a hundred and fifty certificates.
   */
  async #endpointCa(): Promise<string> {
    const { dir, endpointCa } = this.#settings;
    if (endpointCa !== undefined && endpointCa !== "system") return endpointCa;
    for (const file of endpointCa === "system" ? systemCas : [])
      if (
        await access(file).then(
          () => true,
          () => false,
        )
      )
        return file;
    if (endpointCa === "system")
      throw new NginxStartError(`none of ${systemCas.join(", ")} is there: install ca-certificates`);
    // Nobody: the key of what stands there is thrown away.
    const nobody = join(dir, "run", "nobody.pem");
    await writeFile(nobody, placeholderCertificate(Date.now()).certPem);
    return nobody;
  }

  async #conf(bootId: string, pidFile: string, withKeys: boolean): Promise<string> {
    const { dir, elbDir, listens, h2cListens, trustedProxies, tableSize, workers } = this.#settings;
    const user = process.getuid?.() === 0 ? await workerUser() : undefined;
    const tempDir =
      user === undefined || (await openToAll(dir)) ? join(dir, "tmp") : await makeTempDir(this.tempDir);
    return renderConf(elbDir, {
      listens,
      h2cListens,
      trustedProxies,
      user,
      tableSize,
      workers,
      openFilesMax: await openFilesMax(),
      bootId,
      accessLog: accessLogDirective(this.#settings.accessLog ?? "file", this.#logDir),
      luaDir: join(elbDir, "lua"),
      logDir: this.#logDir,
      tempDir,
      bootFile: this.bootFile,
      keysFile: withKeys ? "/proc/self/fd/3" : "none",
      tls: await this.#tls(),
      endpointCa: await this.#endpointCa(),
      ...featuresOf(await said(this.#settings.bin)),
      pidFile,
      socket: this.socket,
    });
  }
}

/** Sends a signal; a process that is gone needs none. */
export function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/** Whether a process runs. One that ended and was not buried yet does not. */
export async function isRunning(pid: number): Promise<boolean> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return /\) [^ZX] /.test(stat);
}

/** nginx shows in its title what a process is. */
const titleOf = (pid: number): Promise<string> => readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");

/** Runs to the end; undefined when all went well, else what it said. `fd` is its descriptor 3. */
function run(bin: string, args: readonly string[], fd?: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = spawn(bin, args, {
      timeout: startTimeoutMs,
      stdio: ["ignore", "pipe", "pipe", ...(fd === undefined ? [] : [fd])],
    });
    let said = "";
    for (const stream of [child.stderr, child.stdout])
      stream?.setEncoding("utf8").on("data", (text: string) => {
        said += text;
      });
    child.on("error", (error) => resolve(error.message));
    // Not `close`: nginx's workers keep the streams.
    child.on("exit", (code, signal) =>
      resolve(code === 0 ? undefined : said.trim().slice(-4_000) || `it ended with ${code ?? signal}`),
    );
  });
}

async function workerUser(): Promise<string> {
  const users = await readFile("/etc/passwd", "utf8");
  const groups = await readFile("/etc/group", "utf8");
  for (const name of ["www-data", "nginx", "nobody"]) {
    const gid = new RegExp(`^${name}:[^:]*:\\d+:(\\d+):`, "m").exec(users)?.[1];
    const group = gid && new RegExp(`^([^:]+):[^:]*:${gid}:`, "m").exec(groups)?.[1];
    if (group) return `${name} ${group}`;
  }
  throw new NginxStartError("no user for its workers: make a user www-data, nginx or nobody");
}

/** Whether nginx's workers, who are not root, can get to files below. */
async function openToAll(dir: string): Promise<boolean> {
  for (let at = dir; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

/** For request bodies that do not fit in memory, when the workers cannot get into our own directory. */
async function makeTempDir(path: string): Promise<string> {
  await mkdir(path, { recursive: true });
  const found = await lstat(path);
  if (!found.isDirectory() || found.uid !== process.getuid?.())
    throw new NginxStartError(`${path} belongs to somebody else: remove it`);
  await chmod(path, 0o711);
  return path;
}

async function openFilesMax(): Promise<number> {
  const limits = await readFile("/proc/self/limits", "utf8").catch(() => "");
  const hard = /^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1];
  return Math.min(openFilesWanted, hard === undefined ? 1_024 : Number(hard));
}
