import { liveSubjects, type WhyNotReply } from "@eru/events";
import type { MemoryBroker } from "@eru/log";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type Running, start } from "../fixture.ts";

let api: Running<MemoryBroker>;
beforeEach(async () => {
  api = await start();
});
afterEach(() => api.close());

const reply: WhyNotReply = {
  atSeq: 7,
  deployment: "shop-web-a",
  pod: "p",
  node: "n1",
  there: 0,
  wanted: 1,
  missing: 1,
  rejections: [{ filter: "cpu", detail: "cpu: 1 wanted, 0 of 2 free" }],
  wouldHelp: ["free 1 more core on n1"],
  nodesTotal: 1,
  candidatesTotal: 0,
};

/** A scheduler that answers with these, one after the other; what it was asked. */
async function scheduler(answers: unknown[], work: () => Promise<void>): Promise<unknown[]> {
  const asked: unknown[] = [];
  const stop = new AbortController();
  const answering = api.broker.live.respond({
    subject: liveSubjects.plan,
    group: "scheduler",
    signal: stop.signal,
    answer: (body) => {
      asked.push(JSON.parse(body));
      return JSON.stringify(answers.shift());
    },
  });
  await work();
  stop.abort();
  await answering;
  return asked;
}

test("why not asks the scheduler about now or a sequence, and records nothing", async () => {
  const seq = await api.broker.log.lastSeq();
  const asked = await scheduler([reply, reply], async () => {
    const answer = await api.send("GET", "/v1/deployments/shop-web-a/why-not/n1");
    expect(answer).toMatchObject({ status: 200, body: reply });
    expect(await api.send("GET", "/v1/deployments/shop-web-a/why-not/n1?at=7")).toMatchObject({
      status: 200,
    });
  });
  expect(asked).toEqual([
    { whyNot: { deployment: "shop-web-a", node: "n1" } },
    { whyNot: { deployment: "shop-web-a", node: "n1", atSeq: 7 } },
  ]);
  expect(await api.broker.log.lastSeq()).toBe(seq);
});

test("what is not there is 404, a sequence that is not there yet 422, and a busy scheduler 503", async () => {
  const answers = [
    { error: "there is no node n1", code: "node_unknown" },
    { error: "the log ends at 9", code: "seq_unknown" },
    { error: "another question about the past is being read for" },
  ];
  await scheduler(answers, async () => {
    const ask = () => api.send("GET", "/v1/deployments/shop-web-a/why-not/n1?at=99");
    expect(await ask()).toMatchObject({ status: 404, body: { code: "node_unknown" } });
    expect(await ask()).toMatchObject({ status: 422, body: { code: "seq_unknown" } });
    expect(await ask()).toMatchObject({ status: 503, body: { code: "no_plan" } });
  });
});

test.each(["at=0", "at=-1", "at=1.5", "at=x", "when=3"])(
  "a query of %s is refused by name",
  async (query) => {
    const { status, body } = await api.send("GET", `/v1/deployments/shop-web-a/why-not/n1?${query}`);
    expect(status).toBe(400);
    expect(JSON.stringify(body["faults"])).toContain(query.slice(0, query.indexOf("=")));
  },
);
