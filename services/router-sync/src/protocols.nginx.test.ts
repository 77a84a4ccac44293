// What is spoken on both sides: HTTP/2, gRPC, WebSocket, TLS to endpoints, proxies in front.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import {
  type ClientHttp2Session,
  connect,
  createSecureServer,
  createServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo, Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, expect, test } from "vitest";
import type { PoolEndpoint } from "./domain/pool.ts";
import { openUpgraded } from "./testing-client.ts";
import { type Elb, until } from "./testing-nginx.ts";
import { ask, elbWith, forwarding, named, ruleTable, to } from "./testing-rules.ts";
import { atEnd, backend, endAll } from "./testing-service.ts";

afterEach(endAll);

async function listening(id: string, server: Server): Promise<PoolEndpoint> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { id, ip: "127.0.0.1", port: (server.address() as AddressInfo).port, w: 1, s: "a" };
}

/** A gRPC server as far as a load balancer sees one: it echoes what comes, and says its name in the trailers. */
async function grpcServer(id: string, server: Http2Server = createServer()) {
  const sessions = new Set<ServerHttp2Session>();
  const asked: IncomingHttpHeaders[] = [];
  server.on("session", (session: ServerHttp2Session) => {
    sessions.add(session);
    session.on("close", () => sessions.delete(session)).on("error", () => {});
  });
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    asked.push(headers);
    stream.on("error", () => {});
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", "x-server": id }));
    stream.on("data", (data) => stream.write(data));
    stream.on("end", () => stream.end());
  });
  const endpoint = await listening(id, server);
  atEnd(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { endpoint, asked };
}

async function h2(elb: Elb): Promise<ClientHttp2Session> {
  const session = connect(`http://127.0.0.1:${elb.h2cPort}`);
  atEnd(() => session.destroy());
  await new Promise((resolve, reject) => session.once("connect", resolve).once("error", reject));
  return session;
}

/** A call that is open in both directions. */
function call(session: ClientHttp2Session, path = "/pkg.Echo/Chat", more: Record<string, string> = {}) {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    ":authority": "hello.org",
    "content-type": "application/grpc",
    te: "trailers",
    ...more,
  });
  let text = "";
  const head: IncomingHttpHeaders = {};
  const trailers: IncomingHttpHeaders = {};
  stream.on("response", (headers) => Object.assign(head, headers));
  stream.on("trailers", (headers) => Object.assign(trailers, headers));
  stream.setEncoding("utf8").on("data", (part: string) => {
    text += part;
  });
  const ended = new Promise<void>((resolve, reject) => stream.on("close", resolve).on("error", reject));
  return {
    stream,
    head,
    trailers,
    echo: async (part: string) => {
      const wanted = text + part;
      stream.write(part);
      await until(`${part} comes back`, () => text === wanted);
    },
    end: async () => {
      stream.end();
      await ended;
    },
  };
}

const grpc = { protocol: "grpc" };

test("a gRPC stream passes messages both ways and its trailers, and outlives changes of the table", async () => {
  const [one, two] = [await grpcServer("one"), await grpcServer("two")];
  const elb = await elbWith(ruleTable({ "a/web": [one.endpoint] }, { "hello.org": [to("a/web", grpc)] }));
  const session = await h2(elb);
  const open = call(session);
  await open.echo("first");
  const line = { key: "p:a/web", json: JSON.stringify({ eps: [two.endpoint] }) };
  expect(await elb.admin.delta({ epoch: "e1", base: 10, seq: 11 }, [line])).toMatchObject({ ok: true });
  await open.echo("second");
  const next = call(session);
  await next.echo("third");
  await next.end();
  expect(next.trailers).toMatchObject({ "grpc-status": "0", "x-server": "two" });
  expect((await elb.call("GET", "/v1/drain?ep=one")).json).toMatchObject({ endpoints: { one: { http: 1 } } });
  await open.end();
  expect(open.head).toMatchObject({ ":status": 200, "content-type": "application/grpc" });
  expect(open.trailers).toMatchObject({ "grpc-status": "0", "x-server": "one" });
  expect(one.asked[0]).toMatchObject({
    ":path": "/pkg.Echo/Chat",
    host: "hello.org",
    "x-forwarded-for": "127.0.0.1",
    te: "trailers",
  });
  await until("it is counted out", async () =>
    JSON.stringify((await elb.call("GET", "/v1/drain?ep=one")).json).includes('"http":0'),
  );
});

test("what the load balancer refuses a gRPC caller learns in its own words", async () => {
  const rules = [
    { ...to("a/web", grpc), when: [{ grpc: { service: "pkg.Echo" } }] },
    { ...to("a/small", { ...grpc, bodyBytesMax: 10 }), id: "small", when: [{ path: { prefix: "/small" } }] },
  ];
  const one = await grpcServer("one");
  const elb = await elbWith(ruleTable({ "a/web": [], "a/small": [one.endpoint] }, { "hello.org": rules }));
  const session = await h2(elb);
  const refused = async (path: string, more = {}) => {
    const asked = call(session, path, more);
    await asked.end();
    return asked.head;
  };
  expect(await refused("/pkg.Echo/Chat")).toMatchObject({ ":status": 200, "grpc-status": "14" });
  expect(await refused("/pkg.Other/Chat")).toMatchObject({
    "grpc-status": "12",
    "x-eru-reason": "no_such_path",
  });
  expect(await refused("/small/x", { "content-length": "11" })).toMatchObject({ "grpc-status": "8" });
});

