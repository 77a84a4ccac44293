import { type QuotaEvent, subjects } from "@eru/events";
import { expect, test } from "vitest";
import { temporaryFolder } from "../testkit/folder.ts";
import { deployment, first, second, story } from "../testkit/story.ts";
import { userActor } from "../testkit/world.ts";
import { MemoryZone, startProjector } from "../testkit/zone.ts";

const limited = (limits: Extract<QuotaEvent, { type: "QuotaSet" }>["limits"]): QuotaEvent => ({
  type: "QuotaSet",
  ...{ quota: "app_shop_pod_p1", app: "shop", pod: "p1", limits },
});

/** The answers after these events: the story has one deployment of three times half a core and 64 MiB. */
async function after(...events: QuotaEvent[]) {
  using folder = temporaryFolder();
  const world = story();
  for (const event of events) world.append(subjects.quota(event.quota), userActor, [event]);
  const zone = await MemoryZone.open();
  await zone.copy(world.log);
  await using projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  await projector.ready();
  return {
    one: await projector.get("/v1/quotas/app_shop_pod_p1"),
    list: (await projector.get("/v1/quotas?app=shop")).json(),
  };
}

test("a quota is shown with what the deployments in its scope wish, placed or not", async () => {
  const { one, list } = await after(limited({ cpu: 2, instances: 3 }), {
    type: "QuotaCharged",
    ...{ quota: "app_shop_pod_p1", deployment },
  });
  expect(one.json()).toMatchObject({
    ...{ app: "shop", pod: "p1", limits: { cpu: 2, instances: 3 }, deployments: 1, over: [] },
    used: { instances: 3, cpu: 1.5, memoryMib: 192, storageMib: 0, gpus: 0 },
  });
  expect(list.items.map(({ quota }: { quota: string }) => quota)).toContain("app_shop_pod_p1");
});

test("what is used above the limit is named", async () => {
  const { one } = await after(limited({ cpu: 1, memoryMib: 192, instances: 2 }));
  expect(one.json().over.sort()).toEqual(["cpu", "instances"]);
});

test("a removed quota is not there any more", async () => {
  const { one } = await after(limited({ cpu: 1 }), { type: "QuotaRemoved", quota: "app_shop_pod_p1" });
  expect([one.statusCode, one.json().code]).toEqual([404, "quota_unknown"]);
});

test("what a workload was given by itself counts above its deployment's wish, and less gives nothing back", async () => {
  using folder = temporaryFolder();
  const world = story();
  const reallocate = (workload: string, cpu: number, memoryMib: number) => {
    const of = { deployment, workload };
    const requestSeq = world.append(subjects.deployment("p1", deployment), userActor, [
      { type: "WorkloadReallocRequested", ...of, amounts: { cpu, memoryMib } },
    ]);
    world.append(subjects.decision("p1"), "scheduler", [
      {
        ...{ type: "ReallocDecided", ...of, node: "n1", revision: 1, resources: { cpu, memoryMib } },
        ...{ because: "asked", requestSeq, detail: "" },
      },
    ]);
    world.append(subjects.fact("n1"), "agent:n1", [
      { type: "ReallocDone", node: "n1", workload, revision: 1 },
    ]);
  };
  reallocate(first, 0.75, 32);
  reallocate(second, 0.25, 128);
  world.append(subjects.quota("app_shop_pod_p1"), userActor, [limited({ memoryMib: 200 })]);
  const zone = await MemoryZone.open();
  await zone.copy(world.log);
  await using projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  await projector.ready();
  expect((await projector.get("/v1/quotas/app_shop_pod_p1")).json()).toMatchObject({
    over: ["memoryMib"],
    used: { instances: 3, cpu: 1.75, memoryMib: 256 },
  });
});
