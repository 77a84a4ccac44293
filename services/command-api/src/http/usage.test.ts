import { liveSubjects, subjects, type UsageReply } from "@eru/events";
import type { MemoryBroker } from "@eru/log";
import { afterEach, beforeEach, expect, test } from "vitest";
import { furnish, type Running, start } from "../fixture.ts";

let api: Running<MemoryBroker>;
let reply: UsageReply | { error: string; code?: string };
let asked: unknown[];
let end: () => Promise<void>;
beforeEach(async () => {
  api = await start();
  asked = [];
  const stop = new AbortController();
  const answering = api.broker.live.respond({
    subject: liveSubjects.usage,
    group: "scheduler",
    signal: stop.signal,
    answer: (body) => {
      asked.push(JSON.parse(body));
      return JSON.stringify(reply);
    },
  });
  end = async () => {
    stop.abort();
    await answering;
    await api.close();
  };
  await furnish(api);
});
afterEach(() => end());

const memory = { kind: "memory", name: "memory", unit: "MiB", size: 100, scheduler: 64, log: 64 };
const agreeing: UsageReply = {
  ...{ atSeq: 7, pod: "demo", nodesTotal: 1, differing: 0, unanswered: 0 },
  nodes: [{ node: "n1", lines: [{ ...memory, node: 64 }], differences: [], onTheWay: 0 }],
};
const difference = {
  ...{ what: "limits" as const, workload: "web-http-a-1", container: "c" },
  ...{ detail: "memory limit 32 MiB, ordered 64 MiB", remedy: "ordered" as const },
};
const cpu = { kind: "cpu", name: "cpu", unit: "cores", size: 2, scheduler: 1, log: 1, node: 1 };
const differing: UsageReply = {
  ...agreeing,
  ...{ nodesTotal: 2, differing: 1, schedulerReplaced: true },
  nodes: [
    { node: "n1", lines: [cpu, { ...memory, node: 32 }], differences: [difference], onTheWay: 0, others: 1 },
    { node: "n2", lines: [memory], differences: [], onTheWay: 1, unanswered: "its agent did not answer" },
  ],
};

test("what is used is asked of the scheduler, and nothing is recorded", async () => {
  reply = differing;
  const seq = await api.broker.log.lastSeq();
  const answer = await api.send("GET", "/v1/pods/demo/usage?node=n1");
  expect(answer).toMatchObject({ status: 200, body: differing });
  expect(asked).toEqual([{ usage: "demo", node: "n1", fix: false }]);
  expect(await api.broker.log.lastSeq()).toBe(seq);
});

test("a correction records what differs and nothing else, once for a repeated command", async () => {
  reply = differing;
  const fix = () => api.send("POST", "/v1/pods/demo/usage/fix", undefined, { "idempotency-key": "k" });
  const first = await fix();
  expect(first).toMatchObject({ status: 202, body: { changed: true, pod: "demo" } });
  reply = agreeing;
  expect(await fix()).toMatchObject({ status: 202, body: { seq: first.body["seq"] } });
  expect(asked).toEqual([{ usage: "demo", fix: true }]);
  const last = await api.broker.log.last(subjects.pod("demo"));
  expect(JSON.parse(last?.body ?? "").events).toMatchObject([
    {
      type: "UsageCorrectionRequested",
      payload: {
        ...{ pod: "demo", atSeq: 7, schedulerReplaced: true },
        nodes: [{ node: "n1", lines: [{ kind: "memory", log: 64, node: 32 }], differences: [difference] }],
      },
    },
  ]);
});

test("where nothing differs nothing is recorded", async () => {
  reply = agreeing;
  expect(await api.send("POST", "/v1/pods/demo/usage/fix", {})).toMatchObject({
    status: 200,
    body: { changed: false },
  });
});

test("what is not there is refused, and a scheduler that cannot answer is 503", async () => {
  reply = { error: "there is no node n9 in pod demo", code: "node_unknown" };
  const url = "/v1/pods/demo/usage";
  expect(await api.send("GET", `${url}?node=n9`)).toMatchObject({
    status: 404,
    body: { code: "node_unknown" },
  });
  expect(await api.send("GET", "/v1/pods/dem/usage")).toMatchObject({
    status: 404,
    body: { code: "pod_unknown" },
  });
  reply = { error: "the accounts are being compared already: ask again when that is done" };
  expect(await api.send("POST", `${url}/fix`, {})).toMatchObject({ status: 503, body: { code: "no_plan" } });
  expect(await api.send("POST", `${url}/fix`, { pods: 1 })).toMatchObject({ status: 400 });
});
