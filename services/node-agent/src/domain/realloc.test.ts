import type { AssignmentEvent } from "@eru/events";
import { expect, test } from "vitest";
import { Drive } from "../../test/drive.ts";
import { assigned, stopAssigned } from "../../test/orders.ts";
import { act } from "../act.ts";

const workload = "shop-web-abc123-1";
const mib = 1024 * 1024;

const realloc = (revision: number, cpu: number, memoryMib: number): AssignmentEvent => ({
  ...{ type: "WorkloadReallocAssigned", node: "n1", workload, revision },
  resources: { cpu, memoryMib },
});

async function running(): Promise<Drive> {
  const drive = await new Drive().order(assigned()).begin();
  return await drive.settle();
}
const container = ({ engine }: Drive, generation = 1) => engine.container(`eru-${workload}-g${generation}`);
const amounts = (drive: Drive, generation = 1) => {
  const { NanoCpus, Memory } = drive.engine.amounts(container(drive, generation)?.id ?? "");
  return [NanoCpus / 1e9, Memory / mib];
};
const news = (drive: Drive) => drive.facts().filter((fact) => /^r\d/.test(fact));

test("a running container gets other amounts and runs on", async () => {
  const drive = await running();
  const before = container(drive);
  await drive.order(realloc(1, 0.5, 64)).settle();
  expect(amounts(drive)).toEqual([0.5, 64]);
  expect(news(drive)).toEqual(["r1 done"]);
  expect(container(drive)).toEqual({ ...before, bounds: container(drive)?.bounds });
  expect(drive.engine.steps.filter((step) => step.startsWith("update"))).toHaveLength(1);
});

test("late, repeated and older orders change nothing", async () => {
  const drive = await running();
  await drive.order(realloc(2, 0.5, 64)).settle();
  await drive
    .order(realloc(1, 0.3, 48))
    .order(realloc(2, 0.5, 64))
    .settle();
  expect(amounts(drive)).toEqual([0.5, 64]);
  expect(news(drive)).toEqual(["r2 done"]);
});

test("less memory than it uses is refused, and said once", async () => {
  const drive = await running();
  drive.engine.usedBytes = () => 40 * mib;
  await drive.order(realloc(1, 0.5, 20)).settle();
  expect(news(drive)).toEqual([expect.stringMatching(/^r1 failed: it uses/)]);
  expect(amounts(drive)).toEqual([0.1, 32]);
  await drive.restartAgent();
  await drive.settle();
  expect(news(drive)).toHaveLength(1);
});

test("an agent that dies before it has said so does it again, and says so once", async () => {
  const drive = await running();
  await drive.order(realloc(1, 0.5, 64)).settle();
  await drive.restartAgent(1);
  await drive.settle();
  expect(news(drive)).toEqual(["r1 done"]);
  await drive.restartAgent();
  await drive.settle();
  expect(news(drive)).toEqual(["r1 done"]);
});

test("an update whose answer is lost is done again", async () => {
  const drive = await running();
  drive.engine.loseAnswer("update");
  drive.order(realloc(1, 0.5, 64));
  await drive.settle();
  await drive.look();
  await drive.settle();
  expect([news(drive), amounts(drive)]).toEqual([["r1 done"], [0.5, 64]]);
});

test("a container made anew has the newest amounts, also by hand and by a later order that is older in this", async () => {
  const drive = await running();
  await drive.order(realloc(1, 0.5, 64)).settle();
  drive.engine.removeByHand(`eru-${workload}-g1`);
  await drive.hint(workload);
  expect(amounts(drive)).toEqual([0.5, 64]);
  await drive.order(assigned({ generation: 2 })).settle();
  expect(amounts(drive, 2)).toEqual([0.5, 64]);
  expect(news(drive)).toEqual(["r1 done"]);
});

test("without a container the answer is that the next one will have it", async () => {
  const drive = await running();
  await drive.order(assigned({ generation: 2, keep: "stopped" })).settle();
  drive.engine.removeByHand(`eru-${workload}-g1`);
  await drive.hint(workload);
  await drive.order(realloc(1, 0.5, 64)).settle();
  expect(news(drive)).toEqual(["r1 done"]);
  await drive.order(assigned({ generation: 3, keep: "running" })).settle();
  expect(amounts(drive, 3)).toEqual([0.5, 64]);
});

test("what is over is not given anything", async () => {
  const drive = await running();
  await drive.order(stopAssigned(workload, 2)).settle();
  await drive.order(realloc(1, 0.5, 64)).settle();
  expect(news(drive)).toEqual([]);
});

test("a running container is bound to cores and let go, and everything that follows is said", async () => {
  const drive = await running();
  const cores = { "0": 100, "1": 50 };
  const numa = [
    { id: "0", cores: ["0", "1"], memoryMib: 100 },
    { id: "1", cores: ["2", "3"], memoryMib: 100 },
  ];
  const machine = { cpu: 4, memoryMib: 200, cores: { "0": 100, "1": 100, "2": 100, "3": 100 }, numa };
  drive.agent.machine({ resources: machine, engine: "sim", agentVersion: "0" });
  const bound: AssignmentEvent = {
    ...{ type: "WorkloadReallocAssigned", node: "n1", workload, revision: 1 },
    ...{ resources: { cpu: 1.5, memoryMib: 32, bind: true }, granted: { cores, numa: "0" } },
  };
  drive.order(bound);
  const said = drive.agent.next(drive.nowMs).actions;
  expect(said).toMatchObject([
    { do: "realloc", amounts: { NanoCpus: 2e9, CpuShares: 512, CpusetCpus: "0,1", CpusetMems: "0" } },
  ]);
  for (const action of said) drive.agent.finished(action, await act(drive.engine, action), drive.nowMs);
  await drive.settle();
  expect(container(drive)?.cpus).toBe("0,1");
  // Fewer amounts alone leave it bound.
  await drive
    .order({ ...realloc(2, 1.5, 24), resources: { cpu: 1.5, memoryMib: 24, bind: true } } as never)
    .settle();
  expect(container(drive)?.cpus).toBe("0,1");
  drive.order({ ...realloc(3, 1, 32), granted: {} } as never);
  await drive.settle();
  expect(container(drive)?.cpus).toBe("0,1,2,3");
  expect(amounts(drive)).toEqual([1, 32]);
  expect(news(drive)).toEqual(["r1 done", "r2 done", "r3 done"]);
});
