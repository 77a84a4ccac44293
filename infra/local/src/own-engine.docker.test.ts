import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Engines, startEngines } from "@eru/testing/engines";
import Docker from "dockerode";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { demo } from "./demo/demo.ts";
import { helloRelease } from "./demo/image.ts";
import { down, status, up } from "./index.ts";

// An engine that somebody else runs, as on most people's machines.
let others: Engines;
let docker: Docker;
const home = mkdtempSync(join(tmpdir(), "eru-own-"));
beforeAll(async () => {
  // Networks that are made on it are reached from here, as on a machine's own engine.
  others = await startEngines(1, { flags: ["--default-address-pool", "base=10.77.101.128/25,size=25"] });
  const socketPath = others.engines[0]!.socket;
  docker = new Docker({ socketPath });
  vi.stubEnv("DOCKER_HOST", `unix://${socketPath}`);
});
afterAll(async () => {
  await down({ home, purge: true });
  vi.unstubAllEnvs();
  await others.stop();
  rmSync(home, { recursive: true, force: true });
});

const names = async () =>
  (await docker.listContainers({ all: true })).flatMap(({ Names }) => Names).toSorted();

const networks = async () => (await docker.listNetworks()).map(({ Name }) => Name).toSorted();

test("one node is the machine's own engine: the demo runs on it, and down takes away what Eru made and nothing else", async () => {
  const result = await demo({ home, nodes: 1, say: () => {}, tell: () => {} });
  expect(result.answers).toHaveLength(3);
  expect((await status({ home })).units.map(({ name }) => name)).not.toContain("switch");

  const { name } = await helloRelease();
  const label = { "eru.node": "n1", "eru.workload": "hello-web-x-1" }; // As `docker commit` would copy them.
  await docker.createContainer({ name: "mine", Image: `hello:${name}`, Labels: label });
  expect(await names()).toHaveLength(4);
  expect(await networks()).toEqual(["bridge", "eru", "host", "none"]);
  await down({ home });
  expect(await names()).toEqual(["/mine"]);
  expect(await networks()).toEqual(["bridge", "host", "none"]);
  expect(await docker.ping()).toBeTruthy();
});

test("it cannot grow beyond that engine, and says what to do", async () => {
  await expect(up({ home, nodes: 3 })).rejects.toThrow(
    /own engine as its one node, 3 were asked for: remove/,
  );
});
