import { createServer, type RequestListener, type Server } from "node:http";
import { type AddressInfo, createServer as createTcpServer } from "node:net";
import { HealthCheck } from "@eru/events";
import { afterEach, expect, test } from "vitest";
import { probe } from "./probe.ts";

const open: { close: () => void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.close();
});

async function serve(listener: RequestListener): Promise<number> {
  const server: Server = createServer(listener).listen(0, "127.0.0.1");
  open.push({
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  });
  await new Promise((resolve) => server.once("listening", resolve));
  return (server.address() as AddressInfo).port;
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

const ask = (check: Partial<HealthCheck>) =>
  probe("127.0.0.1", HealthCheck.parse({ timeoutMs: 500, ...check }), async ([program]) =>
    program === "/bad" ? 'command ["/bad"]: exit code 3' : undefined,
  );

test.each([
  { status: 200, code: undefined, ok: true },
  { status: 399, code: undefined, ok: true },
  { status: 400, code: undefined, ok: false },
  { status: 503, code: 503, ok: true },
  { status: 200, code: 204, ok: false },
])("status $status when $code is wanted: $ok", async ({ status, code, ok }) => {
  const port = await serve((_request, response) => response.writeHead(status).end());
  const http = { port, path: "/", ...(code !== undefined && { code }) };
  expect((await ask({ http })).ok).toBe(ok);
});

test("asks for the path and follows no redirect", async () => {
  const paths: (string | undefined)[] = [];
  const port = await serve((request, response) => {
    paths.push(request.url);
    response.writeHead(302, { location: "/elsewhere" }).end();
  });
  expect(await ask({ http: { port, path: "/healthz?full=1" } })).toEqual({ ok: true });
  expect(paths).toEqual(["/healthz?full=1"]);
});

test("the reason names what was asked, the status and the first 200 bytes", async () => {
  const port = await serve((_request, response) => response.writeHead(503).end("x".repeat(100_000)));
  expect(await ask({ http: { port, path: "/healthz" } })).toEqual({
    ok: false,
    reason: `GET http://127.0.0.1:${port}/healthz: status 503: ${"x".repeat(200)}`,
  });
});

test("a body that never ends does not hold the probe", async () => {
  const port = await serve((_request, response) => {
    response.writeHead(500);
    response.write("trickle");
  });
  const result = await ask({ http: { port, path: "/" }, timeoutMs: 100 });
  expect(result).toEqual({ ok: false, reason: `GET http://127.0.0.1:${port}/: status 500: trickle` });
});

test("an answer that does not come within the time is named so", async () => {
  const port = await serve(() => {});
  expect(await ask({ http: { port, path: "/" }, timeoutMs: 50 })).toEqual({
    ok: false,
    reason: `GET http://127.0.0.1:${port}/: no answer within 50 ms`,
  });
});

test("every TCP port must accept", async () => {
  const port = await serve(() => {});
  const closed = await freePort();
  expect(await ask({ tcpPorts: [port] })).toEqual({ ok: true });
  const result = await ask({ tcpPorts: [port, closed] });
  expect(result).toMatchObject({ ok: false, reason: expect.stringContaining(`TCP 127.0.0.1:${closed}: `) });
  expect(result).toMatchObject({ reason: expect.stringContaining("ECONNREFUSED") });
});

test("TCP and HTTP must both be well", async () => {
  const port = await serve((_request, response) => response.writeHead(200).end());
  const closed = await freePort();
  expect((await ask({ tcpPorts: [closed], http: { port, path: "/" } })).ok).toBe(false);
});

test("a path that is no path fails the probe in words", async () => {
  expect(await ask({ http: { port: 80, path: "/a b\r\nHost: evil" } })).toMatchObject({
    ok: false,
    reason: expect.stringContaining("the path must be URL-encoded"),
  });
});

test("a container without an address fails its probe", async () => {
  expect(await probe(undefined, HealthCheck.parse({ tcpPorts: [80] }), async () => undefined)).toEqual({
    ok: false,
    reason: "the container has no address",
  });
});

test("a command counts like a port, and needs no address", async () => {
  const bad = { ok: false, reason: 'command ["/bad"]: exit code 3' };
  expect(await ask({ command: ["/bad"] })).toEqual(bad);
  expect(await ask({ command: ["/good"] })).toEqual({ ok: true });
  expect(await probe(undefined, HealthCheck.parse({ command: ["/good"] }), async () => undefined)).toEqual({
    ok: true,
  });
  expect(await ask({ tcpPorts: [await freePort()], command: ["/good"] })).toMatchObject({ ok: false });
});
