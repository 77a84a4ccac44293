import type { MemoryBroker } from "@eru/log";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { appYaml, furnish, type Running, start, wish } from "../fixture.ts";

// What may be sent wrong, row by row. Whatever it is: a problem that says what and where, and nothing in the log.

let api: Running<MemoryBroker>;
let removed: string;
beforeAll(async () => {
  api = await start();
  await furnish(api);
  await api.send("POST", "/v1/pods", { name: "prod" });
  await api.send("POST", "/v1/nodes", { name: "far", pod: "prod" });
  for (const [make, remove, body] of [
    ["/v1/pods", "/v1/pods/old", { name: "old" }],
    ["/v1/nodes", "/v1/nodes/gone", { name: "gone", pod: "demo" }],
    ["/v1/apps", "/v1/apps/past", { name: "past" }],
  ] as const) {
    await api.send("POST", make, body);
    await api.send("DELETE", remove);
  }
  await api.send("POST", "/v1/apps", { name: "empty" });
  removed = String((await api.send("POST", "/v1/deployments", wish)).body["deployment"]);
  await api.send("DELETE", `/v1/deployments/${removed}`);
  await api.send("POST", "/v1/deployments", wish);
  await api.send("PUT", "/v1/routes/web.local", { rules: [{ app: "web", entrypoint: "http" }] });
});
afterAll(() => api.close());

type Method = "POST" | "PUT" | "DELETE";
type Expected = { status: number; code?: string; field?: string; value?: unknown; says?: RegExp };

async function expectRefused(
  method: Method,
  url: string,
  body: unknown,
  { status, code, says = /\w/, ...fault }: Expected,
  headers?: Record<string, string>,
) {
  const refused = await api.refusal(method, url, body, headers);
  expect(refused, JSON.stringify(refused)).toMatchObject({
    status,
    type: expect.stringContaining("application/problem+json"),
    ...(code && { code }),
    detail: expect.stringMatching(says),
    correlationId: expect.any(String),
    ...("field" in fault && { faults: expect.arrayContaining([expect.objectContaining(fault)]) }),
    grew: false,
  });
}

const deploy = (change: object) => ({ ...wish, ...change });
const filter = (change: object) => deploy({ filter: change });
const rules = (...change: object[]) => ({
  rules: change.map((one) => ({ app: "web", entrypoint: "http", ...one })),
});

describe("unknown things are 404, with the names there are", () => {
  test.each<[Method, string, unknown, Expected]>([
    [
      "POST",
      "/v1/nodes",
      { name: "n2", pod: "dem" },
      {
        status: 404,
        code: "pod_unknown",
        field: "pod",
        value: "dem",
        says: /there is no pod `dem`; pods: demo, prod/,
      },
    ],
    ["DELETE", "/v1/pods/dem", undefined, { status: 404, code: "pod_unknown", field: "pod" }],
    [
      "PUT",
      "/v1/nodes/n9/labels",
      {},
      { status: 404, code: "node_unknown", field: "node", value: "n9", says: /nodes: far, n1/ },
    ],
    ["PUT", "/v1/nodes/n9/resources", wish.resources, { status: 404, code: "node_unknown" }],
    ["POST", "/v1/nodes/n9/cordon", {}, { status: 404, code: "node_unknown" }],
    ["POST", "/v1/nodes/n9/uncordon", undefined, { status: 404, code: "node_unknown" }],
    ["POST", "/v1/nodes/n9/drain", {}, { status: 404, code: "node_unknown" }],
    ["POST", "/v1/nodes/n9/drain?dryRun=true", {}, { status: 404, code: "node_unknown" }],
    ["DELETE", "/v1/nodes/n9/drain", undefined, { status: 404, code: "node_unknown" }],
    ["DELETE", "/v1/nodes/n9", undefined, { status: 404, code: "node_unknown" }],
    ["DELETE", "/v1/apps/wep", undefined, { status: 404, code: "app_unknown", says: /apps: empty, web/ }],
    [
      "POST",
      "/v1/apps/wep/releases",
      { release: "v1", image: "a:1", specText: appYaml("wep") },
      { status: 404, code: "app_unknown" },
    ],
    ["POST", "/v1/deployments", deploy({ app: "wep" }), { status: 404, code: "app_unknown", field: "app" }],
    [
      "POST",
      "/v1/deployments",
      deploy({ release: "v9" }),
      { status: 404, code: "release_unknown", field: "release", value: "v9", says: /it has v1/ },
    ],
    [
      "POST",
      "/v1/deployments",
      deploy({ entrypoint: "htp" }),
      { status: 404, code: "entrypoint_unknown", says: /there is http, worker/ },
    ],
    ["POST", "/v1/deployments", deploy({ pod: "dem" }), { status: 404, code: "pod_unknown" }],
    [
      "POST",
      "/v1/deployments",
      filter({ includes: ["n1", "n9"] }),
      { status: 404, code: "node_unknown", field: "filter.includes", value: "n9" },
    ],
    [
      "POST",
      "/v1/deployments",
      filter({ excludes: ["n9"] }),
      { status: 404, code: "node_unknown", field: "filter.excludes" },
    ],
    [
      "POST",
      "/v1/deployments/web-http-000000/scale",
      { count: 1 },
      { status: 404, code: "deployment_unknown", says: /deployments: web-http-/ },
    ],
    [
      "POST",
      "/v1/deployments/web-http-000000/upgrade",
      { release: "v1" },
      { status: 404, code: "deployment_unknown" },
    ],
    ["DELETE", "/v1/deployments/web-http-000000", undefined, { status: 404, code: "deployment_unknown" }],
    [
      "PUT",
      "/v1/routes/a.local",
      rules({}, { app: "wep", pathPrefix: "/x" }),
      { status: 404, code: "app_unknown", field: "rules.1.app", value: "wep" },
    ],
    [
      "PUT",
      "/v1/routes/a.local",
      rules({ entrypoint: "htp" }),
      {
        status: 404,
        code: "entrypoint_unknown",
        field: "rules.0.entrypoint",
        says: /in any release; there is http, worker/,
      },
    ],
    [
      "PUT",
      "/v1/routes/a.local",
      rules({ pod: "dem" }),
      { status: 404, code: "pod_unknown", field: "rules.0.pod" },
    ],
    [
      "DELETE",
      "/v1/routes/a.local",
      undefined,
      { status: 404, code: "route_unknown", says: /hosts: web.local/ },
    ],
    ["POST", "/v1/nothing", {}, { status: 404, code: "no_such_path" }],
  ])("%s %s %j", (method, url, body, expected) => expectRefused(method, url, body, expected));
});

