import { subjects } from "@eru/events";
import { expect, test } from "vitest";
import { temporaryFolder } from "../testkit/folder.ts";
import { deployment, first, story } from "../testkit/story.ts";
import { MemoryZone, startProjector } from "../testkit/zone.ts";

test("what is removed is counted and listed only when it is asked for", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  await zone.copy(story().log);
  const of = { node: "n1", workload: first, generation: 1 };
  await zone.append(subjects.fact("n1"), [{ type: "ContainerRemoved", ...of, ordered: true }], "agent:n1");
  await using projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  await projector.ready();
  const found = async (url: string) => (await projector.get(url)).json().items.length;
  expect(await found("/v1/workloads")).toBe(1);
  expect(await found("/v1/workloads?node=n1")).toBe(1);
  expect(await found("/v1/workloads?state=removed")).toBe(1);
  expect(await found("/v1/workloads?state=removed&node=n1")).toBe(1);
  expect(await found("/v1/workloads?state=all")).toBe(2);
  expect((await projector.get("/v1/pods/p1")).json()).toMatchObject({ workloads: 1, deployments: 1 });

  const seq = await zone.append(
    subjects.decision("p1"),
    [{ type: "DeploymentEnded", deployment }],
    "scheduler",
  );
  expect(await found(`/v1/deployments?after=${seq}`)).toBe(0);
  expect(await found("/v1/deployments?app=shop")).toBe(0);
  expect(await found("/v1/deployments?state=removed")).toBe(1);
  expect(await found("/v1/deployments?state=all")).toBe(1);
  expect((await projector.get("/v1/apps/shop")).json()).toMatchObject({ deployments: 0 });
  expect((await projector.get(`/v1/deployments/${deployment}`)).json()).toMatchObject({ state: "removed" });
});
