import { AppSpec } from "@eru/events";
import { expect, test } from "vitest";
import { sectionFaults, sectionHosts, sectionRoute } from "./section.ts";

const entrypoints = { web: { publish: [8080, 9090] }, api: { publish: [80] }, worker: {} };
const spec = (elb: object) => AppSpec.parse({ appname: "shop", entrypoints, elb });
const host = "shop.org";
const faults = (elb: object) =>
  sectionFaults(spec(elb)).map(({ at, message }) => `${at.join(".")}: ${message}`);

test("a host gets the rules of every entrypoint that names it, and belongs to the app", () => {
  const own = { id: "old", when: [{ path: { exact: "/old" } }], action: { redirect: { location: "/" } } };
  const tls = { certificate: { acme: true } };
  const section = spec({
    web: { hosts: [host, "www.shop.org"], paths: ["/", "/static"], port: 9090, rules: [own], tls },
    api: { hosts: [host], paths: ["/api"] },
  });
  const { content, origins } = sectionRoute(section, host);
  expect(content).toMatchObject({ app: "shop", tls });
  expect(content.rules.map(({ id }) => id)).toEqual(["/", "/static", "old", "/api"]);
  expect(content.rules[0]?.action).toEqual({
    forward: { backends: [{ to: { app: "shop", entrypoint: "web", port: 9090 }, weight: 1 }] },
  });
  expect(origins[3]).toEqual(["elb", "api", "paths", 0]);
  expect(sectionRoute(section, "www.shop.org").content.rules).toHaveLength(3);
  expect(sectionHosts(section, "web")).toEqual([host, "www.shop.org"]);
  expect(sectionHosts(section, "worker")).toEqual([]);
  expect(sectionFaults(section)).toEqual([]);
});

test.each<[object, string]>([
  [{ wep: { hosts: [host] } }, "elb.wep: there is no entrypoint `wep`: there is web, api, worker"],
  [{ worker: { hosts: [host] } }, "elb.worker: entrypoint `worker` publishes no port"],
  [
    { web: { hosts: [host], port: 81 } },
    "elb.web.port: entrypoint `web` does not publish port 81, but 8080, 9090",
  ],
  [
    { web: { hosts: [host] }, api: { hosts: [host] } },
    "elb.api.paths.0: host shop.org has `/` twice, the first at elb.web.paths.0",
  ],
  [
    {
      web: { hosts: [host], slowStartMs: 5 },
      api: { hosts: [host], paths: ["/api"], slowStartMs: 6 },
    },
    "elb.api.slowStartMs: host shop.org has another `slowStartMs` in elb.web",
  ],
  [{ web: { hosts: [host], paths: ["/a//b"] } }, "elb.web.paths.0: requests are matched by their normalised"],
  [
    {
      web: {
        hosts: [host],
        rules: [{ id: "x", when: [{ path: { regex: "(" } }], action: { respond: { status: 200 } } }],
      },
    },
    "elb.web.rules.0.when.0.path.regex: not a regex",
  ],
])("%j is told at its place", (elb, expected) => {
  const [only, ...others] = faults(elb);
  expect(only).toContain(expected);
  expect(others).toEqual([]);
});
