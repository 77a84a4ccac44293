import { afterEach, beforeEach, expect, test } from "vitest";
import { contextFor, eru } from "../testkit/eru.ts";
import { FakeServer } from "../testkit/fake-server.ts";

let server: FakeServer;
beforeEach(async () => {
  server = await FakeServer.start();
  server.on("GET /v1/status", { json: { seq: 12 } });
});
afterEach(() => server[Symbol.asyncDispose]());

async function asks(line: string, route: string) {
  server.on(route, { status: 202, json: { seq: 12, changed: true } });
  const { code, err } = await eru(contextFor(server.url), line.split(" "));
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const [seen] = server.asked(route);
  return { body: seen?.body, query: seen?.query };
}

test.each([
  [
    "set a.b --app hello --release v1 --owner hello",
    "PUT /v1/routes/a.b",
    { app: "hello", rules: [{ app: "hello", entrypoint: "web", release: "v1" }] },
  ],
  ["undo a.b", "POST /v1/routes/a.b/undo", {}],
  ["undo a.b --to 7", "POST /v1/routes/a.b/undo", { to: 7 }],
  ["rm größe.de", "DELETE /v1/routes/xn--gre-6ka8i.de", undefined],
])("`eru route %s` asks %s", async (line, route, body) => {
  expect((await asks(`route ${line}`, route)).body).toEqual(body);
});

test("--take-over is said in the query", async () => {
  const { query } = await asks("route set a.b --app hello --take-over", "PUT /v1/routes/a.b");
  expect(query).toEqual({ takeOver: "true" });
});
