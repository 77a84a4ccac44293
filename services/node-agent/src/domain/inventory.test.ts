import { expect, test } from "vitest";
import { Drive } from "../../test/drive.ts";
import { assigned, stopAssigned } from "../../test/orders.ts";
import { inventory } from "./inventory.ts";

const workload = "shop-web-abc123-1";
const name = `eru-${workload}-g1`;
const mib = 1024 * 1024;

async function running(...orders: Parameters<typeof assigned>): Promise<Drive> {
  const drive = await new Drive().order(assigned(...orders)).begin();
  return await drive.settle();
}
const look = async ({ agent, engine }: Drive) => inventory(agent.picture, await engine.list());

test("what is as ordered is only named, whatever has been reallocated meanwhile", async () => {
  const drive = await running();
  expect(await look(drive)).toEqual({ asOrdered: [workload], busy: [], faults: [], faultsTotal: 0 });
  const realloc = { type: "WorkloadReallocAssigned", node: "n1", workload, revision: 1 } as const;
  drive.order({ ...realloc, resources: { cpu: 0.5, memoryMib: 64, memoryLimitMib: 128 } });
  expect(await look(drive)).toMatchObject({ asOrdered: [], busy: [workload] });
  await drive.settle();
  expect(await look(drive)).toMatchObject({ asOrdered: [workload], faultsTotal: 0 });
});

test("other bounds are told with both amounts, until the same is ordered once more", async () => {
  const drive = await running();
  drive.engine.boundByHand(name, { NanoCpus: 250_000_000, Memory: 64 * mib, CpuShares: 12 });
  const { faults } = await look(drive);
  expect(faults).toEqual([
    {
      ...{ what: "limits", workload, container: name, cpuMilli: 150, memoryMib: 32 },
      detail: "cpu limit 0.25, ordered 0.1; cpu weight 12, ordered 1024; memory limit 64 MiB, ordered 32 MiB",
    },
  ]);
  const realloc = { type: "WorkloadReallocAssigned", node: "n1", workload, revision: 1 } as const;
  await drive.order({ ...realloc, resources: { cpu: 0.1, memoryMib: 32 } }).settle();
  expect(await look(drive)).toMatchObject({ asOrdered: [workload] });
});

test("cores that are bound are compared one by one, and a quota of all of them bounds nothing", async () => {
  const granted = { cores: { "0": 100, "1": 100 } };
  const drive = await running({ resources: { cpu: 2, memoryMib: 32, bind: true }, granted });
  drive.engine.boundByHand(name, { NanoCpus: 2_000_000_000, CpusetCpus: "0-1" });
  expect(await look(drive)).toMatchObject({ asOrdered: [workload] });
  drive.engine.boundByHand(name, { CpusetCpus: "1" });
  expect((await look(drive)).faults).toMatchObject([{ what: "limits", detail: "cores 1, ordered 0,1" }]);
});

test("a bound on what has none is told as one that no order takes away", async () => {
  const drive = await running({ resources: { cpu: 0.1, memoryMib: 0 } });
  drive.engine.boundByHand(name, { Memory: 64 * mib });
  expect((await look(drive)).faults).toMatchObject([
    { what: "limits", lasting: true, detail: "memory limit 64 MiB, ordered none" },
  ]);
});

test("what is missing, what nobody ordered and what only looks like ours is told; what shall go is on its way", async () => {
  const drive = await running();
  drive.engine.addForeign("copy", { "eru.node": "n1", "eru.workload": workload });
  drive.engine.addForeign("eru-old-web-a-1-g3", {
    ...{ "eru.node": "n1", "eru.workload": "old-web-a-1", "eru.generation": "3" },
  });
  drive.engine.addForeign("mine");
  expect((await look(drive)).faults).toMatchObject([
    { what: "foreign", container: "copy" },
    { what: "unordered", workload: "old-web-a-1", container: "eru-old-web-a-1-g3" },
  ]);
  expect(await drive.engine.others()).toEqual(["mine"]);
  drive.engine.removeByHand(name);
  expect((await look(drive)).faults).toContainEqual({
    what: "missing",
    workload,
    detail: "it has no container",
  });
  drive.order(stopAssigned(workload, 2));
  expect((await look(drive)).faults.map(({ what }) => what)).not.toContain("missing");
});
