import { expect, test } from "vitest";
import { AppSpec } from "./app.ts";
import { AppName, HostName } from "./names.ts";
import { Resources } from "./resources.ts";
import { HealthCheck } from "./spec.ts";

test.each(["web", "a", "a-1", "x".repeat(32)])("%j is an app name", (name) => {
  expect(AppName.safeParse(name).success).toBe(true);
});

test.each(["", "Web", "a.b", "a b", "-a", "a-", "a_b", "ä", "x".repeat(33), "x".repeat(300)])(
  "%j is no app name",
  (name) => {
    expect(AppName.safeParse(name).success).toBe(false);
  },
);

test.each(["*", "*.example.org", "hello.localhost", "xn--bcher-kva.example"])("%j is a host", (name) => {
  expect(HostName.safeParse(name).success).toBe(true);
});

test.each(["", "a..b", "Hello.org", "a:80", "*x.org", "a.*.org", "bücher.example", "-a.org"])(
  "%j is no host",
  (name) => {
    expect(HostName.safeParse(name).success).toBe(false);
  },
);

test.each([0, 0.1, 0.29, 0.57, 1.13, 2.005, 1024])("%d cores can be asked for", (cpu) => {
  expect(Resources.safeParse({ cpu, memoryMib: 1 }).success).toBe(true);
});

test.each([-1, 0.0001, 1.23456, 1025, Number.NaN, Number.POSITIVE_INFINITY, "1"])(
  "%j cores cannot be asked for",
  (cpu) => {
    expect(Resources.safeParse({ cpu, memoryMib: 1 }).success).toBe(false);
  },
);

test("a health check without anything to check is refused", () => {
  expect(HealthCheck.safeParse({}).success).toBe(false);
  expect(HealthCheck.safeParse({ tcpPorts: [80] }).success).toBe(true);
});

test("an app takes its defaults and refuses what it does not know", () => {
  const spec = AppSpec.parse({ appname: "hello", entrypoints: { web: { command: ["/hello"] } } });
  expect(spec.entrypoints["web"]).toMatchObject({ network: "bridge", graceSeconds: 10, publish: [] });
  const wrong = AppSpec.safeParse({ appname: "hello", entrypoints: { web: { comand: ["/hello"] } } });
  expect(wrong.error?.issues[0]).toMatchObject({ code: "unrecognized_keys", keys: ["comand"] });
});

test("names that Eru sets itself cannot be set by an app", () => {
  const env = (name: string) =>
    AppSpec.safeParse({ appname: "a", entrypoints: { web: { env: { [name]: "1" } } } }).success;
  expect([env("PORT"), env("ERU_NODE_NAME"), env("APP_NAME"), env("1X")]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});
