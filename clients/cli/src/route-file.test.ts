import { expect, test } from "vitest";
import { CliError } from "./errors.ts";
import { readRoutes } from "./route-file.ts";

const read = (text: string) => readRoutes({ path: "/tmp/routes.yaml", text });
const refusal = (text: string): string => {
  try {
    read(text);
  } catch (error) {
    if (error instanceof CliError)
      return [error.message, ...error.faults.map(({ field, message }) => `${field}: ${message}`)].join("\n");
    throw error;
  }
  throw new Error("it was read");
};

test("every document is a route; the rest of it is passed on as it stands", () => {
  const two = "host: a.org\nrules:\n  - {app: web, entrypoint: http}\n---\nhost: '*'\napp: web\nrules: []\n";
  expect(read(two)).toMatchObject([
    { host: "a.org", body: { rules: [{ app: "web", entrypoint: "http" }] } },
    { host: "*", body: { app: "web", rules: [] } },
  ]);
  expect(read('{"host": "a.org", "rules": []}')).toMatchObject([{ host: "a.org", body: { rules: [] } }]);
});

test("a field is found at its line, or where it is missing", () => {
  const [, route] = read("host: a.org\nrules: []\n---\nhost: b.org\nrules:\n  - app: web\n    port: 0\n");
  const told = route?.locate([
    { field: "rules.0.port", message: "too small" },
    { field: "rules.0.entrypoint", message: "wanted" },
    { field: "app", message: "unknown" },
  ]);
  expect(told).toEqual([
    { field: "routes.yaml, line 7, column 11 (rules.0.port)", message: "too small\n      | port: 0" },
    { field: "routes.yaml, line 6, column 5 (rules.0.entrypoint)", message: "wanted\n      | - app: web" },
    { field: "routes.yaml, line 4, column 1 (app)", message: "unknown\n      | host: b.org" },
  ]);
});

test.each([
  ["host: a.org\nhost: b.org\nrules: []\n", /line 2, column 1: invalid YAML: Map keys must be unique/],
  ["host: [\n", /invalid YAML/],
  ["rules: []\n", /line 1, column 1: `host` is wanted/],
  ["host: *\nrules: []\n", /line 1/],
  ["- host: a.org\n", /a route is wanted here/],
  ["", /holds no route/],
  ["# nothing\n", /holds no route/],
])("%j is refused with what is wrong and where", (text, says) => {
  expect(refusal(text)).toMatch(says);
});
