// Endpoints that speak TLS, and rules that want to know who they are.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect, createSecureServer } from "node:http2";
import { createServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import type { PoolEndpoint } from "./domain/pool.ts";
import { type Elb, startElb } from "./testing-nginx.ts";
import { ask, type Rule, ruleTable, to } from "./testing-rules.ts";
import { atEnd, endAll } from "./testing-service.ts";

afterEach(endAll);

type Pair = { key: Buffer; cert: Buffer };

/** An authority, a pair that it signed for a name, and one of a name's own making. */
async function pairs(name: string): Promise<{ ca: string; signed: Pair; own: Pair }> {
  const dir = await mkdtemp(join(tmpdir(), "elb-ca-"));
  atEnd(() => rm(dir, { recursive: true, force: true }));
  const at = (file: string) => join(dir, file);
  const openssl = (...args: string[]) => promisify(execFile)("openssl", args);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const selfSigned = async (cn: string, file: string, more: string[]) =>
    openssl(
      ...["req", "-x509", ...key, "-days", "2", "-subj", `/CN=${cn}`, ...more],
      ...["-keyout", at(`${file}.key`), "-out", at(`${file}.pem`)],
    );
  await selfSigned("ca", "ca", ["-addext", "basicConstraints=critical,CA:TRUE"]);
  await selfSigned(name, "own", ["-addext", `subjectAltName=DNS:${name}`]);
  await openssl("req", ...key, "-subj", `/CN=${name}`, "-keyout", at("signed.key"), "-out", at("signed.csr"));
  await writeFile(at("extensions"), `subjectAltName=DNS:${name}\n`);
  await openssl(
    ...["x509", "-req", "-in", at("signed.csr"), "-CA", at("ca.pem"), "-CAkey", at("ca.key")],
    ...["-days", "2", "-extfile", at("extensions"), "-out", at("signed.pem")],
  );
  const read = async (file: string) => ({
    key: await readFile(at(`${file}.key`)),
    cert: await readFile(at(`${file}.pem`)),
  });
  return { ca: at("ca.pem"), signed: await read("signed"), own: await read("own") };
}

async function listening(id: string, server: Server): Promise<PoolEndpoint> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { id, ip: "127.0.0.1", port: (server.address() as AddressInfo).port, w: 1, s: "a" };
}

/** A server that answers with the name it was asked for; ends with its test. */
function serving(id: string, pair: Pair): Promise<PoolEndpoint> {
  const server = createServer(pair, (request, response) => {
    const name = "servername" in request.socket ? request.socket.servername : undefined;
    request.resume().on("end", () => response.end(JSON.stringify({ id, name })));
  });
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  return listening(id, server);
}

async function elbWith(table: Map<string, string>, endpointCa?: string): Promise<Elb> {
  const elb = await startElb(table, { ...(endpointCa !== undefined && { endpointCa }) });
  atEnd(elb.stop);
  return elb;
}

const name = "inner.example.org";
const https = (pool: string, endpointTls?: object): Rule[] => [
  to(pool, { protocol: "https", ...(endpointTls && { endpointTls }) }),
];

test("only who has the name and is signed by whom the load balancer trusts is sent anything, if the rule wants that", async () => {
  const { ca, signed, own } = await pairs(name);
  const elb = await elbWith(
    ruleTable(
      { "a/signed": [await serving("signed", signed)], "a/own": [await serving("own", own)] },
      {
        "signed.org": https("a/signed", { verify: true, name }),
        "other-name.org": https("a/signed", { verify: true }),
        [name]: https("a/signed", { verify: true }),
        "own.org": https("a/own", { verify: true, name }),
        "lenient.org": https("a/own", { verify: false, name }),
        "any.org": https("a/own"),
      },
    ),
    ca,
  );
  // Round and round: what was judged for one name must not serve the next.
  for (let round = 0; round < 3; round++) {
    expect((await ask(elb, { host: "signed.org" })).text).toContain(`"name":"${name}"`);
    expect(await ask(elb, { host: "other-name.org" })).toMatchObject({
      status: 502,
      headers: { "x-eru-reason": "endpoint_failed" },
    });
    expect((await ask(elb, { host: name })).status).toBe(200);
    expect((await ask(elb, { host: "lenient.org" })).text).toContain(`"name":"${name}"`);
    expect((await ask(elb, { host: "own.org" })).status).toBe(502);
    expect((await ask(elb, { host: "any.org" })).status).toBe(200);
  }
});

