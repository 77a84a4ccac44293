import { ExplainReply, liveSubjects } from "@eru/events";
import { MemoryBroker } from "@eru/log";
import { expect, test } from "vitest";
import { answerExplain, replyTo } from "./answer-explain.ts";
import { NginxUnreachableError } from "./nginx-admin.ts";

const question = {
  host: "h.org",
  method: "GET",
  scheme: "http",
  port: 80,
  path: "/",
  query: "",
  headers: {},
  source: "127.0.0.1",
} as const;
const explanation = { outcomes: [], skipped: [], reason: "no_such_host" } as const;
const admin = { explain: async () => ({ ...explanation, outcomes: [], skipped: [] }) };
const deps = { elb: "edge", admin, appliedSeq: (): number | undefined => 7 };

test("a load balancer that is asked, by name or as any, says what it would do and by which table", async () => {
  const broker = new MemoryBroker();
  const end = new AbortController();
  const running = answerExplain(broker.live, deps, end.signal);
  for (const subject of [liveSubjects.explain, liveSubjects.explainBy("edge")]) {
    const reply = await broker.live.request(subject, JSON.stringify(question), 1_000);
    expect(ExplainReply.parse(JSON.parse(reply))).toEqual({ elb: "edge", appliedSeq: 7, explanation });
  }
  end.abort();
  await running;
});

test("what cannot be answered says why", async () => {
  const asked = JSON.stringify(question);
  expect(await replyTo("{", deps)).toEqual({ error: expect.stringContaining("not readable") });
  const idle = { ...deps, appliedSeq: () => undefined };
  expect(await replyTo(asked, idle)).toEqual({ error: "load balancer edge does not serve now" });
  const dead = { ...deps, admin: { explain: () => Promise.reject(new NginxUnreachableError("gone")) } };
  expect(await replyTo(asked, dead)).toEqual({ error: "load balancer edge does not answer" });
  const broken = { ...deps, admin: { explain: () => Promise.reject(new Error("odd")) } };
  expect(await replyTo(asked, broken)).toEqual({ error: "load balancer edge: odd" });
});
