import { decodeMessage, type EruEvent, subjects } from "@eru/events";
import type { MemoryBroker } from "@eru/log";
import { afterEach, beforeEach, expect, test } from "vitest";
import { furnish, type Running, start, wish } from "../fixture.ts";

let api: Running<MemoryBroker>;
beforeEach(async () => {
  api = await start();
  await furnish(api);
});
afterEach(() => api.close());

const yaml = (resources: string) =>
  `appname: web\nentrypoints:\n  http:\n    publish: [8080]\n    resources: ${resources}\n`;
const register = (release: string, resources: string) =>
  api.send("POST", "/v1/apps/web/releases", { release, image: "web:2", specText: yaml(resources) });
const deploy = (resources?: object) => {
  const { resources: _, ...rest } = wish;
  return api.send("POST", "/v1/deployments", { ...rest, ...(resources && { resources }) });
};
const requested = async (resources?: object) => {
  const { body } = await deploy(resources);
  const stored = await api.broker.log.read(subjects.deployment("demo", String(body["deployment"])), 1);
  return decodeMessage(stored[0] as (typeof stored)[number])[0]?.event as Extract<
    EruEvent,
    { type: "DeploymentRequested" }
  >;
};

test("a deployment that says nothing gets its entrypoint's resources, recorded with it and not in what runs", async () => {
  await register("v2", "{ cpu: 0.5, memoryMib: 64, volumes: ['AUTO:/data:rw:1G'] }");
  const { resources, template } = await requested();
  expect(resources).toEqual({ cpu: 0.5, memoryMib: 64, volumes: [{ to: "/data", sizeMib: 1_024 }] });
  expect(template.entrypoint).not.toHaveProperty("resources");
});

test("what is named counts, the rest is the entrypoint's", async () => {
  await register("v2", "{ cpu: 0.5, memoryMib: 64, memoryLimitMib: 128 }");
  expect((await requested({ cpu: 2 })).resources).toEqual({ cpu: 2, memoryMib: 64, memoryLimitMib: 128 });
  // A bound below the booking is raised to it, as when both are named.
  expect((await requested({ memoryMib: 256 })).resources).toEqual({ cpu: 0.5, memoryMib: 256 });
});

test("an upgrade keeps what the deployment has", async () => {
  await register("v2", "{ cpu: 0.5, memoryMib: 64 }");
  const { body } = await deploy();
  await register("v3", "{ cpu: 4, memoryMib: 512 }");
  const id = String(body["deployment"]);
  expect((await api.send("POST", `/v1/deployments/${id}/upgrade`, { release: "v3" })).status).toBe(202);
  expect(api.follower.intent.deployments.get(id)).toMatchObject({ resources: { cpu: 0.5, memoryMib: 64 } });
});

test.each([
  [undefined, "cpu", "cpu"],
  [{ cpu: 1 }, "memoryMib", "memory"],
  [{ memoryMib: 64 }, "cpu", "cpu"],
])(
  "with %j and no defaults it is said what is missing and where it can be named",
  async (named, missing, word) => {
    const { status, body } = await deploy(named);
    expect({ status, code: body["code"] }).toEqual({ status: 422, code: "resources_missing" });
    expect(body["detail"]).toMatch(
      new RegExp(`^how much ${word} each workload books is not said: name ${missing} .*--${word}.*app.yaml`),
    );
    expect(body["faults"]).toMatchObject([{ field: `resources.${missing}` }]);
  },
);

test("what contradicts the defaults is refused", async () => {
  await register("v2", "{ memoryMib: 64, bind: true }");
  const { status, body } = await deploy({ cpu: 0 });
  expect({ status, code: body["code"] }).toEqual({ status: 422, code: "resources_contradict" });
});

test.each([
  ["{ cpu: -1 }", /line 5.*entrypoints\.http\.resources\.cpu/],
  ["{ memory: 64 }", /unknown key .*memory/],
  ["{ volumes: ['AUTO:data'] }", /resources\.volumes\.0.*absolute path/],
  ["{ cpu: 0, memoryMib: 1, bind: true }", /resources\.cpu.*above 0/],
])("an app.yaml with %s is refused at its line", async (resources, text) => {
  const { status, body } = await register("v2", resources);
  expect(status).toBe(400);
  expect(JSON.stringify(body["faults"])).toMatch(text);
});
