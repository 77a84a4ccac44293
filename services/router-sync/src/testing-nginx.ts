// A real nginx with our Lua code, and the servers behind it, for the tests of this service.

import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ulid } from "ulid";
import { type KeyOpener, keyOpener } from "./boot-keys.ts";
import type { PoolEndpoint } from "./domain/pool.ts";
import { bootText, NginxAdmin, NginxUnreachableError, type Status } from "./nginx-admin.ts";
import { findNginx } from "./nginx-binary.ts";
import { isRunning, NginxProcess, send } from "./nginx-process.ts";

const elbDir = fileURLToPath(new URL("../../../infra/elb", import.meta.url));

/** Waits until `look` gives something, and fails with `what` after a minute: the longest rest between two starts is 15 s. */
export async function until<T>(
  what: string | (() => string),
  look: () => T | undefined | false | Promise<T | undefined | false>,
): Promise<T> {
  const endMs = performance.now() + 60_000;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > endMs)
      throw new Error(`waited 60 s in vain: ${typeof what === "string" ? what : what()}`);
    await sleep(10);
  }
}

/**
 * A port nobody listens on, below those the system gives to clients: one of theirs could be taken by any connection while
 * nginx is down, even by our own to that very port, which then talks to itself.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = 15_000 + Math.floor(Math.random() * 15_000);
    const server = createTcpServer();
    const free = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port, "127.0.0.1", () => resolve(true));
    });
    if (!free) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
}

/** A table in short: pools by endpoints, hosts by rules (`/prefix pool`). */
export function tableOf(
  pools: Record<string, readonly PoolEndpoint[]>,
  hosts: Record<string, readonly string[]>,
): Map<string, string> {
  const table = new Map<string, string>();
  for (const [name, eps] of Object.entries(pools)) table.set(`p:${name}`, JSON.stringify({ eps }));
  for (const [host, rules] of Object.entries(hosts)) table.set(`r:${host}`, hostJson(rules));
  return table;
}

export const hostJson = (rules: readonly string[]): string =>
  JSON.stringify({
    rules: rules.map((text) => {
      const [prefix = "", pool = ""] = text.split(" ");
      return { id: prefix, when: [{ path: { prefix } }], forward: { backends: [{ pool, weight: 1 }] } };
    }),
  });

/** nginx as it is when both workers are up. */
export const whole = (elb: Pick<Elb, "admin">): Promise<Status> =>
  until("both workers are up", async () => {
    const status = await elb.admin.status().catch(() => undefined);
    return status?.workers.length === 2 && status;
  });

/** Makes a process sleep, and returns when it does: before that it may still take what comes. */
export async function freeze(pid: number): Promise<void> {
  send(pid, "SIGSTOP");
  await until(`${pid} sleeps`, async () => /\) T /.test(await readFile(`/proc/${pid}/stat`, "utf8")));
}

/** A running load balancer. */
export type Elb = {
  readonly dir: string;
  readonly port: number;
  /** Takes HTTP/2 without TLS. */
  readonly h2cPort: number;
  /** Takes TLS. */
  readonly tlsPort: number;
  readonly admin: NginxAdmin;
  readonly nginx: NginxProcess;
  /** Asks the admin socket whatever a test wants to ask. */
  call(
    method: string,
    path: string,
    body?: string,
  ): Promise<{ status: number; json: Record<string, unknown>; text: string }>;
  stop(): Promise<void>;
};

const noKeys = keyOpener(undefined);

type ElbOptions = {
  tableSize?: string;
  trustedProxies?: string[];
  openKey?: KeyOpener;
  accessLog?: string;
  endpointCa?: string;
  /** A shared memory that is to be as small as this. */
  small?: { dict: string; size: string };
};

/** The load balancer's files with a memory that is soon full. */
async function withSmall(dir: string, { dict, size }: { dict: string; size: string }): Promise<string> {
  const copy = join(dir, "small");
  await cp(elbDir, copy, { recursive: true });
  const file = join(copy, "nginx.conf.template");
  const line = new RegExp(`lua_shared_dict ${dict} \\w+;`);
  const text = await readFile(file, "utf8");
  if (!line.test(text)) throw new Error(`nginx.conf.template has no ${dict}`);
  await writeFile(file, text.replace(line, `lua_shared_dict ${dict} ${size};`));
  return copy;
}