test("HTTP/2 clients are served by HTTP/1.1 endpoints, with and without a body of known length", async () => {
  const one = await backend("one");
  const elb = await forwarding([one], { bodyBytesMax: 100_000 });
  const session = await h2(elb);
  const send = async (method: string, body: string, more: Record<string, string> = {}) => {
    const stream = session.request({
      ":method": method,
      ":path": "/x?q",
      ":authority": "hello.org",
      ...more,
    });
    let text = "";
    let status: unknown;
    stream.on("response", (headers) => {
      status = headers[":status"];
    });
    stream.setEncoding("utf8").on("data", (part: string) => {
      text += part;
    });
    const closed = new Promise<void>((resolve) => stream.on("close", resolve));
    if (method !== "GET") stream.end(body);
    await closed;
    return { status, seen: text.startsWith("{") ? JSON.parse(text) : undefined };
  };
  expect(await send("GET", "")).toMatchObject({
    status: 200,
    seen: { method: "GET", url: "/x?q", body: "" },
  });
  const body = "b".repeat(60_000);
  expect(await send("POST", body)).toMatchObject({ status: 200, seen: { body } });
  expect(await send("PUT", body, { "content-length": "60000" })).toMatchObject({ seen: { body } });
  expect(await send("POST", body + body)).toMatchObject({ status: 413 });
});

test("WebSocket is passed on through a change of the table, and refused where the rule says so", async () => {
  const [one, two] = [await backend("one"), await backend("two")];
  const elb = await elbWith(
    ruleTable(
      { "a/web": [one.endpoint] },
      {
        "hello.org": [to("a/web", { responseHeaders: { set: { "x-a": "1" } } })],
        "never.org": [to("a/web", { websocket: false })],
      },
    ),
  );
  const socket = await openUpgraded(elb.port);
  expect(await socket.echo("before")).toBe("before");
  const eps = [{ ...one.endpoint, s: "d" }, two.endpoint];
  const line = { key: "p:a/web", json: JSON.stringify({ eps }) };
  expect(await elb.admin.delta({ epoch: "e1", base: 10, seq: 11 }, [line])).toMatchObject({ ok: true });
  expect(await socket.echo("after")).toBe("after");
  expect((await ask(elb)).seen?.id).toBe("two");
  socket.close();
  await expect(openUpgraded(elb.port, "never.org")).rejects.toThrow("not upgraded: 403");
  expect((await ask(elb, { host: "never.org" })).status).toBe(200);
});

/** A key and a certificate for it, of its own making. */
async function selfSigned(): Promise<{ key: Buffer; cert: Buffer }> {
  const dir = await mkdtemp(join(tmpdir(), "elb-cert-"));
  atEnd(() => rm(dir, { recursive: true, force: true }));
  const [key, cert] = [join(dir, "key.pem"), join(dir, "cert.pem")];
  const made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"];
  await promisify(execFile)("openssl", [
    ...["req", "-x509", ...made, "-subj", "/CN=inner", "-keyout", key, "-out", cert],
  ]);
  return { key: await readFile(key), cert: await readFile(cert) };
}

test("endpoints may speak TLS, to HTTP and to gRPC, and learn the host that was asked for", async () => {
  const pair = await selfSigned();
  const names: unknown[] = [];
  const server = createHttpsServer(pair, (request, response) => {
    names.push("servername" in request.socket && request.socket.servername);
    response.end('{"id":"secure"}');
  });
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  const secure = await listening("secure", server);
  const speaking = await grpcServer("speaking", createSecureServer(pair));
  const elb = await elbWith(
    ruleTable(
      { "a/web": [secure], "a/grpc": [speaking.endpoint] },
      {
        "web.org": [to("a/web", { protocol: "https" })],
        "hello.org": [to("a/grpc", { protocol: "grpcs" })],
      },
    ),
  );
  expect((await ask(elb, { host: "web.org" })).seen?.id).toBe("secure");
  expect(names).toEqual(["web.org"]);
  const asked = call(await h2(elb));
  await asked.echo("hello");
  await asked.end();
  expect(asked.trailers).toMatchObject({ "grpc-status": "0", "x-server": "speaking" });
});

test("who the client is a proxy may say only when it is trusted", async () => {
  const one = await backend("one");
  const inside = { ...named("inside", { source: ["10.1.0.0/16"] }) };
  const table = ruleTable({ "a/web": [one.endpoint] }, { "hello.org": [inside, to("a/web")] });
  const headers = { "x-forwarded-for": "6.6.6.6, 10.1.2.3" };
  const wary = await elbWith(table);
  expect((await ask(wary, { headers })).seen?.headers).toMatchObject({
    "x-forwarded-for": "6.6.6.6, 10.1.2.3, 127.0.0.1",
    "x-real-ip": "127.0.0.1",
  });
  const trusting = await elbWith(table, ["127.0.0.1", "10.9.0.0/16"]);
  expect((await ask(trusting, { headers })).text).toBe("inside");
  expect(
    (await ask(trusting, { headers: { "x-forwarded-for": "1.2.3.4, 10.9.1.1" } })).seen?.headers,
  ).toMatchObject({
    "x-forwarded-for": "1.2.3.4, 10.9.1.1, 127.0.0.1",
    "x-real-ip": "1.2.3.4",
  });
});
