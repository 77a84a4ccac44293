import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { PlanReply } from "@eru/events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { contextFor, eru } from "../testkit/eru.ts";
import { FakeServer } from "../testkit/fake-server.ts";

let server: FakeServer;
let place: { cwd: string };

beforeEach(async () => {
  server = await FakeServer.start();
  place = contextFor(server.url);
  server.on("GET /v1/status", { json: { seq: 12 } });
});
afterEach(() => server[Symbol.asyncDispose]());

const route = "POST /v1/deployments";
const line = "deploy hello --pod demo --count 2 --cpu 0.1 --memory 32M".split(" ");
const reply: PlanReply = {
  atSeq: 7,
  placed: [{ node: "n1", count: 2 }],
  waiting: 0,
  reasons: {
    policy: "auto-1",
    inputSeq: 7,
    wanted: 2,
    resources: { cpu: 0.1, memoryMib: 32 },
    nodesTotal: 1,
    candidatesTotal: 1,
    scores: [{ node: "n1", count: 0, capacity: 9, placed: 2 }],
    rejectedTotals: {},
    rejected: [],
    wouldHelp: [],
  },
  release: "v3",
};

test("a plan is saved for its owner, shown, and applied with what it rests on and the release it is for", async () => {
  server.on(
    route,
    { json: reply },
    { status: 202, json: { seq: 12, changed: true, deployment: "hello-web-a" } },
  );
  expect(await eru(place, [...line, "--dry-run", "--save", "p.json"])).toMatchObject({ code: 0 });
  expect(statSync(join(place.cwd, "p.json")).mode & 0o777).toBe(0o600);
  const shown = await eru(place, ["plan", "show", "p.json"]);
  expect(shown.out).toContain("plan for 2 of hello/web, release v3, in pod demo, made at sequence 7");
  const applied = await eru(place, ["plan", "apply", "p.json"]);
  expect(applied).toMatchObject({ code: 0, out: expect.stringContaining("hello-web-a: 2 workloads") });
  const [dry, real] = server.asked(route);
  expect(real?.body).toEqual({
    ...(dry?.body as object),
    release: "v3",
    expect: { atSeq: 7, placed: [{ node: "n1", count: 2 }], waiting: 0 },
  });
  expect(real?.query).toEqual({});
});

test("what is no plan is refused with how to make one, and --save without --dry-run before anything is sent", async () => {
  writeFileSync(join(place.cwd, "p.json"), '{"format": "eru-plan-2"}');
  for (const file of ["p.json", "missing.json"]) {
    const { code, err } = await eru(place, ["plan", "apply", file]);
    expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("is no saved plan") });
    expect(err).toContain("--dry-run --save");
  }
  const { code, err } = await eru(place, [...line, "--save", "q.json"]);
  expect({ code, err }).toMatchObject({ code: 2, err: expect.stringContaining("add --dry-run") });
  expect(server.asked(route)).toEqual([]);
});
