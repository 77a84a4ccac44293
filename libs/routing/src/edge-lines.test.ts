import { RouteContent, rulesFrom } from "@eru/events";
import { expect, test } from "vitest";
import { hostLine } from "./edge-lines.ts";
import { poolName } from "./pool-name.ts";
import { selectorsOf } from "./selectors.ts";

const to = { app: "shop", entrypoint: "web" };
const line = (content: unknown) => JSON.parse(hostLine(RouteContent.parse(content)) ?? "null");

test("a pool is named after all that its selector says", () => {
  expect(poolName(to)).toBe("shop/web");
  expect(poolName({ ...to, pod: "eu", port: 8080, release: "v1.2", track: "canary" })).toBe(
    "shop/web@eu:8080=v1.2~canary",
  );
});

test("selectors become pools, and everything else stays as declared", () => {
  const declared = {
    split: { cookie: "user" },
    sticky: { cookie: "at", ttlSeconds: 60, onDrain: "keep" },
    rewrite: { stripPrefix: "/api" },
    timeouts: { read: 1_000 },
    protocol: "https",
    endpointTls: { verify: true, name: "inner.example.org" },
    requestBuffering: false,
  };
  const forward = {
    backends: [
      { to: { ...to, release: "v1" }, weight: 9 },
      { to: { ...to, track: "canary" }, weight: 0 },
    ],
    mirror: { app: "shop", entrypoint: "shadow" },
    fallback: { app: "shop", entrypoint: "sorry" },
    ...declared,
  };
  const when = [{ path: { prefix: "/api" }, not: [{ methods: ["GET"] }] }];
  expect(line({ app: "shop", rules: [{ id: "api", when, action: { forward } }] })).toEqual({
    app: "shop",
    rules: [
      {
        id: "api",
        when,
        forward: {
          backends: [
            { pool: "shop/web=v1", weight: 9, release: "v1" },
            { pool: "shop/web~canary", weight: 0, track: "canary" },
          ],
          mirror: "shop/shadow",
          fallback: "shop/sorry",
          ...declared,
        },
      },
    ],
  });
});

test("answers of the load balancer itself, and TLS, are passed on", () => {
  expect(
    line({
      tls: { certificate: { acme: true }, minVersion: "1.3" },
      rules: [
        { id: "a", when: [{ path: { exact: "/a" } }], action: { redirect: { location: "/b" } } },
        { id: "z", action: { respond: { status: 503, body: "later" } } },
      ],
    }),
  ).toEqual({
    tls: { redirectHttp: false, minVersion: "1.3" },
    rules: [
      { id: "a", when: [{ path: { exact: "/a" } }], redirect: { location: "/b", status: 302 } },
      { id: "z", respond: { status: 503, body: "later" } },
    ],
  });
});

test("rules stand in order of precedence, and a host without any has no line", () => {
  const rules = rulesFrom(["/", "/api/v2", "/api"].map((pathPrefix) => ({ pathPrefix, ...to })));
  expect(line({ rules }).rules.map(({ id }: { id: string }) => id)).toEqual(["/api/v2", "/api", "/"]);
  expect(hostLine({ rules: rules.map((rule) => ({ ...rule, enabled: false })) })).toBeUndefined();
});

test("every selector of a rule is found with its place", () => {
  const [rule] = RouteContent.parse({
    rules: [{ id: "a", action: { forward: { backends: [{ to }], mirror: to, fallback: to } } }],
  }).rules;
  if (!rule) throw new Error("no rule");
  expect(selectorsOf(rule).map(({ at, use }) => `${use} ${at.join(".")}`)).toEqual([
    "backend action.forward.backends.0.to",
    "fallback action.forward.fallback",
    "mirror action.forward.mirror",
  ]);
});