/** A directory with an nginx that is not started. */
export async function prepareElb(options: ElbOptions & { port?: number; dir?: string } = {}): Promise<Elb> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "elb-test-")));
  const port = options.port ?? (await freePort());
  const h2cPort = await freePort();
  const tlsPort = await freePort();
  const openKey = options.openKey ?? noKeys;
  const nginx = new NginxProcess({
    bin: await findNginx(undefined, ""),
    dir,
    elbDir: options.small ? await withSmall(dir, options.small) : elbDir,
    listens: [`127.0.0.1:${port}`],
    tlsListens: [`127.0.0.1:${tlsPort}`],
    openKey,
    h2cListens: [`127.0.0.1:${h2cPort}`],
    trustedProxies: options.trustedProxies ?? [],
    tableSize: options.tableSize ?? "8m",
    workers: "2",
    endpointCa: options.endpointCa,
    ...(options.accessLog !== undefined && { accessLog: options.accessLog }),
  });
  const admin = new NginxAdmin(nginx.socket, openKey);
  return {
    dir,
    port,
    h2cPort,
    tlsPort,
    nginx,
    admin,
    call: (method, path, body) => callAdmin(nginx.socket, method, path, body),
    stop: async () => {
      await endNginx({ admin, nginx });
      await admin.close();
      for (const path of [dir, nginx.tempDir]) await rm(path, { recursive: true, force: true });
    },
  };
}

/** Starts nginx with a table as of sequence 10 of epoch `e1`. */
export async function startElb(
  table: Map<string, string> = new Map(),
  options: ElbOptions = {},
): Promise<Elb> {
  const elb = await prepareElb(options);
  await elb.nginx.writeBootFile(bootText({ epoch: "e1", seq: 10 }, table));
  await elb.nginx.start(ulid());
  await whole(elb);
  return elb;
}

/** Ends master and workers, whatever became of them. */
async function endNginx({ admin, nginx }: Pick<Elb, "admin" | "nginx">): Promise<void> {
  const status = await admin.status().catch((error: unknown) => {
    if (error instanceof NginxUnreachableError) return undefined;
    throw error;
  });
  if (!status) return;
  const workers = status.workers.map(({ pid }) => pid);
  for (const signal of ["SIGTERM", "SIGCONT"] as const)
    for (const pid of [status.masterPid, ...workers]) send(pid, signal);
  for (const pid of [status.masterPid, ...workers])
    await until("nginx is gone", async () => !(await isRunning(pid)));
  await nginx.quit(status.masterPid, 0);
}

function callAdmin(socketPath: string, method: string, path: string, body?: string) {
  return new Promise<{ status: number; json: Record<string, unknown>; text: string }>((resolve, reject) => {
    const asked = request({ socketPath, method, path, agent: false }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (part: string) => {
        text += part;
      });
      answer.on("end", () => {
        const isJson = answer.headers["content-type"] === "application/json";
        resolve({ status: answer.statusCode ?? 0, text, json: isJson ? JSON.parse(text) : {} });
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

/** What a server behind the load balancer saw of a request, with its own name: the body of its answers. */
export type Seen = { id: string; method: string; url: string; headers: Record<string, string>; body: string };

export type Backend = {
  readonly endpoint: PoolEndpoint;
  readonly requests: () => number;
  readonly server: Server;
  stop(): Promise<void>;
};

/**
 * A server behind the load balancer. It answers with what it saw; `/hold` waits for `release`, an upgrade echoes bytes.
 */
export async function startBackend(
  id: string,
  handle?: (request: IncomingMessage, response: ServerResponse, seen: Seen) => void,
): Promise<Backend> {
  let requests = 0;
  const sockets = new Set<Socket>();
  const server = createServer((incoming, response) => {
    let body = "";
    incoming.setEncoding("utf8").on("data", (part: string) => {
      body += part;
    });
    incoming.on("end", () => {
      requests++;
      const { method = "", url = "" } = incoming;
      const seen = { id, method, url, headers: incoming.headers as Record<string, string>, body };
      if (handle) handle(incoming, response, seen);
      else response.end(JSON.stringify(seen));
    });
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  server.on("upgrade", (_incoming, socket) => {
    socket.write("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
    socket.on("data", (data) => socket.write(data));
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: { id, ip: "127.0.0.1", port, w: 1, s: "a" },
    requests: () => requests,
    server,
    stop: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
