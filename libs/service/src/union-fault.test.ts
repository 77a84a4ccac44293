import { Rule, ShortRule } from "@eru/events";
import { expect, test } from "vitest";
import { z } from "zod";
import { faultsOf } from "./problem.ts";

const Body = z.strictObject({ rules: z.array(z.union([Rule, ShortRule])) });

const faults = (rule: unknown) => {
  const input = { rules: [rule] };
  const parsed = Body.safeParse(input);
  if (parsed.success) throw new Error("it is valid");
  return faultsOf(parsed.error, input).map(({ field, message }) => `${field}: ${message}`);
};
const backend = { to: { app: "web", entrypoint: "http" } };
const forward = (more: object) => ({ id: "a", action: { forward: { backends: [backend], ...more } } });

test.each<[unknown, string[]]>([
  [{ app: "web", entrypoint: "http", pathPrefix: "x" }, ["rules.0.pathPrefix: a path prefix begins with /"]],
  [{ app: "web" }, ["rules.0.entrypoint: Invalid input: expected string, received undefined"]],
  [
    { id: "a b", action: { respond: { status: 700 } } },
    ["rules.0.id: letters", "rules.0.action.respond.status: Too big"],
  ],
  [forward({ colour: "red" }), ['rules.0.action.forward.colour: unknown field "colour"']],
  [
    { id: "a", action: { foward: {} } },
    ["rules.0.action: one of these is wanted: forward, redirect, respond"],
  ],
  [
    { ...forward({}), when: [{ path: { prefix: "api" } }] },
    ["rules.0.when.0.path.prefix: a path begins with /"],
  ],
  [
    { ...forward({}), when: [{ headers: { "x-a": { exakt: "1" } } }] },
    ["rules.0.when.0.headers.x-a: one of these is wanted: exact, prefix, suffix, regex, present, in"],
  ],
  [{ ...forward({}), when: [{ userAgent: { in: [] } }] }, ["rules.0.when.0.userAgent.in: Too small"]],
  [
    forward({ split: "adress" }),
    ['rules.0.action.forward.split: one of these is wanted: "source", "path", "random"'],
  ],
  [forward({ split: { cookie: "a b" } }), ["rules.0.action.forward.split.cookie: not a cookie name"]],
  [{ ...forward({}), when: [{ source: ["10.0.0"] }] }, ["rules.0.when.0.source.0: an address or a CIDR"]],
  ["web", ["rules.0: "]],
])("%j is told where and how: %j", (rule, expected) => {
  const told = faults(rule);
  expect(told).toHaveLength(expected.length);
  for (const [index, begin] of expected.entries()) expect(told[index]).toContain(begin);
});