describe("removed things are gone", () => {
  test.each<[Method, string, unknown, Expected]>([
    [
      "POST",
      "/v1/nodes",
      { name: "n2", pod: "old" },
      { status: 404, code: "pod_unknown", says: /any more: it was removed/ },
    ],
    ["POST", "/v1/deployments", deploy({ pod: "old" }), { status: 404, code: "pod_unknown" }],
    ["POST", "/v1/nodes/gone/cordon", {}, { status: 404, code: "node_unknown", says: /it was removed/ }],
    ["POST", "/v1/deployments", filter({ includes: ["gone"] }), { status: 404, code: "node_unknown" }],
    [
      "POST",
      "/v1/deployments",
      deploy({ app: "past" }),
      { status: 404, code: "app_unknown", says: /it was removed/ },
    ],
    ["PUT", "/v1/routes/a.local", rules({ app: "past" }), { status: 404, code: "app_unknown" }],
  ])("%s %s %j", (method, url, body, expected) => expectRefused(method, url, body, expected));

  test("a removed deployment takes no commands", async () => {
    const expected = { status: 404, code: "deployment_unknown", says: /it was removed/ };
    await expectRefused("POST", `/v1/deployments/${removed}/scale`, { count: 1 }, expected);
    await expectRefused("POST", `/v1/deployments/${removed}/upgrade`, { release: "v1" }, expected);
  });
});

describe("contradictions are 409, senseless wishes 422", () => {
  test.each<[Method, string, unknown, Expected]>([
    ["POST", "/v1/pods", { name: "demo", description: "other" }, { status: 409, code: "pod_exists" }],
    [
      "POST",
      "/v1/nodes",
      { name: "n1", pod: "prod" },
      { status: 409, code: "node_exists", says: /in pod `demo`/ },
    ],
    [
      "POST",
      "/v1/nodes",
      { name: "n1", pod: "demo", labels: { a: "b" } },
      { status: 409, says: /PUT .v1.nodes.n1.labels/ },
    ],
    [
      "POST",
      "/v1/apps/web/releases",
      { release: "v1", image: "web:2", specText: appYaml("web") },
      { status: 409, code: "release_exists", says: /another image/ },
    ],
    ["DELETE", "/v1/pods/demo", undefined, { status: 409, code: "pod_has_nodes", says: /remove n1 first/ }],
    ["DELETE", "/v1/apps/web", undefined, { status: 409, code: "app_has_deployments" }],
    ["POST", "/v1/deployments", deploy({ app: "empty" }), { status: 409, code: "app_without_release" }],
    [
      "POST",
      "/v1/deployments",
      filter({ includes: ["far"] }),
      { status: 409, code: "node_in_other_pod", says: /`far` is in pod `prod`/ },
    ],
    [
      "POST",
      "/v1/apps/web/releases",
      { release: "v2", image: "web:2", specText: appYaml("shop") },
      { status: 422, code: "appname_differs", says: /`shop`/ },
    ],
    [
      "PUT",
      "/v1/routes/a.local",
      rules({ port: 81 }),
      { status: 422, code: "port_not_published", field: "rules.0.port", value: 81, says: /but 8080/ },
    ],
    [
      "PUT",
      "/v1/routes/a.local",
      rules({ entrypoint: "worker" }),
      { status: 422, code: "nothing_published" },
    ],
    [
      "PUT",
      "/v1/routes/a.local",
      rules({}, {}),
      { status: 422, code: "invalid_rules", field: "rules.1.pathPrefix", says: /the same pathPrefix/ },
    ],
  ])("%s %s %j", (method, url, body, expected) => expectRefused(method, url, body, expected));
});

test("a pod without nodes stays while a deployment waits in it", async () => {
  await api.send("POST", "/v1/pods", { name: "bare" });
  const made = await api.send("POST", "/v1/deployments", deploy({ pod: "bare" }));
  const id = String(made.body["deployment"]);
  await expectRefused("DELETE", "/v1/pods/bare", undefined, {
    status: 409,
    code: "pod_has_deployments",
    says: new RegExp(`remove ${id} first`),
  });
  await api.send("DELETE", `/v1/deployments/${id}`);
  expect((await api.send("DELETE", "/v1/pods/bare")).status).toBe(202);
});
