import type { MemoryBroker } from "@eru/log";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { appYaml, furnish, type Running, start, wish } from "../fixture.ts";

// Values that nothing could be: each is refused before anything is decided, with field, value and place.

let api: Running<MemoryBroker>;
beforeAll(async () => {
  api = await start();
  await furnish(api);
});
afterAll(() => api.close());

type Method = "POST" | "PUT" | "PATCH" | "DELETE";
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
const rules = (...change: object[]) => ({
  rules: change.map((one) => ({ app: "web", entrypoint: "http", ...one })),
});

describe("names that are none are 400 and shown", () => {
  const names = [
    "",
    "a.b",
    "a b",
    "Web",
    "-a",
    "a-",
    "a_b",
    "größe",
    "名前",
    "a/b",
    "a>b",
    "a*",
    "a\u0000b",
    "x".repeat(300),
    "../etc",
    "constructor.",
  ];
  test.each(names)("%j as a name in a body and in a path", async (name) => {
    const expected = { status: 400, code: "invalid_request" };
    for (const [url, body] of [
      ["/v1/pods", { name }],
      ["/v1/apps", { name }],
      ["/v1/nodes", { name, pod: "demo" }],
    ] as const)
      await expectRefused("POST", url, body, { ...expected, field: "name" });
    await expectRefused("POST", "/v1/deployments", deploy({ pod: name }), { ...expected, field: "pod" });
    if (name === "") return;
    const inPath = encodeURIComponent(name);
    await expectRefused("DELETE", `/v1/pods/${inPath}`, undefined, { ...expected, field: "pod" });
    await expectRefused("DELETE", `/v1/deployments/${inPath}`, undefined, {
      ...expected,
      field: "deployment",
    });
  });

  test.each([
    "web..org",
    ".org",
    "web.org:80",
    "WEB.org",
    "*web.org",
    "a.*.org",
    "größe .de",
    "http://web.org",
    "a b",
    `${"a.".repeat(150)}a`,
  ])("%j as a host", (host) =>
    expectRefused("PUT", `/v1/routes/${encodeURIComponent(host)}`, rules({}), { status: 400, field: "host" }),
  );

  test.each(["", "v 1", "-v1", "v/1", "ü", "x".repeat(65)])("%j as a release", (release) =>
    expectRefused(
      "POST",
      "/v1/apps/web/releases",
      { release, image: "web:1", specText: appYaml("web") },
      { status: 400, field: "release", value: release },
    ),
  );

  test.each(["", "Web:1", "a b", "-x", "x".repeat(513)])("%j as an image", (image) =>
    expectRefused(
      "POST",
      "/v1/apps/web/releases",
      { release: "v5", image, specText: appYaml("web") },
      { status: 400, field: "image" },
    ),
  );
});

