import { afterEach, beforeEach, expect, test } from "vitest";
import { contextFor, eru } from "../testkit/eru.ts";
import { FakeServer } from "../testkit/fake-server.ts";
import { aNode } from "../testkit/views.ts";

let server: FakeServer;
let place: { cwd: string };
const recorded = { status: 202, json: { seq: 12, changed: true } };

beforeEach(async () => {
  server = await FakeServer.start();
  place = contextFor(server.url);
});
afterEach(() => server[Symbol.asyncDispose]());

const shows = (...nodes: string[]) =>
  server.on("GET /v1/nodes", {
    json: { items: nodes.map((node) => ({ ...aNode(), node })), nextCursor: null },
  });

test("--remove removes the nodes with such a name, and no other", async () => {
  shows("sim-1", "sim-20", "sim-x", "n1", "my-sim-3");
  server.on("DELETE /v1/nodes/sim-1", recorded).on("DELETE /v1/nodes/sim-20", recorded);
  const { code, out } = await eru(place, ["sim-nodes", "0", "--pod", "p", "--remove"]);
  expect({ code, out }).toEqual({ code: 0, out: "2 nodes removed from pod p\n" });
  expect(server.asked("DELETE /v1/nodes/sim-20")[0]?.query).toEqual({ force: "true" });
  expect(server.asked("GET /v1/nodes")[0]?.query).toMatchObject({ pod: "p" });
});

test("nodes that are not there yet are added, and without an installation the way to one is said", async () => {
  shows("sim-2");
  server.on("POST /v1/nodes", recorded);
  const home = `${place.cwd}/nowhere`;
  const { code, err } = await eru(place, ["sim-nodes", "3", "--pod", "p", "--home", home]);
  expect(server.asked("POST /v1/nodes").map(({ body }) => body)).toEqual([
    { name: "sim-1", pod: "p" },
    { name: "sim-3", pod: "p" },
  ]);
  expect(code).toBe(1);
  expect(err).toContain("3 nodes sim-1 to sim-3 are in pod p, 2 of them new");
  expect(err).toContain(`no installation runs in ${home}: \`eru up --home ${home}\` first`);
});

test.each([
  [["0"], "0 nodes are nothing to run"],
  [["3", "--prefix", "Sim"], "a node name consists of"],
  [["3", "--cpu", "8-4"], "the lesser number first"],
  [["3", "--cpu", "none"], "whole number from 1 to 1024"],
  [["3", "--failures", "2"], "a number from 0 to 1"],
  [["30000"], "whole number from 0 to 20000"],
])("%j is refused in words", async (parameters, words) => {
  shows();
  const { code, err } = await eru(place, ["sim-nodes", ...parameters, "--pod", "p"]);
  expect(code).toBe(2);
  expect(err).toContain(words);
});
