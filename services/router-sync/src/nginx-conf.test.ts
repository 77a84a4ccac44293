import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { featuresOf } from "./nginx-binary.ts";
import { type NginxConf, renderConf } from "./nginx-conf.ts";

const elbDir = fileURLToPath(new URL("../../../infra/elb", import.meta.url));
const conf = (text: string, more: Partial<NginxConf> = {}): string =>
  renderConf(elbDir, {
    listens: ["127.0.0.1:80"],
    h2cListens: ["127.0.0.1:81"],
    trustedProxies: ["10.0.0.0/8"],
    user: "www-data www-data",
    tableSize: "8m",
    workers: "2",
    openFilesMax: 1_024,
    bootId: "b1",
    accessLog: "off",
    luaDir: "/elb/lua",
    logDir: "/elb/logs",
    tempDir: "/elb/tmp",
    bootFile: "/elb/table.boot",
    keysFile: "none",
    tls: { listens: ["127.0.0.1:443"], certFile: "/elb/c.pem", keyFile: "/elb/k.pem" },
    endpointCa: "/elb/ca.pem",
    pidFile: "/elb/pid",
    socket: "/elb/run/admin.sock",
    ...featuresOf(text),
    ...more,
  });
const lines = (text: string): string[] => text.split("\n").map((line) => line.trim());

test("for Debian's nginx its Lua module is loaded, and HTTP/2 belongs to the address", () => {
  const made = lines(conf("nginx version: nginx/1.22.1\nconfigure arguments: --modules-path=/usr/lib/nginx"));
  expect(made).toContain("include /etc/nginx/modules-enabled/*.conf;");
  expect(made).toContain("listen 127.0.0.1:443 ssl http2;");
  expect(made).not.toContain("http2 on;");
});

test("for OpenResty no module is loaded, and HTTP/2 is a directive; all else is the same", () => {
  const debian = conf("nginx version: nginx/1.22.1");
  const resty = conf(
    "nginx version: openresty/1.27.1.2\nconfigure arguments: --add-module=../ngx_lua-0.10.28",
  );
  const differing = (one: string, other: string) => lines(one).filter((line) => !lines(other).includes(line));
  expect(differing(resty, debian)).toEqual(["listen 127.0.0.1:443 ssl;", "http2 on;"]);
  expect(differing(debian, resty)).toEqual([
    "include /etc/nginx/modules-enabled/*.conf;",
    "listen 127.0.0.1:443 ssl http2;",
  ]);
});

test("nothing is left to fill in, and every location that code names is there", () => {
  const made = conf("");
  expect(made).not.toContain("${");
  for (const name of ["http", "http_502_503_504_any_verified", "stream_verified_all", "grpc_1m", "read_1g"])
    expect(lines(made)).toContain(`location @${name} {`);
});

test.each<[string, Partial<NginxConf>]>([
  ["a directory with a space", { logDir: "/elb/a b" }],
  ["a bundle that ends the directive", { endpointCa: "/elb/ca.pem; user root" }],
  ["a variable", { listens: ["$host:80"] }],
])("%s is refused before it becomes configuration", (_what, more) => {
  expect(() => conf("", more)).toThrow("cannot stand in nginx.conf");
});