describe("amounts out of range and wrong types are 400, each named with its value", () => {
  const constrained = (...constraints: object[]) => ({ filter: { constraints } });
  const resources = (change: object) => ({ resources: { ...wish.resources, ...change } });
  test.each<[object, string, unknown]>([
    [{ count: -1 }, "count", -1],
    [{ count: 1.5 }, "count", 1.5],
    [{ count: "2" }, "count", "2"],
    [{ count: null }, "count", null],
    [{ count: 1_000_001 }, "count", 1_000_001],
    [{ count: Number.MAX_VALUE }, "count", Number.MAX_VALUE],
    [resources({ cpu: -0.1 }), "resources.cpu", -0.1],
    [resources({ cpu: 0.0001 }), "resources.cpu", 0.0001],
    [resources({ cpu: 2_000 }), "resources.cpu", 2_000],
    [resources({ cpu: "1" }), "resources.cpu", "1"],
    [resources({ memoryMib: -1 }), "resources.memoryMib", -1],
    [resources({ memoryMib: 1.5 }), "resources.memoryMib", 1.5],
    [resources({ gpu: 1 }), "resources.gpu", undefined],
    [resources({ cpu: 0, bind: true }), "resources.cpu", undefined],
    [resources({ cpu: 0.123, bind: true }), "resources.cpu", undefined],
    [resources({ storageMib: -1 }), "resources.storageMib", -1],
    [resources({ ports: [{ hostPort: 70_000, port: 80 }] }), "resources.ports.0.hostPort", 70_000],
    [resources({ volumes: ["AUTO:data"] }), "resources.volumes.0", undefined],
    [{ nodesLimit: -1 }, "nodesLimit", -1],
    [{ strategy: "fastest" }, "strategy", "fastest"],
    [{ strategy: "each", count: 1_001 }, "count", 1_001],
    [{ strategy: "fill", filter: { spread: { label: "zone" } } }, "filter.spread", undefined],
    [{ onShortage: "cry" }, "onShortage", "cry"],
    [{ filter: [] }, "filter", []],
    [{ filter: { include: ["n1"] } }, "filter.include", undefined],
    [{ filter: { includes: "n1" } }, "filter.includes", "n1"],
    [constrained({ label: "a b", op: "exists" }), "filter.constraints.0.label", "a b"],
    [constrained({ label: "a", op: "like", values: ["x"] }), "filter.constraints.0.op", "like"],
    [constrained({ label: "a", op: "in" }), "filter.constraints.0.values", undefined],
    [constrained({ label: "a", op: "in", values: [] }), "filter.constraints.0.values", []],
    [constrained({ label: "a", op: "exists", values: ["x"] }), "filter.constraints.0.values", undefined],
    [constrained({ label: "a", op: "gt", values: ["many"] }), "filter.constraints.0.values.0", "many"],
    [constrained({ label: "a", op: "gt", values: ["1", "2"] }), "filter.constraints.0.values", ["1", "2"]],
    [constrained({ label: "a", op: "version", values: ["<2"] }), "filter.constraints.0.values.0", "<2"],
    [
      constrained({ label: "a", op: "exists" }, { label: "a", op: "not_exists" }),
      "filter.constraints.1",
      { label: "a", op: "not_exists" },
    ],
    [
      { filter: { labels: { zone: "a" }, constraints: [{ label: "zone", op: "in", values: ["b"] }] } },
      "filter.constraints.0",
      { label: "zone", op: "in", values: ["b"] },
    ],
    [{ filter: { tolerates: ["a b"] } }, "filter.tolerates.0", "a b"],
    [{ filter: { prefer: [{ label: "a", op: "exists" }] } }, "filter.prefer.0.constraint", undefined],
    [{ filter: { spread: "zone" } }, "filter.spread", "zone"],
    [
      { filter: { spread: { label: "zone", targets: [{ value: "a", weight: 0 }] } } },
      "filter.spread.targets.0.weight",
      0,
    ],
    [{ filter: { affinity: [{ to: { app: "db" }, rule: "hate" }] } }, "filter.affinity.0.rule", "hate"],
    [
      { filter: { affinity: [{ to: { app: "web", entrypoint: "http" }, rule: "must_not" }] } },
      "filter.affinity.0.to",
      { app: "web", entrypoint: "http" },
    ],
    [{ env: { "1A": "x" } }, "env.1A", "x"],
    [{ env: { ERU_NODE: "x" } }, "env.ERU_NODE", "x"],
    [{ env: { A: 1 } }, "env.A", 1],
    [{ replicas: 3 }, "replicas", undefined],
    [{ entrypoint: ["http"] }, "entrypoint", ["http"]],
  ])("a deployment with %j", (change, field, value) =>
    expectRefused("POST", "/v1/deployments", deploy(change), {
      status: 400,
      code: "invalid_request",
      field,
      ...(value !== undefined && { value }),
    }),
  );

  test.each<[Method, string, unknown, string]>([
    ["PUT", "/v1/nodes/n1/resources", { memory: 1 }, "memory"],
    ["PATCH", "/v1/nodes/n1/resources", { storageMib: 0.5 }, "storageMib"],
    ["PATCH", "/v1/nodes/n1/resources", { gpus: { a: ["0"], b: ["0"] } }, "gpus"],
    ["PUT", "/v1/nodes/n1/resources", { cpu: -1, memoryMib: 1 }, "cpu"],
    ["PUT", "/v1/nodes/n1/labels", { zone: 1 }, "zone"],
    ["PUT", "/v1/nodes/n1/labels", { "a b": "c" }, "a b"],
    ["PUT", "/v1/nodes/n1/labels", [], "(the whole body)"],
    ["POST", "/v1/nodes/n1/cordon", { reason: "x".repeat(1_025) }, "reason"],
    ["POST", "/v1/nodes/n1/uncordon", { reason: "x" }, "reason"],
    ["POST", "/v1/nodes/n1/drain", { reason: "x".repeat(1_025) }, "reason"],
    ["POST", "/v1/nodes/n1/drain", { force: true }, "force"],
    ["POST", "/v1/nodes/n1/drain?dryRun=1", {}, "dryRun"],
    ["DELETE", "/v1/nodes/n1?force=yes", undefined, "force"],
    ["DELETE", "/v1/nodes/n1?forced=true", undefined, "forced"],
    ["POST", "/v1/pods?dryRun=true", { name: "x" }, "dryRun"],
    ["POST", "/v1/deployments?dryRun=1", wish, "dryRun"],
    ["POST", "/v1/pods", undefined, "(the whole body)"],
    ["POST", "/v1/pods", [], "(the whole body)"],
    ["POST", "/v1/pods", "null", "(the whole body)"],
    ["POST", "/v1/pods", { name: "x", description: "x".repeat(1_025) }, "description"],
    ["POST", "/v1/deployments/web-http-000000/scale", {}, "count"],
    ["POST", "/v1/deployments/web-http-000000/upgrade", { release: "v1", surge: 0 }, "surge"],
    ["POST", "/v1/deployments/web-http-000000/upgrade", { surge: 0, batch: 0 }, "batch"],
    ["POST", "/v1/deployments/web-http-000000/upgrade", { surge: 1, order: "stop-first" }, "surge"],
    ["POST", "/v1/deployments/web-http-000000/upgrade", { healthDeadlineMs: 0 }, "healthDeadlineMs"],
    ["POST", "/v1/deployments/web-http-000000/upgrade", { canary: { percent: 100 } }, "canary.percent"],
    ["POST", "/v1/deployments/web-http-000000/upgrade", { onFailure: "retry" }, "onFailure"],
    [
      "POST",
      "/v1/deployments/web-http-000000/upgrade",
      { settings: { graceSeconds: -1 } },
      "settings.graceSeconds",
    ],
    ["POST", "/v1/deployments/web-http-000000/upgrade", { settings: { image: "x" } }, "settings.image"],
    ["POST", "/v1/deployments/web-http-000000/rollback", { surge: 0 }, "surge"],
    ["POST", "/v1/deployments/web-http-000000/rollout/pause", { why: "x" }, "why"],
    ["PUT", "/v1/routes/a.local", { rules: [] }, "rules"],
    ["PUT", "/v1/routes/a.local", rules({ pathPrefix: "api" }), "rules.0.pathPrefix"],
    ["PUT", "/v1/routes/a.local", rules({ port: 0 }), "rules.0.port"],
    [
      "PUT",
      "/v1/routes/a.local",
      {
        rules: Array.from({ length: 2_001 }, (_, i) => ({
          app: "web",
          entrypoint: "http",
          pathPrefix: `/${i}`,
        })),
      },
      "rules",
    ],
    [
      "POST",
      "/v1/apps/web/releases",
      { release: "v5", image: "a", specText: "x".repeat(262_145) },
      "specText",
    ],
    [
      "POST",
      "/v1/apps/web/releases",
      { release: "v5", image: "a", specText: appYaml("web"), gitSha: "HEAD" },
      "gitSha",
    ],
  ])("%s %s", (method, url, body, field) =>
    expectRefused(
      method,
      url,
      body,
      { status: 400, code: "invalid_request", field },
      { "content-type": "application/json" },
    ),
  );
});

