import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rulesFrom } from "@eru/events";
import { afterEach, beforeEach, expect, test } from "vitest";
import { contextFor, eru } from "../testkit/eru.ts";
import { FakeServer } from "../testkit/fake-server.ts";

let server: FakeServer;
let folder: string;
beforeEach(async () => {
  server = await FakeServer.start();
  server.on("GET /v1/status", { json: { seq: 12 } });
  folder = mkdtempSync(join(tmpdir(), "eru-stage-"));
});
afterEach(async () => {
  await server[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});
const ask = (...line: string[]) => eru(contextFor(server.url), line);

const rules = (...paths: string[]) =>
  rulesFrom(paths.map((pathPrefix) => ({ app: "shop", entrypoint: "web", pathPrefix })));
const at = {
  ...{ elb: "e1", live: true, applied: true, refused: null, requests: 40, failures: 2 },
  ...{ requestsBefore: 100, failuresBefore: 1, forMs: 65_000 },
};
const one = {
  ...{ host: "a.org", stage: "s1", elbs: ["e1", "in1"], promoteAfterMs: 600_000, failuresMaxPercent: 2 },
  ...{ judged: [], stagedSeq: 9, stagedAt: "2026-01-01T00:00:00Z", stagedBy: "user:ada" },
  at: [at, { ...at, elb: "in1", applied: false, refused: "too long" }],
};

test("a file is checked and staged with what was said about it", async () => {
  const file = join(folder, "routes.yaml");
  writeFileSync(file, "host: a.org\nrules:\n  - {id: gone, action: {respond: {status: 410}}}\n");
  server.on("PUT /v1/routes/a.org", { json: { host: "a.org", changed: true, rules: ["gone"] } });
  const recorded = { seq: 12, changed: true, host: "a.org", elbs: ["e1"] };
  server.on("POST /v1/routes/a.org/stage", { status: 202, json: recorded });
  const line = ["route", "apply", "-f", file, "--staged", "--elb", "e1", "--promote-after", "10m"];
  const { out, code, err } = await ask(...line, "--failures-max", "0.5", "--take-over");
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("route a.org staged at e1; `eru route stage show a.org`");
  const [seen] = server.asked("POST /v1/routes/a.org/stage");
  expect(seen?.query).toEqual({ takeOver: "true" });
  expect(seen?.body).toEqual({
    route: { rules: [{ id: "gone", action: { respond: { status: 410 } } }] },
    ...{ elbs: ["e1"], promoteAfterMs: 600_000, failuresMaxPercent: 0.5 },
  });
  // Checked first, and nothing declared.
  expect(server.asked("PUT /v1/routes/a.org").map(({ query }) => query["dryRun"])).toEqual(["true"]);
});

test("what goes with --staged alone is refused without it", async () => {
  const { code, err } = await ask("route", "apply", "-f", "x.yaml", "--promote-after", "1m");
  expect(code).toBe(2);
  expect(err).toContain("go with --staged");
});

test("a staged change is listed, and shown with what differs and how it does", async () => {
  server.on("GET /v1/route-stages", { json: { seq: 12, items: [one], next: null } });
  expect((await ask("route", "stage", "list")).out).toMatch(
    /a\.org +e1 in1 \(refused\) +80 +4 +1m +10m +user:ada/,
  );
  const detail = {
    ...{ ...one, judged: [{ elb: "in1", passed: false, detail: "refused: too long" }] },
    ...{ staged: { rules: rules("/", "/new"), groups: ["public"] }, declared: { rules: rules("/", "/old") } },
  };
  server.on("GET /v1/route-stages/a.org", { json: { seq: 12, ...detail } });
  const { out } = await ask("route", "stage", "show", "a.org");
  for (const line of [
    /for all +after 10m, if no more than 2 % more answers are 5xx/,
    /at e1 +applied for 1m, 2 of 40 answers were 5xx, 1 of 100 before/,
    /at in1 +refused: too long/,
    /in1 says +bad: refused: too long/,
    /^- rule \/old: path \/old → /m,
    /^\+ rule \/new: path \/new → /m,
    /^\+ groups: \["public"\]/m,
  ])
    expect(out).toMatch(line);
  expect(out).not.toMatch(/^[-+] rule \/: /m);
});

test.each(["promote", "abort"])("`eru route stage %s` asks for it", async (verb) => {
  server.on(`POST /v1/routes/a.org/stage/${verb}`, { status: 202, json: { seq: 12, changed: true } });
  const { code, out } = await ask("route", "stage", verb, "a.org");
  expect({ code, out }).toMatchObject({
    code: 0,
    out: expect.stringContaining("the staged change of a.org is"),
  });
});
