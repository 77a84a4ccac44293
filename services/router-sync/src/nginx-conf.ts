import { readFileSync } from "node:fs";
import { join } from "node:path";
import { forwardingLocations } from "./nginx-locations.ts";

/** What one nginx is started with. */
export type NginxConf = {
  /** Addresses as nginx takes them: `127.0.0.1:8080`, `[::1]:80`, `*:80`. */
  listens: readonly string[];
  /** Addresses for HTTP/2 without TLS and nothing else, as gRPC clients inside a network speak it. */
  h2cListens: readonly string[];
  /** Addresses and blocks of proxies in front, whose X-Forwarded-For says who the client is. */
  trustedProxies: readonly string[];
  /** `www-data www-data`; undefined when nginx is not started by root and cannot change its user. */
  user: string | undefined;
  /** Size of the table's shared memory as nginx takes it: `64m`. */
  tableSize: string;
  /** Number of worker processes, or `auto` for one per core. */
  workers: string;
  openFilesMax: number;
  bootId: string;
  /** What `access_log` says. */
  accessLog: string;
  luaDir: string;
  logDir: string;
  tempDir: string;
  bootFile: string;
  /** Where nginx finds private keys as it starts, or `none`. */
  keysFile: string;
  /** Addresses that are served over TLS, with the certificate for names there is none for. */
  tls?: { listens: readonly string[]; certFile: string; keyFile: string } | undefined;
  /** Else it is a module that Debian's packages load. */
  luaBuiltIn: boolean;
  /** From 1.25.1 on HTTP/2 is a directive of its own. */
  http2Directive: boolean;
  /** What signs the certificates of endpoints, where rules want them judged. */
  endpointCa: string;
  pidFile: string;
  socket: string;
};

const temps = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] as const;

/**
 * The text of nginx.conf.
 * @throws RangeError for a value that nginx would read as more than a value
 */
export function renderConf(elbDir: string, conf: NginxConf): string {
  const { listens, user, tempDir } = conf;
  const values: Record<string, string> = {
    modules: conf.luaBuiltIn ? "" : "include /etc/nginx/modules-enabled/*.conf;",
    user: user === undefined ? "" : `user ${safe(user, / /)};`,
    workers: safe(conf.workers),
    openFiles: String(conf.openFilesMax),
    // Of clients and to endpoints; the rest is for files.
    connections: String(Math.floor((conf.openFilesMax * 7) / 8)),
    tableSize: safe(conf.tableSize),
    bootId: safe(conf.bootId),
    accessLog: safe(conf.accessLog, /[ ,=[\]]/g),
    luaDir: safe(conf.luaDir),
    logDir: safe(conf.logDir),
    bootFile: safe(conf.bootFile),
    keysFile: safe(conf.keysFile),
    tls: conf.tls ? tlsBlock(conf.tls, conf.http2Directive) : "",
    endpointCa: safe(conf.endpointCa),
    pidFile: safe(conf.pidFile),
    socket: safe(conf.socket),
    tempPaths: temps.map((name) => `  ${name}_temp_path ${safe(tempDir)}/${name};\n`).join(""),
    listens: [
      ...listens.map((listen) => `    listen ${safe(listen, /[[\]*]/g)};`),
      ...conf.h2cListens.map((listen) => `    listen ${safe(listen, /[[\]*]/g)} http2;`),
    ].join("\n"),
    trustedProxies: conf.trustedProxies.map((block) => `    set_real_ip_from ${safe(block)};\n`).join(""),
    locations: forwardingLocations(),
  };
  const template = readFileSync(join(elbDir, "nginx.conf.template"), "utf8");
  return template.replace(/\$\{(\w+)\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new RangeError(`nginx.conf.template names the unknown value ${name}`);
    return value;
  });
}

function tlsBlock(tls: NonNullable<NginxConf["tls"]>, http2Directive: boolean): string {
  const { listens, certFile, keyFile } = tls;
  return [
    ...listens.map((listen) => `listen ${safe(listen, /[[\]*]/g)} ssl${http2Directive ? "" : " http2"};`),
    ...(http2Directive ? ["http2 on;"] : []),
    // Served to names without a certificate; nobody trusts it.
    `ssl_certificate ${safe(certFile)};`,
    `ssl_certificate_key ${safe(keyFile)};`,
    "ssl_protocols TLSv1.2 TLSv1.3;",
    "ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;",
    "ssl_prefer_server_ciphers off;",
    "ssl_session_cache shared:eru_tls:10m;",
    "ssl_session_timeout 1h;",
    "ssl_session_tickets off;",
    'ssl_client_hello_by_lua_block { require("eru.tls").client_hello() }',
    'ssl_certificate_by_lua_block { require("eru.tls").certificate() }',
  ]
    .map((line) => `    ${line}\n`)
    .join("");
}

/** nginx has no quoting that keeps `$`, so values with any character of its syntax are refused. */
function safe(value: string, also = /(?!)/g): string {
  if (!/^[A-Za-z0-9_.:/-]+$/.test(value.replace(also, "")))
    throw new RangeError(
      `${JSON.stringify(value)} cannot stand in nginx.conf: use letters, digits and _ . : / - only`,
    );
  return value;
}
