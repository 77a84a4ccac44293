import { AppSpec } from "@eru/events";
import { specify } from "@eru/testing";
import { expect, test } from "vitest";
import { app } from "./app.ts";

const { given } = specify(app);
const spec = AppSpec.parse({ appname: "web", entrypoints: { http: { publish: [8080] } } });
const registered = { type: "AppRegistered", app: "web" } as const;
const removed = { type: "AppRemoved", app: "web" } as const;
const content = {
  app: "web",
  release: "v1",
  image: "web:1",
  gitSha: "abcdef0",
  spec,
  specText: "appname: web",
};
const v1 = { type: "ReleaseRegistered", ...content } as const;
const register = { type: "RegisterRelease", ...content } as const;
const remove = { type: "RemoveApp", app: "web", deployments: [], hosts: [] } as const;

test("a new app is recorded, once", () => {
  given().when({ type: "RegisterApp", app: "web" }).records(registered);
  given(registered).when({ type: "RegisterApp", app: "web" }).recordsNothing();
});

test("a release is recorded with its parsed spec and its text", () => {
  given(registered).when(register).records(v1);
});

test("a release without a commit is recorded without one", () => {
  const { gitSha: _, ...rest } = v1;
  given(registered)
    .when({ ...register, gitSha: undefined })
    .records(rest);
});

test("the same release with the same content records nothing", () => {
  given(registered, v1).when(register).recordsNothing();
});

test.each([
  [{ image: "web:2" }, "image"],
  [{ gitSha: "abcdef1" }, "gitSha"],
  [{ gitSha: undefined }, "gitSha"],
  [{ specText: "appname:  web" }, "specText"],
] as const)("the same release with %j is refused and says what differs", (change, differs) => {
  given(registered, v1)
    .when({ ...register, ...change })
    .refuses({ code: "release_exists", release: "v1", differs });
});

test("a spec that names another app is refused", () => {
  given(registered)
    .when({ ...register, spec: { ...spec, appname: "shop" } })
    .refuses({ code: "appname_differs", app: "web", appname: "shop" });
});

test("an app that is not there has no releases and cannot be removed", () => {
  given().when(register).refuses({ code: "app_unknown", removed: false });
  given(registered, removed).when(register).refuses({ code: "app_unknown", removed: true });
  given().when(remove).refuses({ code: "app_unknown", removed: false });
});

test("an app stays while deployments live or routes point at it", () => {
  given(registered)
    .when({ ...remove, deployments: ["web-http-abc123"] })
    .refuses({ code: "app_has_deployments" });
  given(registered)
    .when({ ...remove, hosts: ["web.example.org"] })
    .refuses({ code: "app_has_routes", hosts: { shown: ["web.example.org"], total: 1 } });
});

test("an unused app can be removed, and removing it again records nothing", () => {
  given(registered, v1).when(remove).records(removed);
  given(registered, removed).when(remove).recordsNothing();
});

test("an app that comes back begins without releases", () => {
  given(registered, v1, removed).when({ type: "RegisterApp", app: "web" }).records(registered);
  given(registered, v1, removed, registered).when(register).records(v1);
});

test("a release of an app that is not there changes nothing", () => {
  expect(app.evolve(app.initial, v1)).toEqual(app.initial);
});
