import { AppSpec } from "@eru/events";
import { specify } from "@eru/testing";
import { test } from "vitest";
import type { App } from "./app.ts";
import { type RouteCommand, route } from "./route.ts";

const { given } = specify(route);
const appWith = (...ports: number[][]): App => ({
  phase: "present",
  releases: new Map(
    ports.map((publish, index) => [
      `v${index}`,
      {
        image: "web:1",
        gitSha: undefined,
        specText: "",
        spec: AppSpec.parse({ appname: "web", entrypoints: { http: { publish }, worker: {} } }),
      },
    ]),
  ),
});
const host = "web.example.org";
const rule = { pathPrefix: "/", app: "web", entrypoint: "http" };
const declare = (
  rules: Extract<RouteCommand, { type: "DeclareRoute" }>["rules"],
  app: App = appWith([8080]),
) => ({ type: "DeclareRoute", host, rules, apps: new Map([["web", app]]), pods: new Set(["demo"]) }) as const;
const declared = { type: "RouteDeclared", host, rules: [rule] };
const removed = { type: "RouteRemoved", host } as const;

test("a route is recorded; declaring it again records nothing", () => {
  given()
    .when(declare([rule]))
    .records({ ...declared, type: "RouteDeclared" });
  given({ ...declared, type: "RouteDeclared" })
    .when(declare([rule]))
    .recordsNothing();
});

test("declaring other rules replaces them all", () => {
  const api = { ...rule, pathPrefix: "/api", port: 8080, pod: "demo" };
  given({ ...declared, type: "RouteDeclared" })
    .when(declare([api]))
    .records({ type: "RouteDeclared", host, rules: [api] });
});

test("every rule is checked: app, entrypoint, port, pod", () => {
  given()
    .when(declare([rule, { ...rule, app: "shop" }]))
    .refuses({ code: "app_unknown", app: "shop" });
  given()
    .when(declare([rule], { phase: "removed" }))
    .refuses({ code: "app_unknown", removed: true });
  given()
    .when(declare([rule], appWith()))
    .refuses({ code: "app_without_release" });
  given()
    .when(declare([{ ...rule, entrypoint: "htp" }]))
    .refuses({ code: "entrypoint_unknown", known: { shown: ["http", "worker"], total: 2 } });
  given()
    .when(declare([{ ...rule, entrypoint: "constructor" }]))
    .refuses({ code: "entrypoint_unknown" });
  given()
    .when(declare([{ ...rule, entrypoint: "worker" }]))
    .refuses({ code: "nothing_published" });
  given()
    .when(declare([{ ...rule, port: 81 }]))
    .refuses({ code: "port_not_published", port: 81, published: [8080] });
  given()
    .when(declare([{ ...rule, pod: "prod" }]))
    .refuses({ code: "pod_unknown", pod: "prod" });
});

test("a port that any release publishes will do", () => {
  const rules = [{ ...rule, port: 81 }];
  given()
    .when(declare(rules, appWith([8080], [9090, 81])))
    .records({ type: "RouteDeclared", host, rules });
});

test("a route is removed once, and can be declared again", () => {
  const history = { ...declared, type: "RouteDeclared" } as const;
  given(history).when({ type: "RemoveRoute", host }).records(removed);
  given(history, removed).when({ type: "RemoveRoute", host }).recordsNothing();
  given(history, removed)
    .when(declare([rule]))
    .records(history);
});

test("a route that never was cannot be removed", () => {
  given().when({ type: "RemoveRoute", host }).refuses({ code: "route_unknown", host });
});