describe("bodies that cannot be read", () => {
  const json = { "content-type": "application/json" };
  test("invalid JSON says where", () =>
    expectRefused(
      "POST",
      "/v1/pods",
      '{"name": "x",}',
      { status: 400, code: "invalid_json", says: /position 13 .line 1 column 14/ },
      json,
    ));
  test("a key that would poison is refused", () =>
    expectRefused(
      "POST",
      "/v1/pods",
      '{"name": "x", "__proto__": {"a": 1}}',
      { status: 400, says: /__proto__/ },
      json,
    ));
  test("nesting without end is refused", () =>
    expectRefused(
      "POST",
      "/v1/pods",
      `{"name": ${"[".repeat(200_000)}${"]".repeat(200_000)}}`,
      { status: 400 },
      json,
    ));
  test("10 MB are too large", () =>
    expectRefused(
      "POST",
      "/v1/pods",
      `"${"x".repeat(10_000_000)}"`,
      { status: 413, code: "body_too_large", says: /1048576 bytes/ },
      json,
    ));
  test("other media are not understood", () =>
    expectRefused(
      "POST",
      "/v1/pods",
      "name: x",
      { status: 415, says: /application\/json/ },
      { "content-type": "text/yaml" },
    ));

  test.each<[string, string, RegExp]>([
    ["appname: web\nentrypoints: {http: {}\n", "line 3, column 1", /invalid YAML/],
    [
      "appname: web\nentrypoints:\n  http:\n    helthcheck: {}",
      "line 4, column 5 (entrypoints.http.helthcheck)",
      /unknown key "helthcheck"/,
    ],
    [
      "appname: web\nentrypoints:\n  http:\n    publish: [0]",
      "line 4, column 15 (entrypoints.http.publish.0)",
      /from 1 to 65535/,
    ],
  ])("an app.yaml %j is refused with line and column", (specText, field, says) =>
    expectRefused(
      "POST",
      "/v1/apps/web/releases",
      { release: "v5", image: "a", specText },
      { status: 400, code: "invalid_app_yaml", field, says },
    ),
  );

  test("a release whose event would be too large for the log is refused with the limit", async () => {
    const env = Array.from({ length: 200 }, (_, index) => `      A${index}: "${"x".repeat(700)}"`).join("\n");
    const specText = `appname: web\nentrypoints:\n  http:\n    env:\n${env}\n`;
    expect(specText.length).toBeLessThan(256 * 1024);
    await expectRefused(
      "POST",
      "/v1/apps/web/releases",
      { release: "v5", image: "a", specText },
      { status: 413, code: "event_too_large", says: /261120 bytes/ },
    );
  });
});

describe("who may call", () => {
  test.each<[Record<string, string>, string]>([
    [{ authorization: "" }, "token_missing"],
    [{ authorization: "Bearer wrong" }, "token_unknown"],
    [{ authorization: "Basic YTpi" }, "token_missing"],
  ])("%j is 401", (headers, code) =>
    expectRefused("POST", "/v1/pods", { name: "x" }, { status: 401, code }, headers),
  );
});

describe("an Idempotency-Key", () => {
  test.each(["", "a b", 'a"b', "a@b", "ü", "x".repeat(129)])("%j is refused", (key) =>
    expectRefused(
      "POST",
      "/v1/pods",
      { name: "x" },
      { status: 400, field: "idempotency-key", value: key.slice(0, 125) === key ? key : expect.anything() },
      { "idempotency-key": key },
    ),
  );
});
