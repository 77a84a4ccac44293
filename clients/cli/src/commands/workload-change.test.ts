import { afterEach, beforeEach, expect, test } from "vitest";
import { contextFor, eru } from "../testkit/eru.ts";
import { FakeServer } from "../testkit/fake-server.ts";
import { aWorkload } from "../testkit/views.ts";

let server: FakeServer;
let place: { cwd: string };
const url = "POST /v1/workloads/shop-web-a-1/replace";

beforeEach(async () => {
  server = await FakeServer.start();
  place = contextFor(server.url);
  server.on("GET /v1/status", { json: { seq: 12 } });
  server.on(url, { status: 202, json: { seq: 12, changed: true } });
});
afterEach(() => server[Symbol.asyncDispose]());

const replace = (...more: string[]) => eru(place, ["workload", "replace", "shop-web-a-1", ...more]);

test("a replacement is asked for with files and network to take over", async () => {
  const { code } = await replace("--copy", "/a:/b", "--copy", "/c", "--inherit-network");
  expect(code).toBe(0);
  const copy = [
    { from: "/a", to: "/b" },
    { from: "/c", to: "/c" },
  ];
  expect(server.asked(url)[0]?.body).toEqual({ copy, network: true });
});

test.each(["a:/b", "/a:/b:/c", "/a/../b", ""])("--copy %s is refused with how to write it", async (text) => {
  const { code, err } = await replace("--copy", text);
  expect(code).toBe(2);
  expect(err).toContain("name it as /path/in/the/old:/path/in/the/new");
});

test("--wait names the workload that serves in its place", async () => {
  const change = { change: "replace", step: "done", seq: 12, detail: null, successor: "shop-web-a-3" };
  server.on("GET /v1/workloads/shop-web-a-1", { json: { ...aWorkload(), change } });
  const { out } = await replace("--wait");
  expect(out).toMatch(/replace done in .*, shop-web-a-3 serves in its place on n1/);
});
