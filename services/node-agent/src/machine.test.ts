import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { listOf, machineLayout } from "./machine.ts";

async function kernel(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "eru-machine-"));
  onTestFinished(() => rm(folder, { recursive: true }));
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
  return folder;
}

test("a machine with two NUMA nodes has cores by name and memory for each", async () => {
  const folder = await kernel({
    "cpu/online": "0-1,4-5\n",
    "node/node0/cpulist": "0-1\n",
    "node/node0/meminfo": "Node 0 MemTotal:       512000 kB\nNode 0 MemFree: 1 kB\n",
    "node/node1/cpulist": "4-5\n",
    "node/node1/meminfo": "Node 1 MemTotal:       512000 kB\n",
    "node/node2/cpulist": "\n",
  });
  expect(await machineLayout(4, folder)).toEqual({
    cores: ["0", "1", "4", "5"],
    numa: [
      { id: "0", cores: ["0", "1"], memoryMib: 500 },
      { id: "1", cores: ["4", "5"], memoryMib: 500 },
    ],
  });
});

test("one NUMA node says nothing, and a kernel that tells nothing has cores from 0", async () => {
  const cores = ["0", "1", "2", "3"];
  const folder = await kernel({ "cpu/online": "0-3", "node/node0/cpulist": "0-3" });
  expect(await machineLayout(4, folder)).toEqual({ cores, numa: [] });
  expect(await machineLayout(4, await kernel({}))).toEqual({ cores, numa: [] });
});

test("a list of numbers is read as the kernel writes it", () => {
  expect(listOf("0-2,7,10-11\n")).toEqual(["0", "1", "2", "7", "10", "11"]);
  expect(listOf("")).toEqual([]);
});
