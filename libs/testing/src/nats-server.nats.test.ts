import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { openNatsDialogue } from "./nats-dialogue.ts";
import { healthy, natsServerBinary, startNatsCluster, startNatsServer } from "./nats-server.ts";

test("a server listens, is killed, comes back on its ports, and leaves nothing behind", async () => {
  let storeDir = "";
  const server = await startNatsServer({
    config: (place) => {
      storeDir = place.storeDir;
      return [
        `listen: "127.0.0.1:${place.port}"`,
        `http: "127.0.0.1:${place.monitorPort}"`,
        `jetstream { store_dir: "${place.storeDir}", sync_interval: always }`,
      ].join("\n");
    },
  });
  const { url, port, pid } = server;
  expect(await healthy(server)).toBe(true);
  const raw = await openNatsDialogue(port);
  expect(await raw.publish("a", "b")).toBe("+OK");
  raw.close();
  await server.kill9();
  expect(await healthy(server)).toBe(false);
  await server.restart();
  expect([server.url, server.port]).toEqual([url, port]);
  expect(server.pid).not.toBe(pid);
  expect(await healthy(server)).toBe(true);
  expect(existsSync(storeDir)).toBe(true);
  await server.stop();
  expect(existsSync(dirname(storeDir))).toBe(false);
  expect(() => process.kill(server.pid, 0)).toThrow();
});

test("a cluster is three servers that are well", async () => {
  const cluster = await startNatsCluster(3);
  expect(new Set(cluster.urls).size).toBe(3);
  expect(await Promise.all(cluster.servers.map(healthy))).toEqual([true, true, true]);
  await cluster.stop();
});

test("a configuration that the server refuses is told in its words", async () => {
  await expect(startNatsServer({ config: () => "listen: nonsense:x:y" })).rejects.toThrow(
    /nats-server did not start/,
  );
});

test("a missing server is told with the way to get one", () => {
  expect(() => natsServerBinary({ ERU_NATS_SERVER: "/nowhere" })).toThrow(/ERU_NATS_SERVER is \/nowhere/);
  expect(natsServerBinary()).toContain("nats-server");
});
