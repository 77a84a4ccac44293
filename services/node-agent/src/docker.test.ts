import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type RequestListener } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { assigned } from "../test/orders.ts";
import { act } from "./act.ts";
import { DockerEngine } from "./docker.ts";
import { containerSpec } from "./domain/container-spec.ts";
import { EngineRefusedError, EngineTimeoutError, EngineUnreachableError } from "./engine.ts";

// What an engine seldom does, played by a few lines that speak its protocol.
const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

const json = (value: unknown) => JSON.stringify(value);
// Long enough for a busy machine, short enough to wait for.
const times = { ping: 1_000, glance: 1_000, look: 1_000, start: 1_000, pullSilence: 1_000 };

/** An engine that answers by path; a path without an answer is taken and never answered. */
async function play(answers: Record<string, RequestListener>): Promise<DockerEngine> {
  const directory = mkdtempSync(join(tmpdir(), "eru-engine-"));
  const socketPath = join(directory, "docker.sock");
  const server = createServer((request, response) => {
    const path = (request.url ?? "").split("?")[0] ?? "";
    answers[path]?.(request, response);
  }).listen(socketPath);
  await new Promise((resolve) => server.once("listening", resolve));
  closing.push(() => {
    server.closeAllConnections();
    server.close();
    rmSync(directory, { recursive: true });
  });
  return new DockerEngine({ socketPath, node: "n1", timesMs: times });
}

const says =
  (status: number, value: unknown): RequestListener =>
  (_request, response) => {
    response.writeHead(status, { "content-type": "application/json" }).end(json(value));
  };
const pong: RequestListener = (_request, response) => {
  response.end("OK");
};
const summary = (id: string) => ({ Id: id, Names: [`/eru-${id}-g1`], Labels: { "eru.node": "n1" } });
const inspected = (id: string) => ({
  Id: id,
  Name: `/eru-${id}-g1`,
  Config: { Labels: { "eru.node": "n1" } },
  State: { Status: "running", StartedAt: "2026-01-02T03:04:05.678901234Z", ExitCode: 0, OOMKilled: false },
  NetworkSettings: { Networks: { bridge: { IPAddress: "10.0.0.2" } }, Ports: { "80/tcp": null } },
});

test("nobody listens: unreachable, whatever is asked", async () => {
  const nobody = new DockerEngine({ socketPath: join(tmpdir(), "no-engine.sock"), node: "n1" });
  await expect(nobody.ping()).rejects.toBeInstanceOf(EngineUnreachableError);
  await expect(nobody.list()).rejects.toThrow(/no engine at .*no-engine\.sock: .*ENOENT/);
  await expect(nobody.events(new AbortController().signal)).rejects.toBeInstanceOf(EngineUnreachableError);
  await expect(nobody.pull("hello:1")).rejects.toBeInstanceOf(EngineUnreachableError);
});

test("an engine that takes a question and says nothing is too slow", async () => {
  const engine = await play({});
  const error = await engine.ping().catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(EngineTimeoutError);
  expect(String(error)).toContain("the engine did not ping within 1 s");
});

test("one container that the engine is stuck on does not hide the others", async () => {
  const engine = await play({
    "/_ping": pong,
    "/containers/json": says(200, [summary("good"), summary("stuck")]),
    "/containers/good/json": says(200, inspected("good")),
  });
  const all = await engine.list();
  expect(all.toSorted((one, other) => (one.id < other.id ? -1 : 1))).toEqual([
    {
      id: "good",
      name: "eru-good-g1",
      labels: { "eru.node": "n1" },
      state: "running",
      startedAtMs: Date.parse("2026-01-02T03:04:05.678Z"),
      outOfMemory: false,
      address: "10.0.0.2",
      ports: [],
      bound: [],
    },
    expect.objectContaining({ id: "stuck", name: "eru-stuck-g1", state: "unknown" }),
  ]);
});

test("an engine that is stuck as a whole is not taken for one stuck container", async () => {
  const engine = await play({ "/containers/json": says(200, [summary("stuck")]) });
  await expect(engine.list()).rejects.toBeInstanceOf(EngineTimeoutError);
});

test("a step that hangs is refused while the engine answers, and unknown when it does not", async () => {
  const start = { do: "start", workload: "w-1", containerId: "c1" } as const;
  const stuckStep = await play({ "/_ping": pong });
  expect(await act(stuckStep, start)).toEqual({
    is: "refused",
    error: "the engine did not start within 1 s",
  });
  const stuckEngine = await play({});
  expect(await act(stuckEngine, start)).toEqual({ is: "unknown" });
});

test("a pull that fails half-way says so although it began well, and one without progress ends", async () => {
  const failing = await play({
    "/images/create": (_request, response) => {
      response.write(`${json({ status: "Pulling" })}\r\n`);
      response.end(`${json({ error: "no space left on device" })}\r\n`);
    },
  });
  await expect(failing.pull("hello:1")).rejects.toThrow("no space left on device");
  await expect(failing.pull("hello:1")).rejects.toBeInstanceOf(EngineRefusedError);
  const silent = await play({
    "/images/create": (_request, response) => {
      response.write(`${json({ status: "Pulling" })}\n`);
    },
  });
  await expect(silent.pull("hello:1")).rejects.toThrow("pulling hello:1 made no progress for 1 s");
});

test("a long refusal is kept up to a limit", async () => {
  const engine = await play({ "/containers/create": says(500, { message: "x".repeat(10_000) }) });
  const answer = containerSpec(assigned(), { advertise: "container", address: "127.0.0.1" });
  if (!answer.ok) throw new Error(answer.error);
  const error = await engine.create(answer.spec).catch((thrown: unknown) => thrown);
  expect((error as Error).message).toBe(`${"x".repeat(8_192)} … (1808 more characters)`);
});

test("events that are no JSON or not about workloads are passed over", async () => {
  const engine = await play({
    "/events": (_request, response) => {
      response.write("{broken\n");
      response.write(`${json({ Actor: { ID: "c1", Attributes: { name: "other" } } })}\n`);
      response.end(`${json({ Actor: { ID: "c2", Attributes: { "eru.workload": "w-1" } } })}`);
    },
  });
  const heard = await Array.fromAsync(await engine.events(new AbortController().signal));
  expect(heard).toEqual([{ workload: "w-1", containerId: "c2" }]);
});
