import { readFileSync } from "node:fs";
import { rulesFrom, subjects } from "@eru/events";
import { expect, test } from "vitest";
import { temporaryFolder } from "../testkit/folder.ts";
import { deployment, first, story } from "../testkit/story.ts";
import { template, userActor } from "../testkit/world.ts";
import { MemoryZone, startProjector } from "../testkit/zone.ts";

const text = readFileSync(new URL("../../../../docs/api-queries.md", import.meta.url), "utf8");

test("every query of the description is there and answers, and every query there is, is described", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  const world = story();
  world.append(subjects.deployment("p1", deployment), userActor, [
    { type: "UpgradeRequested", deployment, template: template("shop", "v2", "web"), surge: 1 },
  ]);
  const moves = [{ deployment, workload: first, from: "n1", to: "n2" }];
  world.append(subjects.pod("p1"), userActor, [
    { type: "RebalanceRequested", pod: "p1", goal: "even", moves, atSeq: world.seq },
  ]);
  const content = { rules: rulesFrom([{ app: "shop", entrypoint: "web" }]) };
  world.append(subjects.route("shop.localhost"), userActor, [
    { type: "RouteStaged", host: "shop.localhost", stage: "s1", elbs: ["e1"], content },
  ]);
  world.append(subjects.quota("app_shop"), userActor, [
    { type: "QuotaSet", quota: "app_shop", app: "shop", limits: { cpu: 8, instances: 20 } },
  ]);
  await zone.copy(world.log);
  await using projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  await projector.ready();
  const asked = [...text.matchAll(/^\s*eruq "([^"]+)"/gm)].map((found) => found[1] ?? "");
  expect(asked.length).toBeGreaterThan(20);
  for (const url of asked) expect((await projector.get(url)).statusCode, url).toBe(200);
  const { paths } = (await projector.app.inject({ url: "/docs/json" })).json();
  const described = (path: string) => {
    const pattern = new RegExp(`^${path.replaceAll(/\{[^}]+\}/g, "[^/?]+")}(\\?|$)`);
    return asked.some((url) => pattern.test(url)) || path === "/v1/feed";
  };
  const queries = Object.keys(paths).filter((path) => path.startsWith("/v1/"));
  expect(queries.filter((path) => !described(path))).toEqual([]);
});
