import { afterEach, beforeEach, expect, test } from "vitest";
import { contextFor, eru } from "../testkit/eru.ts";
import { FakeServer } from "../testkit/fake-server.ts";

let server: FakeServer;
let place: { cwd: string };
const quota = {
  ...{ quota: "app_shop", app: "shop", pod: null, deployments: 2, over: ["cpu"] },
  limits: { cpu: 4, memoryMib: 2048 },
  used: { instances: 6, cpu: 6, memoryMib: 1024, storageMib: 0, gpus: 0 },
};

beforeEach(async () => {
  server = await FakeServer.start();
  place = contextFor(server.url);
  server.on("GET /v1/status", { json: { seq: 12 } });
  server.on("GET /v1/quotas/app_shop", { json: quota });
});
afterEach(() => server[Symbol.asyncDispose]());

test("`eru quota set` sends the amounts and says what is used, and over", async () => {
  server.on("PUT /v1/quotas", { status: 202, json: { seq: 12, changed: true, quota: "app_shop" } });
  const { code, out } = await eru(place, "quota set --app shop --cpu 4 --memory 2G".split(" "));
  expect(server.asked("PUT /v1/quotas").at(-1)?.body).toEqual({
    app: "shop",
    limits: { cpu: 4, memoryMib: 2048 },
  });
  expect(code).toBe(0);
  expect(out).toContain("6 of 4");
  expect(out).toContain("1G of 2G");
  expect(out).toContain("over its limit: cpu; nothing is taken away, only growth is refused");
});

test("`eru quota set` asks for a scope and for an amount before anything is sent", async () => {
  const [scope, amount] = [
    await eru(place, "quota set --cpu 4".split(" ")),
    await eru(place, "quota set --app shop".split(" ")),
  ];
  expect([scope.code, scope.err]).toEqual([2, expect.stringContaining("--app, --pod, or both")]);
  expect([amount.code, amount.err]).toEqual([2, expect.stringContaining("name what is limited")]);
  expect(server.asked("PUT /v1/quotas")).toHaveLength(0);
});

test("`eru quota list` and `show` say what is used of what is limited", async () => {
  server.on("GET /v1/quotas", { json: { items: [quota], next: null } });
  const list = await eru(place, ["quota", "list"]);
  expect(list.out).toMatch(/app_shop +6 of 4 +1G of 2G +cpu|app_shop .*6 of 4/);
  expect((await eru(place, ["quota", "show", "app_shop"])).out).toContain("2 of shop in any pod");
});
