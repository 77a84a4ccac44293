// The servers behind, and the three load balancers in front of them that are compared.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ulid } from "ulid";
import { keyOpener } from "../../../services/router-sync/src/boot-keys.ts";
import { bootText, NginxAdmin } from "../../../services/router-sync/src/nginx-admin.ts";
import { findNginx } from "../../../services/router-sync/src/nginx-binary.ts";
import { NginxProcess } from "../../../services/router-sync/src/nginx-process.ts";
import { freePort } from "../free-port.ts";
import { childrenOf, cores, pin, pinned } from "./load.ts";

const exec = promisify(execFile);

export type Balancer = { url: string; pids: readonly number[]; stop: () => Promise<void> };

/** Where everything of a run lives, and on how many processors it runs. */
export type Place = { dir: string; processors: number };

/** Names the programs that are not there, and how they are had. */
export async function missingPrograms(): Promise<string | undefined> {
  const missing: string[] = [];
  for (const name of ["wrk", "haproxy", "taskset"])
    await exec("sh", ["-c", `command -v ${name}`]).catch(() => missing.push(name));
  return missing.length === 0
    ? undefined
    : `this benchmark needs ${missing.join(", ")}: run infra/setup/setup --bench (Debian: apt-get install wrk haproxy util-linux)`;
}

async function started(child: ChildProcess, url: string): Promise<number> {
  for (let tries = 0; tries < 200; tries++) {
    const answer = await fetch(url).catch(() => undefined);
    await answer?.arrayBuffer();
    if (answer?.ok && child.pid !== undefined) return child.pid;
    await sleep(25);
  }
  throw new Error(`${url} did not answer`);
}

const stopper = (child: ChildProcess) => async (): Promise<void> => {
  if (child.exitCode !== null) return;
  child.kill("SIGTERM");
  await once(child, "exit");
};

const nginxHead = (dir: string, name: string): string => `
daemon off; worker_processes 1; pid ${dir}/${name}.pid; error_log ${dir}/${name}.error warn;
worker_rlimit_nofile 8192;
events { worker_connections 4096; }`;
const temps = (dir: string): string =>
  ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((one) => `${one}_temp_path ${dir}/t-${one};`)
    .join(" ");

async function startNginx(
  { dir, processors }: Place,
  name: string,
  conf: string,
  core: string,
): Promise<ChildProcess> {
  const file = join(dir, `${name}.conf`);
  await writeFile(file, conf);
  const bin = await findNginx(undefined, process.env["PATH"] ?? "");
  const [command = "", ...args] = pinned(
    core,
    [bin, "-c", file, "-e", join(dir, `${name}.error`)],
    processors,
  );
  return spawn(command, args, { stdio: "ignore" });
}

/** Four addresses that answer six bytes. */
export async function startUpstream(place: Place): Promise<{ ports: number[]; stop: () => Promise<void> }> {
  const ports = [await freePort(), await freePort(), await freePort(), await freePort()];
  const listens = ports.map((port) => `listen 127.0.0.1:${port};`).join(" ");
  const child = await startNginx(
    place,
    "upstream",
    `${nginxHead(place.dir, "upstream")}
http { access_log off; keepalive_requests 1000000; ${temps(place.dir)}
  server { ${listens} location / { add_header X-Port $server_port; return 200 "hello\\n"; } } }`,
    cores.others,
  );
  await started(child, `http://127.0.0.1:${ports[0]}/`);
  return { ports, stop: stopper(child) };
}

/** nginx with the upstream in its file, doing what a proxy must and logging as ours does. */
export async function startStaticNginx(place: Place, ports: readonly number[]): Promise<Balancer> {
  const port = await freePort();
  const servers = ports.map((one) => `server 127.0.0.1:${one};`).join(" ");
  const child = await startNginx(
    place,
    "static",
    `${nginxHead(place.dir, "static")}
http {
  ${temps(place.dir)}
  log_format like_ours escape=json '{"time":"$time_iso8601","id":"$request_id","client":"$remote_addr",'
    '"method":"$request_method","host":"$host","path":"$uri","protocol":"$server_protocol","tls":"$ssl_protocol",'
    '"status":$status,"requestBytes":$request_length,"bytes":$body_bytes_sent,"seconds":$request_time,"upstreamAddr":"$upstream_addr",'
    '"upstreamStatus":"$upstream_status","upstreamConnectSeconds":"$upstream_connect_time",'
    '"upstreamHeaderSeconds":"$upstream_header_time",'
    '"upstreamSeconds":"$upstream_response_time","userAgent":"$http_user_agent"}';
  access_log ${place.dir}/static.log like_ours buffer=64k flush=1s;
  upstream u { ${servers} keepalive 1024; }
  server { listen 127.0.0.1:${port}; keepalive_requests 1000000;
    location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off;
      proxy_set_header Host $host; proxy_set_header X-Request-Id $request_id; proxy_set_header X-Real-IP $remote_addr;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host; } } }`,
    cores.proxy,
  );
  const url = `http://127.0.0.1:${port}/`;
  return { url, pids: await childrenOf(await started(child, url)), stop: stopper(child) };
}

/** HAProxy with the servers in its file and one thread. */
export async function startHaproxy({ dir, processors }: Place, ports: readonly number[]): Promise<Balancer> {
  const port = await freePort();
  const file = join(dir, "haproxy.cfg");
  await writeFile(
    file,
    `global
  nbthread 1
  maxconn 4096
defaults
  mode http
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend f
  bind 127.0.0.1:${port}
  default_backend b
backend b
${ports.map((one, at) => `  server s${at} 127.0.0.1:${one} pool-max-conn 1024`).join("\n")}
`,
  );
  const [command = "", ...args] = pinned(cores.proxy, ["haproxy", "-db", "-f", file], processors);
  const child = spawn(command, args, { stdio: "ignore" });
  const url = `http://127.0.0.1:${port}/`;
  return { url, pids: [await started(child, url)], stop: stopper(child) };
}

export type Ours = Balancer & {
  admin: NginxAdmin;
  nginx: NginxProcess;
  port: number;
  /** From the start of nginx to its first answer. */
  bootSeconds: number;
};

/** Our load balancer with a table, as router-sync starts it. */
export async function startOurs(
  { dir, processors }: Place,
  table: ReadonlyMap<string, string>,
  options: { name: string; workers: string; tableSize: string },
): Promise<Ours> {
  const port = await freePort();
  const openKey = keyOpener(undefined);
  const nginx = new NginxProcess({
    bin: await findNginx(undefined, process.env["PATH"] ?? ""),
    dir: join(dir, options.name),
    elbDir: fileURLToPath(new URL("../../../infra/elb", import.meta.url)),
    listens: [`127.0.0.1:${port}`],
    tableSize: options.tableSize,
    h2cListens: [],
    tlsListens: [],
    openKey,
    trustedProxies: [],
    workers: options.workers,
  });
  await nginx.writeBootFile(bootText({ epoch: "bench", seq: 1 }, table));
  const begun = performance.now();
  await nginx.start(ulid());
  const url = `http://127.0.0.1:${port}/`;
  const answer = await fetch(url);
  await answer.arrayBuffer();
  const bootSeconds = (performance.now() - begun) / 1_000;
  const admin = new NginxAdmin(nginx.socket, openKey);
  const { masterPid } = await admin.status();
  const pids = await childrenOf(masterPid);
  if (options.workers === "1") await pin(cores.proxy, pids, processors);
  const stop = async () => {
    await admin.close();
    await nginx.quit(masterPid, 2_000);
  };
  return { url, port, pids, admin, nginx, bootSeconds, stop };
}
