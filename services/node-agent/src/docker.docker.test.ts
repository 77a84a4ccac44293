import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Engines, importHelloImage, type Engine as Node, startEngines } from "@eru/testing/engines";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { eventually } from "../test/loop.ts";
import { assigned, type OrderParts } from "../test/orders.ts";
import { act } from "./act.ts";
import { runCommand } from "./command.ts";
import { DockerEngine } from "./docker.ts";
import { label } from "./domain/container.ts";
import { containerSpec } from "./domain/container-spec.ts";
import { EngineRefusedError, EngineUnreachableError, ImageMissingError, NotCopiedError } from "./engine.ts";

// What the Engine port promises, on a real engine.
let rig: Engines;
let node: Node;
let engine: DockerEngine;
let made = 0;

beforeAll(async () => {
  rig = await startEngines(1);
  node = rig.engines[0]!;
  await importHelloImage(node, "hello:1");
  engine = new DockerEngine({ socketPath: node.socket, node: "n1" });
});
afterAll(() => rig.stop());
afterEach(async () => {
  for (const { id } of await engine.list()) await engine.stop(id, 0).then(() => engine.remove(id));
});

const docker = async (...args: string[]) =>
  (await node.run(["docker", "-H", `unix://${node.socket}`, ...args])).stdout.trim();

function spec(parts: OrderParts = {}, advertise: "container" | "node" = "container") {
  const answer = containerSpec(assigned({ workload: `shop-web-abc123-${++made}`, ...parts }), {
    advertise,
    address: node.address,
  });
  if (!answer.ok) throw new Error(answer.error);
  return answer.spec;
}

async function run(parts: OrderParts = {}, advertise: "container" | "node" = "container") {
  const { id, name } = await engine.create(spec(parts, advertise));
  await engine.start(id);
  const container = await engine.inspect(id);
  if (!container) throw new Error(`${name} is gone`);
  return container;
}

const hello = async (address: string | undefined, path = "/") =>
  await (await fetch(`http://${address}:8080${path}`, { signal: AbortSignal.timeout(10_000) })).json();

test("the engine describes itself and its machine", async () => {
  await engine.ping();
  const { version, cpus, memoryBytes } = await engine.facts();
  expect(version).toMatch(/^\d+\.\d+/);
  expect(cpus).toBeGreaterThan(0);
  expect(memoryBytes).toBeGreaterThan(64 * 1024 * 1024);
});

test("a container is created, started, answers at its address, stopped with its exit status, removed", async () => {
  const wanted = spec();
  const created = await engine.create(wanted);
  expect(await engine.inspect(created.id)).toMatchObject({
    ...created,
    cpus: "",
    bounds: { Memory: 33_554_432 },
  });
  const before = Date.now();
  await engine.start(created.id);
  const running = await engine.inspect(wanted.name);
  expect(running).toMatchObject({
    id: created.id,
    state: "running",
    address: expect.stringMatching(/^10\.77\.101\./),
  });
  expect(running?.startedAtMs).toBeGreaterThanOrEqual(before - 1);
  expect(running?.startedAtMs).toBeLessThanOrEqual(Date.now());
  expect(running).not.toHaveProperty("exitCode");
  expect(await eventually(() => hello(running?.address))).toMatchObject({
    id: wanted.Labels["eru.workload"],
  });
  await engine.stop(created.id, 5);
  expect(await engine.inspect(created.id)).toMatchObject({
    state: "exited",
    exitCode: 0,
    outOfMemory: false,
  });
  await engine.remove(created.id);
  expect(await engine.inspect(created.id)).toBeUndefined();
});

test("files and directories are copied between containers with names, modes and links, within a bound", async () => {
  const source = await run();
  const target = await engine.create(spec());
  const files = await mkdtemp(join(tmpdir(), "eru-copy-"));
  await mkdir(join(files, "deep"));
  await writeFile(join(files, "deep/secret"), "kept", { mode: 0o640 });
  await symlink("deep/secret", join(files, "link"));
  await docker("cp", files, `${source.name}:/state`);
  await rm(files, { recursive: true });
  const copy = (path: string, to: string, bytesMax = 1024 * 1024) =>
    engine.copy({ id: source.id, path }, { id: target.id, path: to }, bytesMax);
  expect(await copy("/state", "/var/lib/app")).toBeGreaterThan(512);
  await copy("/state/deep/secret", "/etc/app/secret.txt");
  const listed = async (path: string) =>
    (await node.run(["sh", "-c", `docker -H unix://${node.socket} cp ${target.name}:${path} - | tar -tvf -`]))
      .stdout;
  expect(await listed("/var/lib/app")).toMatch(
    /-rw-r----- .* app\/deep\/secret\n.*app\/link -> deep\/secret/s,
  );
  expect(await listed("/etc/app")).toMatch(/-rw-r----- .* 4 .* app\/secret\.txt/);
  await expect(copy("/missing", "/etc/app")).rejects.toThrow(
    /copying \/missing of the old container .*missing/,
  );
  await expect(copy("/hello", "/big", 64 * 1024)).rejects.toThrow(/larger than the 1 MiB that are left/);
  await expect(copy("/state/link", "/hello/x")).rejects.toBeInstanceOf(NotCopiedError);
  await engine.start(target.id);
  expect(await eventually(async () => hello((await engine.inspect(target.id))?.address))).toBeDefined();
});

