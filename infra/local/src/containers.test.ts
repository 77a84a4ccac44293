import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, expect, test } from "vitest";
import { removeContainers } from "./containers.ts";

const folder = mkdtempSync(join(tmpdir(), "eru-containers-"));
let engine: Server | undefined;
afterEach(() => {
  engine?.closeAllConnections();
  engine?.close();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** An engine with one container of ours, which hangs up on the first `broken` calls that change something. */
async function engineThatHangsUp(broken: number) {
  const calls: string[] = [];
  const socket = join(folder, `${broken}.sock`);
  const ours = { Id: "c1", Names: ["/eru-w-1-g1"], Labels: { "eru.workload": "w-1", "eru.node": "n1" } };
  const theirs = { ...ours, Id: "c2", Names: ["/mine"] };
  engine = createServer((request, response) => {
    if (request.method === "GET") return response.end(JSON.stringify([ours, theirs]));
    calls.push(`${request.method} ${request.url?.split("?")[0]}`);
    if (calls.length <= broken) return request.socket.destroy();
    return response.writeHead(204).end();
  });
  await new Promise<void>((listening) => engine?.listen(socket, listening));
  return { socket, calls };
}

test("a connection that breaks is not the end of a removal", async () => {
  const { socket, calls } = await engineThatHangsUp(2);
  expect(await removeContainers(socket, "n1")).toBe(1);
  const stop = "POST /containers/c1/stop";
  expect(calls).toEqual([stop, stop, stop, "DELETE /containers/c1"]);
});

test("an engine that never answers is given up, and said", async () => {
  const { socket, calls } = await engineThatHangsUp(99);
  await expect(removeContainers(socket, "n1")).rejects.toThrow("socket hang up");
  expect(calls).toHaveLength(3);
});