test("whatever else a rule says of tries and bodies, it is judged", async () => {
  const { ca, signed, own } = await pairs(name);
  const hosts: Record<string, Rule[]> = {};
  const tls = { protocol: "https", endpointTls: { verify: true, name } };
  const forwards: object[] = [{ requestBuffering: false }];
  for (const bodyBytesMax of [1_000, 2 ** 22, 2 ** 27, 2 ** 30, 2 ** 32])
    forwards.push({ requestBuffering: false, bodyBytesMax }, { bodyBytesMax });
  for (let bits = 0; bits < 8; bits++)
    for (const nonIdempotent of [false, true]) {
      const on = ["502", "503", "504"].filter((_status, at) => bits & (1 << at));
      forwards.push({ retry: { tries: 1, on: ["connect", ...on], nonIdempotent } });
    }
  for (const [at, forward] of forwards.entries())
    for (const pool of ["signed", "own"])
      hosts[`${pool}-${at}.org`] = [to(`a/${pool}`, { ...tls, ...forward })];
  const table = ruleTable(
    { "a/signed": [await serving("signed", signed)], "a/own": [await serving("own", own)] },
    hosts,
  );
  const elb = await elbWith(table, ca);
  for (const at of forwards.keys())
    for (const headers of [{}, { "transfer-encoding": "chunked" }]) {
      const asked = { method: "POST", body: "x", headers };
      expect([at, (await ask(elb, { host: `signed-${at}.org`, ...asked })).status]).toEqual([at, 200]);
      expect([at, (await ask(elb, { host: `own-${at}.org`, ...asked })).status]).toEqual([at, 502]);
    }
});

test("calls of gRPC are judged too", async () => {
  const { ca, signed, own } = await pairs(name);
  const speaking = async (id: string, pair: Pair) => {
    const server = createSecureServer(pair);
    server.on("sessionError", () => undefined);
    server.on("stream", (stream) => {
      stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
      stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0" }));
      stream.resume().on("end", () => stream.end());
    });
    atEnd(() => void server.close());
    return listening(id, server);
  };
  const grpcs = { protocol: "grpcs", endpointTls: { verify: true, name } };
  const elb = await elbWith(
    ruleTable(
      { "a/signed": [await speaking("signed", signed)], "a/own": [await speaking("own", own)] },
      { "signed.org": [to("a/signed", grpcs)], "own.org": [to("a/own", grpcs)] },
    ),
    ca,
  );
  const session = connect(`http://127.0.0.1:${elb.h2cPort}`);
  atEnd(() => session.destroy());
  const statusOf = (host: string) =>
    new Promise((resolve, reject) => {
      const stream = session.request({
        ...{ ":method": "POST", ":path": "/a/B", ":authority": host },
        ...{ "content-type": "application/grpc", te: "trailers" },
      });
      let status: unknown;
      for (const event of ["response", "trailers"])
        stream.on(event, (headers) => {
          status = headers["grpc-status"] ?? status;
        });
      stream.on("error", reject).on("close", () => resolve(status));
      stream.resume().end("x");
    });
  expect([await statusOf("signed.org"), await statusOf("own.org")]).toEqual(["0", "14"]);
});

test("without a bundle nobody is trusted, and the system's is there when asked for", async () => {
  const { signed } = await pairs(name);
  const table = ruleTable(
    { "a/signed": [await serving("signed", signed)] },
    { "hello.org": https("a/signed", { verify: true, name }) },
  );
  const [alone, trusting] = [await elbWith(table), await elbWith(table, "system")];
  expect((await ask(alone)).status).toBe(502);
  expect((await ask(trusting)).status).toBe(502);
  expect(await readFile(join(alone.dir, "nginx.conf"), "utf8")).toMatch(
    /proxy_ssl_trusted_certificate \S+nobody/,
  );
  expect(await readFile(join(trusting.dir, "nginx.conf"), "utf8")).toContain(
    "proxy_ssl_trusted_certificate /etc/",
  );
});
