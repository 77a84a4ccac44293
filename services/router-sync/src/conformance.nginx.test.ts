// What clients send that they should not, or not like this: raw bytes to a real nginx.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { afterEach, expect, test } from "vitest";
import type { PoolEndpoint } from "./domain/pool.ts";
import { Client } from "./testing-client.ts";
import { type Elb, hostJson, startElb, tableOf, until } from "./testing-nginx.ts";
import { atEnd, backend, endAll } from "./testing-service.ts";

afterEach(endAll);

async function elbWith(table: Map<string, string>): Promise<Elb> {
  const elb = await startElb(table);
  atEnd(elb.stop);
  return elb;
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true }, () => resolve(socket));
    socket.once("error", reject);
    atEnd(() => void socket.destroy());
  });
}

/** Sends bytes and returns all that comes back until the other side closes, or until what came satisfies. */
async function talk(
  port: number,
  bytes: string,
  enough: (text: string) => boolean = () => false,
): Promise<string> {
  const socket = await open(port);
  let text = "";
  let closed = false;
  socket.setEncoding("latin1").on("data", (part) => {
    text += part;
  });
  socket.on("end", () => socket.end());
  socket.on("close", () => {
    closed = true;
  });
  socket.on("error", () => undefined);
  socket.write(bytes, "latin1");
  await until("there is an answer", () => closed || enough(text));
  socket.destroy();
  return text;
}

const smuggled = "GET /smuggled HTTP/1.1\r\nHost: hello.org\r\n\r\n";
const post = "POST /first HTTP/1.1\r\nHost: hello.org\r\n";