test("every step may be repeated", async () => {
  const wanted = spec();
  const first = await engine.create(wanted);
  expect(await engine.create(wanted)).toMatchObject({ id: first.id });
  await engine.start(first.id);
  await engine.start(first.id);
  await engine.stop(first.id, 0);
  await engine.stop(first.id, 0);
  await engine.remove(first.id);
  await engine.remove(first.id);
  await engine.stop(first.id, 0);
  await engine.start(first.id);
  expect(await engine.inspect(first.id)).toBeUndefined();
});

test("a name that another container has is refused with the engine's whole text", async () => {
  const wanted = spec();
  await docker("create", "--name", wanted.name, "hello:1");
  const refusal = await engine.create(wanted).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(EngineRefusedError);
  expect(String(refusal)).toMatch(/The container name "\/eru-.*" is already in use by container/);
  const other = spec({ workload: wanted.Labels[label.workload]!, cpu: 0.5 });
  await docker("rm", wanted.name);
  await engine.create(wanted);
  await expect(engine.create(other)).rejects.toBeInstanceOf(EngineRefusedError);
});

test("a missing image is told apart, and a failed pull brings the registry's words", async () => {
  await expect(engine.create(spec({ image: "nowhere:1" }))).rejects.toBeInstanceOf(ImageMissingError);
  const refusal = await engine.pull("127.0.0.1:1/nowhere:1").catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(EngineRefusedError);
  expect(String(refusal)).toContain("127.0.0.1:1");
});

test("limits, labels, command, variables and log files are what the order says", async () => {
  const command = ["/hello", "$(reboot)", "a b"];
  const { id } = await engine.create(
    spec({ cpu: 0.25, memoryMib: 32, command, env: { COLOUR: "red wine" } }),
  );
  const inspected = JSON.parse(await docker("inspect", id))[0];
  expect(inspected.Config.Cmd).toEqual(command);
  expect(inspected.Config.Env).toContain("COLOUR=red wine");
  expect(inspected.Config.Env).toContain(`ERU_NODE_IP=${node.address}`);
  expect(inspected.HostConfig).toMatchObject({
    NanoCpus: 250_000_000,
    Memory: 33_554_432,
    MemorySwap: 33_554_432,
    NetworkMode: "bridge",
    SecurityOpt: ["no-new-privileges:true"],
    LogConfig: { Type: "json-file", Config: { "max-size": "10m", "max-file": "3" } },
  });
  expect(inspected.HostConfig.RestartPolicy.Name).toBe("no");
});

test("a process that takes more than its memory is ended and marked", async () => {
  const { id, address } = await run({ memoryMib: 16 });
  await eventually(() => hello(address));
  await hello(address, "/ctl/leak?mb=64").catch(() => {});
  await eventually(async () =>
    expect(await engine.inspect(id)).toMatchObject({ state: "exited", exitCode: 137, outOfMemory: true }),
  );
});

test("who ignores the stop signal is killed after the grace", async () => {
  const { id, address } = await run({ env: { IGNORE_TERM: "1" } });
  await eventually(() => hello(address));
  const begun = performance.now();
  await engine.stop(id, 1);
  expect(performance.now() - begun).toBeGreaterThan(900);
  expect(await engine.inspect(id)).toMatchObject({ state: "exited", exitCode: 137 });
});

test("a port of the node is mapped to a container that is advertised by its node", async () => {
  const { ports } = await run({ publish: [8080] }, "node");
  expect(ports).toEqual([{ port: 8080, hostPort: expect.any(Number) }]);
  const url = `http://${node.address}:${ports[0]?.hostPort}/`;
  expect(await eventually(async () => (await fetch(url)).status)).toBe(200);
});

test("a port of the node that is taken is told, and the one that the agent chose is bound", async () => {
  const chosen = (hostPort: number) => {
    const order = assigned({ workload: `shop-web-abc123-${++made}` });
    const answer = containerSpec(
      order,
      { advertise: "node", address: node.address },
      { hostPorts: [hostPort] },
    );
    if (!answer.ok) throw new Error(answer.error);
    return answer.spec;
  };
  const { id } = await engine.create(chosen(20_001));
  await engine.start(id);
  const bound = [{ port: 8080, hostPort: 20_001 }];
  expect(await engine.inspect(id)).toMatchObject({ ports: bound, bound });
  const second = await engine.create(chosen(20_001));
  expect(second).toMatchObject({ bound });
  const start = { do: "start", workload: "shop-web-abc123-1", containerId: second.id, fresh: true } as const;
  expect(await act(engine, start)).toMatchObject({ is: "taken_elsewhere" });
  expect(await engine.inspect(second.id)).toBeUndefined();
  const { fresh: _, ...again } = start;
  const third = await engine.create(chosen(20_001));
  expect(await act(engine, { ...again, containerId: third.id })).toMatchObject({ is: "refused" });
  // Docker's own proxy is not the only one: a program on the machine has the port.
  const program = await engine.create(spec({ network: "host", env: { PORT: "20002" } }));
  await engine.start(program.id);
  await eventually(async () => expect((await fetch(`http://${node.address}:20002/`)).status).toBe(200));
  const fourth = await engine.create(chosen(20_002));
  expect(await act(engine, { ...start, containerId: fourth.id })).toMatchObject({ is: "taken_elsewhere" });
});

