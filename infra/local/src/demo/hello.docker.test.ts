import { once } from "node:events";
import { type Engines, startEngines } from "@eru/testing/engines";
import Docker from "dockerode";
import { afterAll, afterEach, beforeAll, expect, test, vi } from "vitest";
import { compileHello, provideImage } from "./image.ts";

let rig: Engines;
let docker: Docker;
const running: Docker.Container[] = [];

beforeAll(async () => {
  rig = await startEngines(2);
  docker = new Docker({ socketPath: rig.engines[0]!.socket });
  await compileHello();
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((container) => container.remove({ force: true })));
});
afterAll(() => rig.stop());

const until = <T>(check: () => Promise<T>) => vi.waitFor(check, { timeout: 30_000, interval: 20 });

/** A container of the built image, as an agent makes it, that answers. */
async function start(environment: Record<string, string> = {}, memoryMib = 32) {
  const container = await docker.createContainer({
    Image: "hello:built",
    Env: Object.entries({
      ERU_NODE_NAME: "n1",
      ERU_WORKLOAD: "hello-web-1",
      ERU_RELEASE: "r1",
      ...environment,
    }).map(([key, value]) => `${key}=${value}`),
    HostConfig: { Memory: memoryMib << 20, MemorySwap: memoryMib << 20 },
  });
  running.push(container);
  await container.start();
  const { NetworkSettings } = await container.inspect();
  const address = `${NetworkSettings.Networks["bridge"]!.IPAddress}:8080`;
  const get = (path: string) => fetch(`http://${address}${path}`, { signal: AbortSignal.timeout(5_000) });
  await until(() => get("/healthz"));
  return { container, address, get };
}

const exitOf = async (container: Docker.Container) => {
  await container.wait();
  return (await container.inspect()).State;
};

test("the image is built on the first node and copied to the others, once", async () => {
  const nodes = rig.engines.map(({ name, address, socket }) => ({ name, address, socket }));
  expect(await provideImage("hello:built", nodes.slice(0, 1))).toBe("built");
  expect(await provideImage("hello:built", nodes)).toBe("copied");
  expect(await provideImage("hello:built", nodes)).toBe("there");
  const ids = await Promise.all(
    nodes.map(
      async ({ socket }) => (await new Docker({ socketPath: socket }).getImage("hello:built").inspect()).Id,
    ),
  );
  expect(new Set(ids).size).toBe(1);
});

test("it says who it is, in the body and in headers", async () => {
  const { get } = await start();
  const answer = await get("/a?b=c");
  expect(answer.status).toBe(404);
  expect(await (await get("/")).json()).toMatchObject({ id: "hello-web-1", version: "r1", node: "n1" });
  expect(Object.fromEntries(answer.headers)).toMatchObject({
    "x-id": "hello-web-1",
    "x-version": "r1",
    "x-node": "n1",
  });
});

test("its health can be switched, its answers can be made late, and its probe needs no shell", async () => {
  const { container, get } = await start();
  const probe = async () => {
    const exec = await container.exec({ Cmd: ["/hello", "check"] });
    (await exec.start({})).resume();
    return await until(async () => {
      const { ExitCode } = await exec.inspect();
      expect(ExitCode).not.toBeNull();
      return ExitCode;
    });
  };
  expect(await probe()).toBe(0);
  await get("/ctl/unhealthy");
  expect((await get("/healthz")).status).toBe(503);
  expect(await probe()).toBe(1);
  await get("/ctl/healthy");
  expect((await get("/healthz")).status).toBe(200);
  const begun = performance.now();
  await get("/slow?ms=300");
  expect(performance.now() - begun).toBeGreaterThan(295);
});

test("told to end, it finishes the request in flight, turns unhealthy, and exits 0", async () => {
  const { container, get } = await start();
  const late = get("/slow?ms=800");
  await until(async () => expect(await (await get("/")).json()).toMatchObject({ inFlight: 2 }));
  const stopped = container.stop({ t: 10 });
  expect((await late).status).toBe(200);
  await stopped;
  expect(await exitOf(container)).toMatchObject({ ExitCode: 0 });
});

test("a request that outlasts the drain makes it exit 1; deaf to SIGTERM, it is killed", async () => {
  const slow = await start({ DRAIN_MS: "100" });
  const never = slow.get("/slow?ms=5000").catch(() => "cut off");
  await until(async () => expect(await (await slow.get("/")).json()).toMatchObject({ inFlight: 2 }));
  await slow.container.stop({ t: 10 });
  expect(await never).toBe("cut off");
  expect(await exitOf(slow.container)).toMatchObject({ ExitCode: 1 });
  const deaf = await start({ IGNORE_TERM: "1" });
  await deaf.container.stop({ t: 1 });
  expect(await exitOf(deaf.container)).toMatchObject({ ExitCode: 137 });
});

test.each([
  ["/ctl/crash?code=7", { ExitCode: 7, OOMKilled: false }],
  ["/ctl/segv", { ExitCode: 139, OOMKilled: false }],
  ["/ctl/leak?mb=64", { ExitCode: 137, OOMKilled: true }],
])("%s ends it as a broken program would", async (path, state) => {
  const { container, get } = await start();
  await get(path).catch(() => undefined);
  expect(await exitOf(container)).toMatchObject(state);
});

test("hanging, it takes connections and answers nothing", async () => {
  const { address, get } = await start();
  await get("/ctl/hang");
  await expect(fetch(`http://${address}/healthz`, { signal: AbortSignal.timeout(300) })).rejects.toThrow(
    /timeout/i,
  );
});

test("it streams, and echoes WebSocket messages until it drains", async () => {
  const { container, address, get } = await start();
  expect(await (await get("/stream?n=3&ms=1")).text()).toBe("x\nx\nx\n");
  const socket = new WebSocket(`ws://${address}/ws`);
  await once(socket, "open");
  for (const text of ["hi", "x".repeat(70_000)]) {
    socket.send(text);
    const [message] = (await once(socket, "message")) as [MessageEvent];
    expect(message.data).toBe(text);
  }
  const closed = once(socket, "close") as Promise<[CloseEvent]>;
  await container.stop({ t: 10 });
  expect((await closed)[0].code).toBe(1001);
  expect(await exitOf(container)).toMatchObject({ ExitCode: 0 });
});
