import { expect, test } from "vitest";
import { decodeMessage, encodeMessage } from "./message.ts";
import { RouteEvent } from "./route.ts";

const subject = "eru.route.web_example_org";
const cause = { correlationId: "01M", causationId: "01M" };
const meta = { id: "01M", time: "2026-01-01T00:00:00.000Z", actor: "user:ada" };

const stored = (v: number, payload: Record<string, unknown>) => ({
  subject,
  seq: 7,
  body: JSON.stringify({ ...meta, events: [{ type: "RouteDeclared", v, ...cause, payload }] }),
});

test("a declaration of version 1, as it was written, is read as rules with a path", () => {
  // Golden: such bodies stand in logs and are never rewritten.
  const old = {
    host: "web.example.org",
    rules: [
      { pathPrefix: "/", app: "web", entrypoint: "http" },
      { pathPrefix: "/api v1", app: "web", entrypoint: "api", pod: "demo", port: 8080 },
    ],
  };
  const rest = { priority: 0, enabled: true };
  expect(decodeMessage(stored(1, old))[0]?.event).toEqual({
    type: "RouteDeclared",
    host: "web.example.org",
    rules: [
      {
        id: "/",
        ...rest,
        when: [{ path: { prefix: "/" } }],
        action: { forward: { backends: [{ to: { app: "web", entrypoint: "http" }, weight: 1 }] } },
      },
      {
        id: "/api-v1@2",
        ...rest,
        when: [{ path: { prefix: "/api v1" } }],
        action: {
          forward: {
            backends: [{ to: { app: "web", entrypoint: "api", pod: "demo", port: 8080 }, weight: 1 }],
          },
        },
      },
    ],
  });
});

test("whatever prefixes version 1 took, the rules get ids that today's schema takes, each once", () => {
  const prefixes = ["/", "/ü", "/u", "/-@2", "/a".repeat(512), `/${"a".repeat(200)}`, `/${"a".repeat(201)}`];
  const rules = prefixes.map((pathPrefix) => ({ pathPrefix, app: "web", entrypoint: "http" }));
  const [read] = decodeMessage(stored(1, { host: "web.example.org", rules }));
  const event = RouteEvent.parse(read?.event);
  if (event.type !== "RouteDeclared") throw new Error(event.type);
  expect(new Set(event.rules.map(({ id }) => id)).size).toBe(prefixes.length);
  expect(event.rules.map(({ when }) => when?.[0]?.path)).toEqual(prefixes.map((prefix) => ({ prefix })));
});

test("today's declaration is written as version 2 and read as it was", () => {
  const event = RouteEvent.parse({
    type: "RouteDeclared",
    host: "web.example.org",
    app: "web",
    rules: [{ id: "sorry", action: { respond: { status: 503 } } }],
    tls: { certificate: { acme: true } },
    groups: ["edge"],
    slowStartMs: 30_000,
    check: { path: "/health" },
    section: "v1",
    restores: 3,
  });
  const body = encodeMessage(subject, { meta, events: [{ event, cause }] });
  expect(JSON.parse(body).events[0].v).toBe(2);
  expect(decodeMessage({ subject, seq: 9, body })[0]?.event).toEqual(event);
});

test("two rules of one id, and a group named twice, are no route", () => {
  const rule = { id: "a", action: { respond: { status: 200 } } };
  const declared = { type: "RouteDeclared", host: "a.org", rules: [rule] };
  expect(RouteEvent.safeParse(declared).success).toBe(true);
  expect(RouteEvent.safeParse({ ...declared, rules: [rule, rule] }).error?.message).toContain("same id");
  expect(RouteEvent.safeParse({ ...declared, groups: ["a", "a"] }).error?.message).toContain("named twice");
});
