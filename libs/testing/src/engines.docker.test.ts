import { afterAll, beforeAll, expect, test } from "vitest";
import { type Engines, importHelloImage, startEngines, worldAddress } from "./engines.ts";

let rig: Engines;
beforeAll(async () => {
  rig = await startEngines(2);
  await Promise.all(
    rig.engines.map((engine) => importHelloImage(engine, "hello:1", { env: { VERSION: "1" } })),
  );
});
afterAll(() => rig.stop());

const docker = async (socket: string, ...args: string[]) => {
  const { stdout } = await rig.engines[0]!.run(["docker", "-H", `unix://${socket}`, ...args]);
  return stdout.trim();
};

const until = async <T>(ask: () => Promise<T>, withinMs = 30_000): Promise<T> => {
  for (const end = Date.now() + withinMs; ; ) {
    try {
      return await ask();
    } catch (error) {
      if (Date.now() > end) throw error;
    }
  }
};

const get = async (url: string, timeoutMs = 500) =>
  (await fetch(url, { signal: AbortSignal.timeout(timeoutMs) })).json();

test("a node is a machine of its own: name, address, processes", async () => {
  const [, second] = rig.engines;
  expect((await second!.run(["hostname"])).stdout.trim()).toBe("n2");
  expect((await second!.run(["ip", "-br", "addr", "show", "eth0"])).stdout).toContain(second!.address);
  expect((await second!.run(["ps", "-e", "-o", "comm="])).stdout).not.toContain("vitest");
});

test("a container of the example app answers by its address, stays when its engine is killed, dies with its node", async () => {
  const [first] = rig.engines;
  const id = await docker(
    first!.socket,
    "run",
    "-d",
    "--restart",
    "always",
    "-e",
    "ERU_NODE_NAME=n1",
    "hello:1",
  );
  const ip = await docker(first!.socket, "inspect", "-f", "{{.NetworkSettings.IPAddress}}", id);
  const url = `http://${ip}:8080`;
  expect(await until(() => get(url))).toMatchObject({ id: id.slice(0, 12), version: "1", node: "n1" });

  await first!.killEngine();
  expect(await get(url)).toMatchObject({ id: id.slice(0, 12) });
  await first!.start();
  expect(await get(url)).toMatchObject({ id: id.slice(0, 12) });

  await first!.cut();
  await expect(get(url, 300)).rejects.toThrow();
  await first!.heal();
  expect(await until(() => get(url))).toMatchObject({ id: id.slice(0, 12) });

  await first!.powerOff();
  await expect(get(url, 300)).rejects.toThrow();
  await expect(first!.run(["true"])).rejects.toThrow(/node n1 is off/);
  await first!.start();
  const again = await docker(first!.socket, "inspect", "-f", "{{.NetworkSettings.IPAddress}}", id);
  expect(await until(() => get(`http://${again}:8080`))).toMatchObject({ version: "1" });
  await docker(first!.socket, "rm", "-f", id);
});

test("a process inside a node gets the signal itself and dies with the nsenter that holds it", async () => {
  const [, second] = rig.engines;
  const polite = second!.spawn(["bash", "-c", "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done"]);
  await new Promise((resolve) => polite.child.stdout?.once("data", resolve));
  expect(polite.signal("SIGTERM")).toBe(true);
  expect(await polite.ended).toBe(7);
  expect(polite.signal("SIGTERM")).toBe(false);

  const held = second!.spawn(["sleep", "1234"]);
  // The whole line: before it becomes the sleep it is a setpriv with the same words, which has not tied itself yet.
  const sleeping = async () =>
    (await second!.run(["ps", "-e", "-o", "args="])).stdout.split("\n").includes("sleep 1234");
  await until(async () => expect(await sleeping()).toBe(true));
  held.child.kill("SIGKILL");
  await until(async () => expect(await sleeping()).toBe(false));
});

test("the world's address is reachable from a node", async () => {
  const { stdout } = await rig.engines[0]!.run(["ip", "route", "get", worldAddress]);
  expect(stdout).toContain("dev eth0");
});
