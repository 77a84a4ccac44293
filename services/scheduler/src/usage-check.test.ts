import { liveSubjects, type UsageReply } from "@eru/events";
import { MemoryBroker } from "@eru/log/memory";
import { afterEach, expect, test, vi } from "vitest";
import { addNode, deploy, start } from "./testkit/running.ts";

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  await Promise.all(ends.splice(0).map((end) => end()));
});
const until = (check: () => void | Promise<void>) => vi.waitFor(check, { timeout: 30_000, interval: 10 });

/** A scheduler that leads, with two workloads on n1, whose agent finds them as ordered; nobody speaks for n2. */
async function running() {
  const broker = new MemoryBroker();
  await addNode(broker.log, "n1", 4);
  await deploy(broker.log, "shop-web-a", 2);
  const scheduler = start(broker);
  ends.push(scheduler.stop);
  await until(() => expect(scheduler.core.zone.workloads.size).toBe(2));
  await addNode(broker.log, "n2", 4);
  await until(() => expect(scheduler.core.zone.nodes.size).toBe(2));
  const looks: unknown[] = [];
  const stop = new AbortController();
  const answering = broker.live.respond({
    subject: liveSubjects.inventory("n1"),
    group: "node-agent",
    signal: stop.signal,
    answer: (body) => {
      looks.push(JSON.parse(body));
      const asOrdered = [...scheduler.core.zone.workloads.keys()];
      return JSON.stringify({
        ...{ node: "n1", atSeq: 1_000, asOrdered, busy: [], faults: [], faultsTotal: 0, others: 1 },
        reach: { addresses: { inUse: 2, resting: 1 } },
      });
    },
  });
  ends.push(async () => {
    stop.abort();
    await answering;
  });
  const ask = async (question: object): Promise<UsageReply & { error?: string; code?: string }> =>
    JSON.parse(await broker.live.request(liveSubjects.usage, JSON.stringify(question), 30_000));
  // It answers from when it holds the lease.
  await until(async () => {
    await ask({ usage: "p", fix: false });
  });
  return { broker, scheduler, ask, looks };
}

test("accounts agree, and an agent that does not answer is named", async () => {
  const { ask, looks, scheduler } = await running();
  const reply = await ask({ usage: "p", fix: true });
  expect(reply).toMatchObject({ pod: "p", nodesTotal: 2, differing: 0, unanswered: 1 });
  expect(reply.atSeq).toBe(scheduler.core.zone.seq);
  expect(reply.nodes[0]).toMatchObject({ node: "n2", unanswered: "its agent did not answer" });
  expect(reply.nodes[1]).toMatchObject({
    node: "n1",
    others: 1,
    differences: [],
    reach: { addresses: { resting: 1 } },
  });
  expect(looks.at(-1)).toEqual({ look: true });
  expect((await ask({ usage: "p", node: "n1", fix: false })).nodes).toHaveLength(1);
  expect(await ask({ usage: "q", fix: false })).toMatchObject({ code: "pod_unknown" });
  expect(await ask({ usage: "p", node: "n9", fix: false })).toMatchObject({ code: "node_unknown" });
  expect((await ask({ usage: 7 })).error).toContain("not readable");
});

test("a scheduler whose own account is wrong says so, and with a correction goes by the log", async () => {
  const { broker, ask, scheduler } = await running();
  const node = scheduler.core.zone.nodes.get("n1");
  const [workload] = scheduler.core.zone.workloads.values();
  if (!node || !workload) throw new Error("nothing runs");
  node.books.book(workload.amounts, workload.booked);
  const told = await ask({ usage: "p", fix: false });
  expect(told).toMatchObject({ differing: 1, schedulerReplaced: false });
  const cpu = told.nodes[0]?.lines.find(({ kind }) => kind === "cpu");
  expect(cpu).toMatchObject({ scheduler: 3, log: 2, node: 2 });
  expect(await ask({ usage: "p", fix: true })).toMatchObject({ differing: 1, schedulerReplaced: true });
  expect(await ask({ usage: "p", fix: false })).toMatchObject({ differing: 0 });
  expect((await ask({ usage: "p", fix: false })).schedulerReplaced).toBeUndefined();
  // It decides on from there.
  await deploy(broker.log, "shop-web-b", 1);
  await until(() => expect(scheduler.core.zone.workloads.size).toBe(3));
});
