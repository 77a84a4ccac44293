import { expect, test } from "vitest";
import { parseAppYaml } from "./app-yaml.ts";

const faultsIn = (text: string) => {
  const parsed = parseAppYaml(text);
  return parsed.ok ? [] : parsed.faults.map(({ field, message }) => `${field}: ${message}`);
};

test("a whole app.yaml is understood, with what it leaves out", () => {
  const parsed = parseAppYaml(`
appname: hello
entrypoints:
  web: # one way to run it
    command: [/hello, --port, "8080"]
    publish: [8080]
    healthcheck: { http: { port: 8080, path: /healthz } }
    env: { COLOR: red }
`);
  expect(parsed).toMatchObject({
    ok: true,
    spec: {
      appname: "hello",
      entrypoints: {
        web: {
          command: ["/hello", "--port", "8080"],
          publish: [8080],
          healthcheck: { http: { port: 8080, path: "/healthz" }, intervalMs: 2_000 },
          restart: { policy: "always" },
          graceSeconds: 10,
        },
      },
    },
  });
});

test("a health check of a port that is not published is refused with the field", () => {
  const yaml = (check: string, publish = "[8080]") =>
    `appname: a\nentrypoints:\n  web:\n    publish: ${publish}\n    healthcheck: ${check}\n`;
  expect(faultsIn(yaml("{ http: { port: 9090 } }"))).toEqual([
    "line 5, column 34 (entrypoints.web.healthcheck.http.port): port 9090 is not published (published: 8080): add it to `publish` of web, or check a published one",
  ]);
  expect(faultsIn(yaml("{ tcpPorts: [8080, 81] }"))).toEqual([
    expect.stringMatching(/^line 5, column 37 \(entrypoints.web.healthcheck.tcpPorts.1\): port 81 is not/),
  ]);
  expect(faultsIn(yaml("{ tcpPorts: [81] }", "[]"))).toEqual([expect.stringContaining("(published: none)")]);
  expect(faultsIn(yaml("{ command: [/hello, check] }", "[]"))).toEqual([]);
});

test.each([
  [
    "a health check's empty command",
    "appname: a\nentrypoints: {web: {healthcheck: {command: []}}}",
    /^line 2, column 44 \(entrypoints.web.healthcheck.command\): a command is a list with the program first/,
  ],
  [
    "a hook's command as one text",
    "appname: a\nentrypoints: {web: {hooks: {afterStart: [[]]}}}",
    /entrypoints.web.hooks.afterStart.0\): a command is a list with the program first/,
  ],
  [
    "hooks without a command",
    "appname: a\nentrypoints: {web: {hooks: {force: true}}}",
    /hooks need afterStart or beforeStop/,
  ],
  [
    "a grace of a year",
    "appname: a\nentrypoints: {web: {graceSeconds: 31536000}}",
    /graceSeconds is at most 3600, an hour/,
  ],
  [
    "an unknown key",
    "appname: a\nentrypoints: {web: {}}\nport: 80",
    /^line 3, column 1 \(port\): unknown key "port"/,
  ],
  [
    "an unknown key further in",
    "appname: a\nentrypoints:\n  web:\n    helthcheck: {tcpPorts: [80]}",
    /^line 4, column 5 \(entrypoints.web.helthcheck\): unknown key/,
  ],
  [
    "a wrong type in a list",
    "appname: a\nentrypoints:\n  web:\n    publish:\n      - 80\n      - http",
    /^line 6, column 9 \(entrypoints.web.publish.1\): .*whole number/,
  ],
  [
    "an amount out of range",
    "appname: a\nentrypoints: {web: {publish: [0]}}",
    /^line 2, column 31 .*from 1 to 65535/,
  ],
  [
    "a number where a text is meant",
    "appname: a\nentrypoints: {web: {env: {DEBUG: 1}}}",
    /^line 2, column 34 .*put it in quotes/,
  ],
  [
    "a wrong name as a key",
    "appname: a\nentrypoints:\n  Web: {}",
    /^line 3, column 3 \(entrypoints.Web\): .*lower-case/,
  ],
  [
    "a reserved variable",
    "appname: a\nentrypoints: {web: {env: {ERU_NODE: x}}}",
    /^line 2, column 27 .*set by Eru itself/,
  ],
  ["a missing field", "entrypoints: {web: {}}", /^line 1, column 1 \(appname\): .*expected string/],
  [
    "a missing field further in",
    "appname: a\nentrypoints:\n  web:\n    healthcheck:\n      http: {}",
    /^line 5, column 13 .*port/,
  ],
  ["no entrypoint", "appname: a\nentrypoints: {}", /^line 2, column 14 \(entrypoints\): .*at least one/],
  ["nothing", "", /^line 1, column 1: .*expected object/],
  ["a text", "hello", /^line 1, column 1: .*expected object/],
  ["a key twice", "appname: a\nappname: b", /^line 2, column 1: invalid YAML: Map keys must be unique/],
  ["an open bracket", "appname: a\nentrypoints: {web: {}", /^line 2, column 22: invalid YAML/],
  [
    "a wrong indentation",
    "appname: a\n  entrypoints: {}",
    /^line 1, column 10: invalid YAML|^line 2, column/,
  ],
  ["a tab", "appname: a\nentrypoints:\n\tweb: {}", /^line 3, column 1: invalid YAML: .*[Tt]ab/],
  ["an unknown tag", "appname: !secret a\nentrypoints: {web: {}}", /^line 1, column 10: invalid YAML: .*tag/],
  ["two documents", "appname: a\n---\nappname: b", /^line 2, column 1: invalid YAML: .*multiple documents/],
  ["a key that is a map", "? {a: b}\n: c", /invalid YAML: .*keys must be strings/],
])("%s is a fault with its place", (_what, text, expected) => {
  expect(faultsIn(text)[0]).toMatch(expected);
});

test("a wrong value is shown, shortened", () => {
  const parsed = parseAppYaml(`appname: ${"A".repeat(300)}\nentrypoints: {web: {}}`);
  expect(parsed).toMatchObject({ faults: [{ value: "A".repeat(120) }, { value: "A".repeat(120) }] });
});

test("every fault is shown, up to fifty", () => {
  expect(faultsIn("a: 1\nb: 2\nappname: a\nentrypoints: {web: {x: 1}}")).toHaveLength(3);
  const many = Array.from({ length: 80 }, (_, index) => `key${index}: 1`).join("\n");
  expect(faultsIn(many)).toHaveLength(50);
});

test("anchors may be used, and a fault behind one is at the anchor", () => {
  const text = (port: string) =>
    `appname: a\nentrypoints:\n  web: &base\n    publish: [${port}]\n  worker: *base`;
  expect(faultsIn(text("80"))).toEqual([]);
  expect(faultsIn(text("x"))[1]).toMatch(/^line 4, column 15 \(entrypoints.worker.publish.0\)/);
});

test("aliases that multiply are refused instead of expanded", () => {
  const levels = Array.from({ length: 12 }, (_, level) => {
    const before = level === 0 ? '"x"' : `*l${level - 1}`;
    return `l${level}: &l${level} [${Array.from({ length: 10 }, () => before).join(", ")}]`;
  });
  expect(faultsIn(levels.join("\n"))[0]).toMatch(/aliases: .*write it out/);
});

test("names of an object's own methods are names", () => {
  expect(faultsIn("appname: a\nentrypoints: {constructor: {}}")).toEqual([]);
  expect(faultsIn("appname: a\nentrypoints: {web: {}}\n__proto__: {x: 1}")[0]).toMatch(
    /^line 3, column 1 .*unknown key "__proto__"/,
  );
});
