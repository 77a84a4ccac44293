import { createServer, type Server } from "node:http";
import { afterAll, beforeAll, expect, test } from "vitest";
import { askUntilAll } from "./requests.ts";

// Stands in for the ELB: answers in turn as one workload after the other, and for hosts it does not know with 404.
let elb: Server;
let url: string;
let turn = 0;
let workloads: string[] = [];
beforeAll(async () => {
  elb = createServer((request, response) => {
    const id = workloads[turn++ % workloads.length];
    if (request.headers.host !== "hello.localhost" || id === undefined) {
      response.writeHead(404).end("no route");
      return;
    }
    response.end(JSON.stringify({ id, version: "1", node: "n1" }));
  }).listen(0, "127.0.0.1");
  await new Promise((resolve) => elb.once("listening", resolve));
  url = `http://127.0.0.1:${(elb.address() as { port: number }).port}`;
});
afterAll(() => void elb.close());

test("it ends when each wanted workload has answered, with the first answer of each", async () => {
  workloads = ["a", "b", "c"];
  const result = await askUntilAll(url, "hello.localhost", {
    ids: async () => ["c", "a", "b"],
    count: 3,
    withinMs: 5_000,
  });
  expect(result.complete).toBe(true);
  expect(result.answers.map(({ id }) => id)).toEqual(["c", "a", "b"]);
});

test("fewer workloads than wanted are not enough, and one that never answers is named", async () => {
  workloads = ["a"];
  const few = await askUntilAll(url, "hello.localhost", { ids: async () => ["a"], count: 2, withinMs: 200 });
  expect(few).toMatchObject({ complete: false, answers: [{ id: "a" }] });
  const silent = await askUntilAll(url, "hello.localhost", {
    ids: async () => ["a", "b"],
    count: 2,
    withinMs: 200,
  });
  expect(silent).toMatchObject({ complete: false, missing: ["b"] });
});

test("what the ELB says instead of an answer is kept for the error", async () => {
  const result = await askUntilAll(url, "unknown.localhost", {
    ids: async () => ["a"],
    count: 1,
    withinMs: 100,
  });
  expect(result).toMatchObject({
    complete: false,
    answers: [],
    missing: ["a"],
    lastFault: "status 404: no route",
  });
});