test("on the host's network a container has no address of its own", async () => {
  const container = await run({ network: "host", env: { PORT: "8099" } });
  expect(container).not.toHaveProperty("address");
  const url = `http://${node.address}:8099/`;
  expect(await eventually(async () => (await fetch(url)).status)).toBe(200);
});

test("a start that cannot work is refused with the engine's whole text", async () => {
  const { id } = await engine.create(spec({ command: ["/no-such-program"] }));
  const refusal = await engine.start(id).catch((error: unknown) => error);
  expect(refusal).toBeInstanceOf(EngineRefusedError);
  expect(String(refusal)).toContain("/no-such-program");
  expect(await engine.inspect(id)).not.toHaveProperty("startedAtMs");
});

test("lists containers of this node alone, running or not", async () => {
  const running = await run();
  const created = await engine.create(spec());
  await engine.create(spec({ node: "n2" }));
  const foreign = await docker("create", "hello:1");
  expect((await engine.list()).map(({ id }) => id).toSorted()).toEqual([running.id, created.id].toSorted());
  const other = new DockerEngine({ socketPath: node.socket, node: "n2" });
  expect(await other.list()).toHaveLength(1);
  await docker("rm", foreign);
  for (const { id } of await other.list()) await other.remove(id);
});

test("a command in a container brings its exit status and what it wrote", async () => {
  const { id, address } = await run();
  await eventually(() => hello(address));
  const limits = { timeoutMs: 5_000, outputBytesMax: 200 };
  expect(await engine.exec(id, ["/hello", "check"], limits)).toEqual({ exitCode: 0, output: "HTTP/1.1 200" });
  expect(await engine.exec(id, ["/hello", "exit", "3"], { ...limits, outputBytesMax: 7 })).toEqual({
    exitCode: 3,
    output: "exiting",
  });
  const missing = await runCommand(engine, id, ["/nothing"], 5_000);
  expect(missing).not.toMatchObject({ exitCode: 0 });
  expect(JSON.stringify(missing)).toMatch(/no such file/);
  await engine.stop(id, 0);
  await expect(engine.exec(id, ["/hello", "check"], limits)).rejects.toBeInstanceOf(EngineRefusedError);
});

test("a command that is not over in time is ended, its process as well", async () => {
  const { id, address } = await run();
  await eventually(() => hello(address));
  const begunMs = performance.now();
  const result = await engine.exec(id, ["/hello", "sleep", "600"], { timeoutMs: 500, outputBytesMax: 200 });
  expect(result).toEqual({ ended: true, output: "sleeping" });
  expect(performance.now() - begunMs).toBeLessThan(10_000);
  await eventually(async () => expect(await docker("top", id)).not.toContain("sleep"));
  await hello(address);
});

test("events name the workload of what happens, and end with the stream", async () => {
  const stop = new AbortController();
  const heard: string[] = [];
  const events = await engine.events(stop.signal);
  const listening = (async () => {
    for await (const { containerId } of events) heard.push(containerId);
  })();
  const foreign = await docker("run", "-d", "hello:1");
  const { id } = await run();
  await engine.stop(id, 0);
  await engine.remove(id);
  await eventually(() => expect(heard.length).toBeGreaterThanOrEqual(3)); // start, die, destroy
  expect(new Set(heard)).toEqual(new Set([id]));
  stop.abort();
  await listening;
  await docker("rm", "-f", foreign);
});

test("an engine that is killed breaks off what is in flight and the event stream; its containers go on", async () => {
  const { id, address } = await run({ env: { IGNORE_TERM: "1" } });
  await eventually(() => hello(address));
  const stream = await engine.events(new AbortController().signal);
  const ended = (async () => {
    for await (const _ of stream);
  })().catch((error: unknown) => error);
  const stopping = act(engine, { do: "stop", workload: "w", containerId: id, graceSeconds: 30 });
  await eventually(async () => expect(await docker("logs", id)).toContain("signal 15"));
  await node.killEngine();
  expect(await stopping).toEqual({ is: "unknown" });
  const end = await ended;
  expect(end === undefined || end instanceof EngineUnreachableError).toBe(true);
  await hello(address);
  await node.start();
  expect(await engine.inspect(id)).toMatchObject({ state: "running", address });
});
