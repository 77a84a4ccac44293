import { AppSpec, RouteContent, type RouteEvent, rulesFrom, type ShortRule } from "@eru/events";
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
const short = { pathPrefix: "/", app: "web", entrypoint: "http" };
const contentOf = (...rules: ShortRule[]): RouteContent => ({ rules: rulesFrom(rules) });
type Declare = Extract<RouteCommand, { type: "DeclareRoute" }>;

const declare = (
  content: RouteContent,
  more: Partial<Declare> = {},
  app: App = appWith([8080]),
): Declare => ({
  type: "DeclareRoute",
  host,
  content,
  takeOver: false,
  certificate: { phase: "absent" },
  acme: false,
  apps: new Map([["web", app]]),
  pods: new Set(["demo"]),
  ...more,
});
const declared = (content: RouteContent, more: object = {}): RouteEvent => ({
  type: "RouteDeclared",
  host,
  ...content,
  ...more,
});
const removed = { type: "RouteRemoved", host } as const;
const simple = contentOf(short);

test("a route is recorded; declaring it again records nothing", () => {
  given().when(declare(simple)).records(declared(simple));
  given(declared(simple)).when(declare(simple)).recordsNothing();
});

test("declaring other content replaces all of it", () => {
  const api = { ...contentOf({ ...short, pathPrefix: "/api", port: 8080, pod: "demo" }), slowStartMs: 5_000 };
  given(declared(simple)).when(declare(api)).records(declared(api));
  given(declared(api)).when(declare(simple)).records(declared(simple));
});

test("every selector is checked: app, release, entrypoint, port, pod", () => {
  const refuses = (rule: Partial<ShortRule>, refusal: object, app: App = appWith([8080])) =>
    given()
      .when(declare(contentOf(short, { ...short, pathPrefix: "/x", ...rule }), {}, app))
      .refuses(refusal as never);
  const at = (field: string) => `rules.1.action.forward.backends.0.to.${field}`;
  refuses({ app: "shop" }, { code: "app_unknown", app: "shop", at: at("app") });
  refuses({ release: "v9" }, { code: "release_unknown", release: "v9", at: at("release") });
  refuses(
    { entrypoint: "htp" },
    { code: "entrypoint_unknown", known: { shown: ["http", "worker"], total: 2 }, at: at("entrypoint") },
  );
  refuses({ entrypoint: "constructor" }, { code: "entrypoint_unknown" });
  refuses({ entrypoint: "worker" }, { code: "nothing_published" });
  refuses({ port: 81 }, { code: "port_not_published", port: 81, published: [8080] });
  refuses({ release: "v0", port: 81 }, { code: "port_not_published" }, appWith([8080], [81]));
  refuses({ pod: "prod" }, { code: "pod_unknown", pod: "prod" });
  given()
    .when(declare(simple, {}, { phase: "removed" }))
    .refuses({ code: "app_unknown", removed: true });
  given()
    .when(declare(simple, {}, appWith()))
    .refuses({ code: "app_without_release" });
});

test("fallback and mirror are checked like backends", () => {
  const to = { app: "web", entrypoint: "http" };
  for (const field of ["fallback", "mirror"]) {
    const forward = { backends: [{ to }], [field]: { ...to, entrypoint: "worker" } };
    const content = RouteContent.parse({ rules: [{ id: "a", action: { forward } }] });
    given()
      .when(declare(content))
      .refuses({ code: "nothing_published", at: `rules.0.action.forward.${field}.entrypoint` });
  }
});

test("a port that any release publishes will do", () => {
  const content = contentOf({ ...short, port: 81 });
  given()
    .when(declare(content, {}, appWith([8080], [9090, 81])))
    .records(declared(content));
});

test("a host belongs to the app that declared it, until somebody takes it over", () => {
  const ofWeb = { ...simple, app: "web" };
  const shop = { apps: new Map([...declare(simple).apps, ["shop", appWith([8080])]]) };
  const ofShop = { ...simple, app: "shop" };
  given().when(declare(ofWeb)).records(declared(ofWeb));
  given(declared(ofWeb))
    .when(declare(ofShop, shop))
    .refuses({ code: "host_owned", owner: "web", app: "shop" });
  given(declared(ofWeb)).when(declare(simple)).refuses({ code: "host_owned", owner: "web" });
  given(declared(simple)).when(declare(ofWeb)).refuses({ code: "host_owned", owner: undefined });
  given(declared(ofWeb))
    .when(declare(ofShop, { ...shop, takeOver: true }))
    .records(declared(ofShop));
  given(declared(ofWeb), removed).when(declare(ofShop, shop)).records(declared(ofShop));
});

test("an owner must be an app that is there", () => {
  given()
    .when(declare({ ...simple, app: "gone" }))
    .refuses({ code: "app_unknown", app: "gone" });
});

test("the same content declared by a section is another declaration", () => {
  given(declared(simple))
    .when(declare(simple, { section: "v0" }))
    .records(declared(simple, { section: "v0" }));
  given(declared(simple, { section: "v0" }))
    .when(declare(simple, { section: "v1" }))
    .recordsNothing();
});

test("a route is removed once, and can be declared again", () => {
  given(declared(simple)).when({ type: "RemoveRoute", host }).records(removed);
  given(declared(simple), removed).when({ type: "RemoveRoute", host }).recordsNothing();
  given(declared(simple), removed).when(declare(simple)).records(declared(simple));
});

test("a route that never was cannot be removed", () => {
  given().when({ type: "RemoveRoute", host }).refuses({ code: "route_unknown", host });
});
