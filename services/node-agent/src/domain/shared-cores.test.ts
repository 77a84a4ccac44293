import { expect, test } from "vitest";
import { Drive } from "../../test/drive.ts";
import { assigned } from "../../test/orders.ts";

const [bound, free] = ["shop-web-abc123-1", "shop-web-abc123-2"];
const shared = (generation: number, ...cores: string[]) =>
  ({ type: "SharedCoresAssigned", node: "n1", generation, cores }) as const;
const cpusOf = (drive: Drive, workload: string) => drive.engine.container(`eru-${workload}-g1`)?.cpus;

async function begun(): Promise<Drive> {
  const drive = new Drive();
  drive.agent.machine({
    resources: { cpu: 3, memoryMib: 1_000, cores: { "0": 100, "1": 100, "2": 100 } },
    engine: "sim",
    agentVersion: "1",
  });
  drive.order(assigned({ workload: bound, granted: { cores: { "1": 100 } } }));
  drive.order(assigned({ workload: free }));
  return await drive.begin();
}

test("what is not bound gives way to what is, while it runs, and gets the cores back after", async () => {
  const drive = await begun();
  await drive.settle();
  expect([cpusOf(drive, bound), cpusOf(drive, free)]).toEqual(["1", ""]);
  await drive.order(shared(1, "0", "2")).settle();
  expect([cpusOf(drive, bound), cpusOf(drive, free)]).toEqual(["1", "0,2"]);
  await drive.order(shared(2)).settle();
  expect([cpusOf(drive, bound), cpusOf(drive, free)]).toEqual(["1", "0,1,2"]);
  expect(drive.engine.steps.filter((step) => step.startsWith("update"))).toEqual([
    `update eru-${free}-g1`,
    `update eru-${free}-g1`,
  ]);
});

test("a container that is made later has the shared cores from its first moment", async () => {
  const drive = await begun();
  await drive.order(shared(1, "0", "2")).settle();
  expect(cpusOf(drive, free)).toBe("0,2");
  expect(drive.engine.steps.some((step) => step.startsWith("update"))).toBe(false);
});

test("an older order that comes late changes nothing", async () => {
  const drive = await begun();
  await drive
    .order(shared(2, "0"))
    .order(shared(1, "0", "2"))
    .settle();
  expect(cpusOf(drive, free)).toBe("0");
});

test("an engine that refuses is asked again with growing pauses, and it is said once", async () => {
  const drive = await begun();
  await drive.settle();
  for (const _ of [1, 2]) drive.engine.failNext("update", "no such cpuset");
  await drive.order(shared(1, "0")).settle();
  expect(cpusOf(drive, free)).toBe("");
  await drive.pass(60_000);
  expect(cpusOf(drive, free)).toBe("0");
  const failed = drive.history.map(({ fact }) => fact).filter((fact) => fact.type === "ContainerFailed");
  expect(failed).toMatchObject([{ step: "update", error: "no such cpuset", workload: free }]);
});
