import { afterEach, beforeEach, expect, test } from "vitest";
import { z } from "zod";
import { Api } from "./api.ts";
import type { CliError } from "./errors.ts";
import { FakeServer, problem } from "./testkit/fake-server.ts";

let server: FakeServer;
let api: Api;
const recorded = { json: { seq: 7, changed: true } };

const apiAt = (url: string, commandId?: string) =>
  new Api(
    { commandUrl: url, queryUrl: url, token: "secret", source: "test" },
    new AbortController().signal,
    commandId,
  );
const failureOf = async (work: Promise<unknown>): Promise<CliError> => {
  try {
    await work;
  } catch (error) {
    return error as CliError;
  }
  throw new Error("nothing failed");
};

beforeEach(async () => {
  server = await FakeServer.start();
  api = apiAt(server.url);
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

test("a command carries the token and an idempotency key of its own", async () => {
  server.on("POST /v1/pods", recorded);
  await api.order("POST", "/v1/pods", { name: "a" });
  await api.order("POST", "/v1/pods", { name: "b" });
  const [first, second] = server.seen;
  expect(first?.headers.authorization).toBe("Bearer secret");
  expect(first?.body).toEqual({ name: "a" });
  expect(first?.headers["idempotency-key"]).toMatch(/^[0-9a-f-]{36}$/);
  expect(first?.headers["idempotency-key"]).not.toBe(second?.headers["idempotency-key"]);
});

test("a connection that breaks is tried again under the same key, so that the command happens once", async () => {
  server.on("POST /v1/pods", "cut", "cut", recorded);
  expect(await api.order("POST", "/v1/pods", {})).toEqual(recorded.json);
  const keys = server.seen.map(({ headers }) => headers["idempotency-key"]);
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
});

test("a connection that keeps breaking ends with 4 and names the key that makes a repetition safe", async () => {
  server.on("POST /v1/pods", "cut");
  const chosen = apiAt(server.url, "my-key");
  const { exitCode, message, next } = await failureOf(chosen.order("POST", "/v1/pods"));
  await chosen[Symbol.asyncDispose]();
  expect(exitCode).toBe(4);
  expect(message).toContain("the connection broke");
  expect(next).toContain("--command-id my-key");
  expect(server.seen).toHaveLength(4);
});

test("a busy server is waited for", async () => {
  const busy = problem(503, "log_unavailable", "the log does not answer", {
    headers: { "retry-after": "0" },
  });
  server.on("GET /v1/pods", busy, busy, { json: { items: [] } });
  expect(await api.list("/v1/pods", z.unknown())).toEqual([]);
});

test("a server that stays busy ends with 4 and says what it said", async () => {
  server.on("GET /v1/pods", problem(503, "not_ready", "still reading", { headers: { "retry-after": "0" } }));
  const { exitCode, message, next } = await failureOf(api.list("/v1/pods", z.unknown()));
  expect([exitCode, message]).toEqual([4, "still reading"]);
  expect(next).toContain("c-1");
});

test("a fault of the server ends with 4, not with the refusal's 3", async () => {
  server.on("POST /v1/pods", problem(500, "internal", "an unexpected fault"));
  expect(await failureOf(api.order("POST", "/v1/pods", {}))).toMatchObject({ exitCode: 4, code: "internal" });
});

test("a refusal ends with 3, with the faults and the next step", async () => {
  const faults = [{ field: "pod", value: "x", message: "there is no pod `x`" }];
  server.on("POST /v1/nodes", problem(404, "pod_unknown", "there is no pod `x`", { faults }));
  const failure = await failureOf(api.order("POST", "/v1/nodes", {}));
  expect(failure.exitCode).toBe(3);
  expect(failure.message).toBe("there is no pod `x`");
  expect(failure.faults).toEqual(faults);
  expect(failure.code).toBe("pod_unknown");
  expect(failure.next).toContain("eru pod list");
});

test("a server that is not there ends with 4 and says how to start it", async () => {
  const gone = await FakeServer.start();
  await gone[Symbol.asyncDispose]();
  const api = apiAt(gone.url);
  const { exitCode, message, next } = await failureOf(api.query("/v1/status", z.unknown()));
  await api[Symbol.asyncDispose]();
  expect(exitCode).toBe(4);
  expect(message).toBe(`the query API at ${gone.url} does not answer: connection refused`);
  expect(next).toContain("eru up");
});

test("an answer that is not Eru's is not taken for one", async () => {
  server.on("GET /v1/pods", { text: "<html>" });
  const html = await failureOf(api.list("/v1/pods", z.unknown()));
  expect(html.exitCode).toBe(4);
  expect(html.message).toContain("not Eru's answer");
  server.on("GET /v1/pods", { status: 404, text: "nothing here" });
  expect((await failureOf(api.list("/v1/pods", z.unknown()))).exitCode).toBe(4);
  server.on("GET /v1/pods", { json: { items: [{ pod: 7 }] } });
  const odd = await failureOf(api.list("/v1/pods", z.object({ pod: z.string() })));
  expect(odd.faults[0]?.field).toBe("items.0.pod");
});

test("a list is read page by page until it ends, or until there is enough", async () => {
  server.on("GET /v1/pods", ({ query }) => ({
    json: query["cursor"]
      ? { items: [3, 4], next: query["cursor"] === "b" ? "c" : null }
      : { items: [1, 2], next: "b" },
  }));
  expect(await api.list("/v1/pods", z.number())).toEqual([1, 2, 3, 4, 3, 4]);
  expect(await api.list("/v1/pods", z.number(), {}, 3)).toHaveLength(4);
  expect(server.seen.at(-1)?.query).toEqual({ cursor: "b", limit: "1" });
});
