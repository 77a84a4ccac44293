import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { Home } from "./home.ts";
import { makePlan, readPlan, type Wish, writePlan } from "./plan.ts";

const home = new Home(mkdtempSync(join(tmpdir(), "eru-plan-")));
afterAll(() => rmSync(home.path, { recursive: true }));

const wish = (more: Partial<Wish> = {}): Wish => ({
  nodes: 1,
  ports: {},
  ownSocket: "/var/run/docker.sock",
  running: false,
  ...more,
});

test("one node on a machine with an engine is that engine, and the plan can be read back", async () => {
  const plan = await makePlan(home, undefined, wish());
  expect(plan.engine).toEqual({ kind: "own", socket: "/var/run/docker.sock" });
  writePlan(home, plan);
  expect(readPlan(home)).toEqual(plan);
});

test("more nodes are engines in namespaces, with a network that the machine does not use and a name of their own", async () => {
  const plan = await makePlan(home, undefined, wish({ nodes: 3, ownSocket: undefined }));
  expect(plan).toMatchObject({ nodes: 3, engine: { kind: "rig", net: expect.stringMatching(/^10\.\d+$/) } });
  const other = await makePlan(new Home("/elsewhere"), undefined, wish({ nodes: 3, ownSocket: undefined }));
  expect(other.engine).not.toMatchObject({ name: (plan.engine as { name: string }).name });
});

test("one node on a machine without an engine is an engine in a namespace", async () => {
  expect(await makePlan(home, undefined, wish({ ownSocket: undefined }))).toMatchObject({
    nodes: 1,
    engine: { kind: "rig" },
  });
});

test("nodes are added to an installation, never taken away, and an own engine stays alone", async () => {
  const rig = await makePlan(home, undefined, wish({ nodes: 2, ownSocket: undefined }));
  expect(await makePlan(home, rig, wish({ nodes: 4, running: true }))).toEqual({ ...rig, nodes: 4 });
  await expect(makePlan(home, rig, wish({ nodes: 1 }))).rejects.toThrow(/has 2 nodes, 1 was asked for/);
  const own = await makePlan(home, undefined, wish());
  await expect(makePlan(home, own, wish({ nodes: 3 }))).rejects.toThrow(/own engine as its one node/);
});

test("load balancers are added to an installation, each on a port of its own, and never taken away", async () => {
  const one = await makePlan(home, undefined, wish());
  expect(one.moreElbs).toEqual([]);
  const three = await makePlan(home, one, wish({ elbs: 3, running: true }));
  const ports = three.moreElbs.flatMap(({ elb, elbTls, routerSync }) => [elb, elbTls, routerSync]);
  expect(new Set([...ports, ...Object.values(three.ports)]).size).toBe(6 + Object.keys(three.ports).length);
  expect(await makePlan(home, three, wish({ running: true }))).toEqual(three);
  expect((await makePlan(home, three, wish())).moreElbs).toHaveLength(2);
  await expect(makePlan(home, three, wish({ elbs: 2 }))).rejects.toThrow("has 3 load balancers, 2 asked for");
  // One from before they had TLS gets it at the next start.
  const plain = { ...three, moreElbs: three.moreElbs.map(({ elb, routerSync }) => ({ elb, routerSync })) };
  expect((await makePlan(home, plain, wish({ running: true }))).moreElbs).toEqual(plain.moreElbs);
  expect((await makePlan(home, plain, wish())).moreElbs.every(({ elbTls }) => elbTls !== undefined)).toBe(
    true,
  );
  const { moreElbs: _, ...old } = one;
  writePlan(home, old as typeof one);
  expect(readPlan(home)?.moreElbs).toEqual([]);
});

test("while it runs, ports stay; while it does not, one that another program took moves", async () => {
  const plan = await makePlan(home, undefined, wish());
  const stranger = createServer().listen(plan.ports.elb, "127.0.0.1");
  await new Promise((resolve) => stranger.once("listening", resolve));
  try {
    expect((await makePlan(home, plan, wish({ running: true }))).ports).toEqual(plan.ports);
    const moved = await makePlan(home, plan, wish());
    expect(moved.ports.elb).toBeGreaterThan(plan.ports.elb);
    const named = { elb: plan.ports.elb };
    await expect(makePlan(home, plan, wish({ ports: named }))).rejects.toThrow(
      `port ${named.elb} for elb is taken`,
    );
    await expect(makePlan(home, plan, wish({ ports: { elb: 1 }, running: true }))).rejects.toThrow(
      `port 1 was asked for elb, which runs on ${plan.ports.elb}`,
    );
  } finally {
    stranger.close();
  }
});

test("a damaged plan is an error that names the file and the way out", () => {
  writeFileSync(home.plan, '{"version": 7}');
  expect(() => readPlan(home)).toThrow(/plan\.json is damaged \(version: .*purge/s);
});