test("requests whose end can be read in two ways are refused, and nothing of them reaches an upstream", async () => {
  const one = await backend("one");
  const elb = await elbWith(tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] }));
  const attacks: Record<string, string> = {
    "length and chunks": `${post}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    "chunks and length": `${post}Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n${smuggled}`,
    "two lengths": `${post}Content-Length: 0\r\nContent-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
    "the same length twice": `${post}Content-Length: 2\r\nContent-Length: 2\r\n\r\nok`,
    "a list of lengths": `${post}Content-Length: 0, ${smuggled.length}\r\n\r\n${smuggled}`,
    "a signed length": `${post}Content-Length: +${smuggled.length}\r\n\r\n${smuggled}`,
    "a negative length": `${post}Content-Length: -1\r\n\r\n${smuggled}`,
    "an unknown coding": `${post}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${smuggled}`,
    "a list of codings": `${post}Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n${smuggled}`,
    "chunks in the first version": `POST / HTTP/1.0\r\nHost: hello.org\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    "a chunk that is none": `${post}Transfer-Encoding: chunked\r\n\r\nzz\r\n${smuggled}`,
    "a chunk that is too large": `${post}Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n${smuggled}`,
    "a bare carriage return": `${post}X-A: b\rContent-Length: 5\r\n\r\n${smuggled}`,
    "a zero byte": `${post}X-A: b\0c\r\nContent-Length: 0\r\n\r\n`,
    "no host": `GET / HTTP/1.1\r\n\r\n${smuggled}`,
    "two hosts": `GET / HTTP/1.1\r\nHost: hello.org\r\nHost: other.org\r\n\r\n${smuggled}`,
  };
  const answers: Record<string, string> = {};
  for (const [name, bytes] of Object.entries(attacks)) {
    const text = await talk(elb.port, bytes);
    answers[name] = `${/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]}, ${text.split("HTTP/1.1 ").length - 1} answer`;
  }
  for (const [name, answer] of Object.entries(answers))
    expect([name, answer]).toEqual([name, expect.stringMatching(/^(400|501), 1 answer$/)]);
  expect(one.requests()).toBe(0);
});

test("a folded header and a name with a space do not become something else on their way", async () => {
  const one = await backend("one");
  const elb = await elbWith(tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] }));
  for (const header of [
    "X-A: b\r\n Content-Length: 7",
    "Content-Length : 7",
    "X-A: b\r\n\tTransfer-Encoding: chunked",
  ]) {
    const text = await talk(
      elb.port,
      `POST / HTTP/1.1\r\nHost: hello.org\r\n${header}\r\nConnection: close\r\n\r\nsmuggle`,
    );
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1]);
    expect([200, 400]).toContain(status);
    if (status === 200) expect(text).toContain('"body":""');
    expect(text).not.toContain("transfer-encoding");
  }
});

test("what nginx reads leniently reaches the upstream in one way only, and as one request", async () => {
  const one = await backend("one");
  const elb = await elbWith(tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] }));
  const close = "Connection: close\r\n";
  const chunked = `${post}${close}Transfer-Encoding: chunked\r\n\r\n`;
  const lenient: Record<string, [string, string]> = {
    "lines ended by a line feed alone": [
      "POST /first HTTP/1.1\nHost: hello.org\nConnection: close\nContent-Length: 2\n\nok",
      "ok",
    ],
    "a chunk with an extension": [`${chunked}2;name=value\r\nok\r\n0\r\n\r\n`, "ok"],
    "an extension that looks like a chunk": [`${chunked}2;\t5\r\nok\r\n0\r\n\r\n`, "ok"],
    "trailers that would be headers": [`${chunked}2\r\nok\r\n0\r\nX-Real-IP: 6.6.6.6\r\n\r\n`, "ok"],
    "a coding in capitals": [`${post}${close}Transfer-Encoding: Chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`, "ok"],
    "more than its length": [`${post}${close}Content-Length: 2\r\n\r\nok${smuggled}`, "ok"],
  };
  let requests = 0;
  for (const [what, [bytes, body]] of Object.entries(lenient)) {
    const text = await talk(elb.port, bytes);
    expect(text.split("HTTP/1.1 ").length - 1, what).toBe(1);
    expect(text, what).toMatch(/^HTTP\/1\.1 200/);
    expect(text, what).toContain(`"body":"${body}"`);
    expect(text, what).toContain(`"content-length":"${body.length}"`);
    expect(text, what).not.toMatch(/transfer-encoding":|6\.6\.6\.6/);
    requests++;
  }
  expect(one.requests()).toBe(requests);
});

test("headers and addresses that are too long are refused with their own status, and the next request is served", async () => {
  const one = await backend("one");
  const elb = await elbWith(tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] }));
  const get = (path: string, more: string) =>
    `GET ${path} HTTP/1.1\r\nHost: hello.org\r\nConnection: close\r\n${more}\r\n`;
  expect(await talk(elb.port, get(`/${"x".repeat(9_000)}`, ""))).toMatch(/^HTTP\/1\.1 414/);
  expect(await talk(elb.port, get("/", `X-Long: ${"x".repeat(9_000)}\r\n`))).toMatch(/^HTTP\/1\.1 400/);
  const many = Array.from({ length: 20 }, (_, index) => `X-${index}: ${"x".repeat(4_000)}\r\n`).join("");
  expect(await talk(elb.port, get("/", many))).toMatch(/^HTTP\/1\.1 400/);
  expect(one.requests()).toBe(0);
  expect(await talk(elb.port, get("/", `X-Long: ${"x".repeat(7_000)}\r\n`))).toMatch(/^HTTP\/1\.1 200/);
});

test("clients that never finish their headers lose their connection, and nobody waits for them", async () => {
  const one = await backend("one");
  const elb = await elbWith(tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] }));
  let ended = 0;
  const slow = await Promise.all(Array.from({ length: 200 }, () => open(elb.port)));
  for (const socket of slow) {
    socket.on("error", () => undefined);
    socket.once("close", () => ended++);
    socket.on("end", () => socket.destroy());
    socket.resume();
    socket.write("GET / HTTP/1.1\r\nHost: hello.org\r\nX-Slow: ");
  }
  const client = new Client(elb.port);
  atEnd(() => client.close());
  const endMs = Date.now() + 25_000;
  while (ended < slow.length && Date.now() < endMs) {
    expect(await client.ask()).toMatchObject({ status: 200 });
    // A byte now and then must not help.
    for (const socket of slow) if (socket.writable) socket.write("x");
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  expect(ended).toBe(slow.length);
}, 40_000);

test("a body far larger than memory for it arrives whole", async () => {
  let received = 0;
  const server = createServer((socket) => {
    let head = "";
    let length = 0;
    let body = 0;
    socket.on("error", () => undefined);
    socket.on("data", (part) => {
      if (length === 0) {
        head += part.toString("latin1");
        const end = head.indexOf("\r\n\r\n");
        if (end < 0) return;
        length = Number(/content-length: (\d+)/i.exec(head)?.[1]);
        body = head.length - end - 4;
      } else body += part.length;
      received = body;
      if (body === length) socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    });
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  atEnd(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const elb = await elbWith(
    tableOf({ "a/web": [{ id: "sink", ip: "127.0.0.1", port, w: 1, s: "a" }] }, { "hello.org": ["/ a/web"] }),
  );
  const socket = await open(elb.port);
  let answer = "";
  socket.on("data", (part) => {
    answer += part.toString("latin1");
  });
  const length = 64 * 1024 * 1024;
  const block = Buffer.alloc(1024 * 1024, "x");
  socket.write(`${post}Content-Length: ${length}\r\nConnection: close\r\n\r\n`);
  for (let sent = 0; sent < length; sent += block.length)
    if (!socket.write(block)) await new Promise((resolve) => socket.once("drain", resolve));
  await until("it is answered", () => answer.includes("ok"));
  expect(answer).toMatch(/^HTTP\/1\.1 200/);
  expect(received).toBe(length);
});

test("a client that closes its half, as one that vanishes, is gone for nginx, and leaves nothing in flight", async () => {
  const waiting: (() => void)[] = [];
  const one = await backend("one", (_request, response) => {
    waiting.push(() => response.end("late"));
  });
  const elb = await elbWith(tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] }));
  const inFlight = async () => (await elb.admin.drain(["one"])).endpoints["one"];
  const [half, gone] = [await open(elb.port), await open(elb.port)];
  let halfClosed = false;
  half.on("error", () => undefined);
  half.on("close", () => {
    halfClosed = true;
  });
  half.on("end", () => half.destroy());
  half.resume();
  for (const socket of [half, gone]) socket.write("GET / HTTP/1.1\r\nHost: hello.org\r\n\r\n");
  await until("both are there", () => one.requests() === 2);
  half.end();
  gone.destroy();
  await until("nothing is in flight", async () => (await inFlight())?.http === 0);
  await until("the half that is left is closed", () => halfClosed);
  for (const answer of waiting) answer();
  expect(await inFlight()).toEqual({ http: 0, upgraded: 0 });
  // Who went away says nothing about the endpoint.
  expect((await elb.call("GET", "/v1/status")).json["leftOut"]).toBeUndefined();
});

/** 10,000, or what this process may have open. */
async function idleMost(): Promise<number> {
  const limits = await readFile("/proc/self/limits", "utf8");
  const hard = Number(/^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1] ?? 1_024);
  return Math.min(10_000, Math.floor((hard - 1_000) * 0.6));
}

/** A server that upgrades and echoes, in a process of its own, because open files are counted by process. */
async function echoServer(id: string): Promise<PoolEndpoint> {
  const code = `
    const server = require("node:http").createServer();
    server.on("upgrade", (_request, socket) => {
      socket.write("HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: websocket\\r\\nConnection: Upgrade\\r\\n\\r\\n");
      socket.on("data", (data) => socket.write(data));
      socket.on("error", () => socket.destroy());
    });
    server.listen({ port: 0, host: "127.0.0.1", backlog: 4096 }, () => console.log(server.address().port));`;
  const child = spawn(process.execPath, ["-e", code], { stdio: ["ignore", "pipe", "inherit"] });
  atEnd(async () => {
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  const [line] = await once(child.stdout.setEncoding("utf8"), "data");
  return { id, ip: "127.0.0.1", port: Number(line), w: 1, s: "a" };
}

test("10,000 idle WebSockets, or as many as may be open, are held through changes of the table, and each still answers", async () => {
  const [one, two] = [await echoServer("one"), await echoServer("two")];
  const elb = await elbWith(tableOf({ "a/web": [one] }, { "hello.org": ["/ a/web"] }));
  const count = await idleMost();
  let closed = 0;
  let echoes = 0;
  const handshake = "GET / HTTP/1.1\r\nHost: hello.org\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n";
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const some = await Promise.all(
      Array.from({ length: Math.min(200, count - sockets.length) }, () => open(elb.port)),
    );
    const upgraded = some.map(
      (socket) => new Promise((resolve) => socket.once("data", (data) => resolve(String(data).slice(9, 12)))),
    );
    for (const socket of some) socket.write(handshake);
    expect(new Set(await Promise.all(upgraded))).toEqual(new Set(["101"]));
    sockets.push(...some);
  }
  for (const socket of sockets) {
    socket.on("close", () => closed++);
    socket.on("end", () => closed++);
    socket.on("data", () => echoes++);
  }
  for (let seq = 11; seq < 61; seq++) {
    const json = JSON.stringify({ eps: [seq % 2 === 0 ? one : two] });
    const lines = [
      { key: "p:a/web", json },
      { key: `r:h-${seq}.org`, json: hostJson(["/ a/web"]) },
    ];
    expect(await elb.admin.delta({ epoch: "e1", base: seq - 1, seq }, lines)).toMatchObject({ ok: true });
  }
  expect((await elb.admin.drain(["one"])).endpoints["one"]?.upgraded).toBe(count);
  for (const socket of sockets) socket.write("ping");
  await until("all answered", () => echoes >= count);
  expect(closed).toBe(0);
  for (const socket of sockets) socket.destroy();
  await until(
    "all are counted out",
    async () => (await elb.admin.drain(["one"])).endpoints["one"]?.upgraded === 0,
  );
}, 110_000);
