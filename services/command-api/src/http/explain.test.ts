import { type ExplainReply, liveSubjects } from "@eru/events";
import { expect, test } from "vitest";
import { start } from "../fixture.ts";

const request = {
  host: "h.org",
  method: "GET",
  scheme: "http",
  port: 80,
  path: "/",
  query: "",
  headers: {},
  source: "127.0.0.1",
};
const explanation = {
  route: "h.org",
  outcomes: [{ rule: "all", share: 1, action: "respond" as const, status: 200 }],
  skipped: [{ rule: "beta", because: ["headers.x-beta"] }],
};

test("a load balancer's answer is passed on, of the one that is named or of any", async () => {
  const running = await start();
  const end = new AbortController();
  const asked: string[] = [];
  const answering = [liveSubjects.explain, liveSubjects.explainBy("edge")].map((subject) =>
    running.broker.live.respond({
      subject,
      group: "router-sync",
      signal: end.signal,
      answer: (body) => {
        asked.push(body);
        return JSON.stringify({ elb: "edge", appliedSeq: 9, explanation } satisfies ExplainReply);
      },
    }),
  );
  for (const body of [{ request }, { request, elb: "edge" }])
    expect(await running.send("POST", "/v1/routes/explain", body)).toMatchObject({
      status: 200,
      body: { elb: "edge", appliedSeq: 9, explanation },
    });
  expect(asked.map((body) => JSON.parse(body))).toEqual([request, request]);
  end.abort();
  await Promise.all(answering);
  await running.close();
});

test("without an answer it says who was silent, and passes on a refusal", async () => {
  const running = await start();
  const ask = (elb?: string) =>
    running.send("POST", "/v1/routes/explain", { request, ...(elb !== undefined && { elb }) });
  const silent = {
    status: 504,
    body: { code: "no_load_balancer", detail: "no load balancer answered: see that one runs" },
  };
  expect(await ask()).toMatchObject(silent);
  expect(await ask("edge")).toMatchObject({
    body: { detail: expect.stringContaining("load balancer edge does not answer") },
  });
  const end = new AbortController();
  const replies = [JSON.stringify({ error: "load balancer edge does not serve now" }), "{", "{}"];
  const answering = running.broker.live.respond({
    subject: liveSubjects.explain,
    group: "router-sync",
    signal: end.signal,
    answer: () => replies.shift() ?? "",
  });
  expect(await ask()).toMatchObject({
    status: 504,
    body: { detail: "load balancer edge does not serve now" },
  });
  expect(await ask()).toMatchObject({
    status: 504,
    body: { detail: expect.stringContaining("not readable") },
  });
  expect(await ask()).toMatchObject({
    status: 504,
    body: { detail: expect.stringContaining("same version") },
  });
  end.abort();
  await answering;
  await running.close();
});

test("a question that is none is a fault of the caller, named by field", async () => {
  const running = await start();
  const answer = await running.send("POST", "/v1/routes/explain", { request: { ...request, port: 0 } });
  expect(answer).toMatchObject({
    status: 400,
    body: { faults: [expect.objectContaining({ field: "request.port" })] },
  });
  await running.close();
});
