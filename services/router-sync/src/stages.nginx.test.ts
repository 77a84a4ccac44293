// A change of a route that one of two load balancers has before the other.
import { ElbHeartbeat, type ElbStage, liveSubjects, rulesFrom } from "@eru/events";
import { MemoryBroker } from "@eru/log";
import { afterEach, expect, test } from "vitest";
import { removal } from "./testing.ts";
import { reports, write } from "./testing-log.ts";
import { prepareElb, until } from "./testing-nginx.ts";
import { answering, atEnd, backend, endAll, helloRoute, type Running, run, up } from "./testing-service.ts";

afterEach(endAll);

/** Two load balancers with the same log, and what the first says of its staged routes. */
async function two(broker: MemoryBroker) {
  const listening = new AbortController();
  atEnd(() => listening.abort());
  const said: { stages: ElbStage[] } = { stages: [] };
  const listen = async () => {
    for await (const { body } of broker.live.subscribe(liveSubjects.elbHeartbeat("e1"), listening.signal))
      said.stages = ElbHeartbeat.parse(JSON.parse(body)).stages ?? [];
  };
  void listen();
  const elb = await prepareElb();
  atEnd(elb.stop);
  const [e1, e2] = await Promise.all([run(broker, { elb, name: "e1" }), run(broker, { name: "e2" })]);
  return { e1, e2, elb, said };
}

const staged = (
  entrypoint: string,
  more: { stage?: string; pathPrefix?: string; promoteAfterMs?: number } = {},
) => {
  const { pathPrefix = "/", stage = "s", ...limits } = more;
  return {
    ...{ type: "RouteStaged" as const, host: "hello.org", stage, elbs: ["e1"], ...limits },
    content: { rules: rulesFrom([{ app: "hello", entrypoint, pathPrefix }]) },
  };
};
const ended = {
  type: "RouteStageEnded",
  host: "hello.org",
  stage: "s",
  because: "aborted",
  detail: "",
} as const;
const asked = async (running: Running) => (await running.client.ask()).seen?.id;

test("one routes by it, the other as before; endpoints change for both, also after a restart; aborted it is gone", async () => {
  const broker = new MemoryBroker();
  const [web, api] = [await backend("hello-web-1"), await backend("hello-api-1")];
  await write(broker, helloRoute, ...up(web), ...up(api));
  const { e1, e2, elb, said } = await two(broker);
  await Promise.all([answering(e1, "hello-web-1"), answering(e2, "hello-web-1")]);
  await write(broker, staged("api"));
  await answering(e1, "hello-api-1");
  await until("it says so", () => said.stages[0]?.applied);
  for (let round = 0; round < 20; round++) expect(await asked(e2)).toBe("hello-web-1");
  await until("answers are counted", async () => {
    expect(await asked(e1)).toBe("hello-api-1");
    return (said.stages[0]?.requests ?? 0) > 0;
  });

  // Its workloads come and go in both versions.
  const [web2, api2] = [await backend("hello-web-2"), await backend("hello-api-2")];
  await write(broker, ...up(web2), ...up(api2), removal("hello-web-1"), removal("hello-api-1"));
  await Promise.all([answering(e1, "hello-api-2"), answering(e2, "hello-web-2")]);
  const drained = async (name: string) =>
    (await reports(broker, name)).filter(({ type }) => type === "EndpointDrained").length === 2;
  await until("both let go of both", async () => (await drained("e1")) && (await drained("e2")));

  await e1.stop();
  const again = await run(broker, { elb, name: "e1" });
  await until("it goes on", () => said.stages[0]?.applied);
  expect(await asked(again)).toBe("hello-api-2");

  await write(broker, ended);
  await answering(again, "hello-web-2");
  await until("nothing is staged", () => said.stages.length === 0);
});

test("what the engine refuses is judged bad, and the host is served as before", async () => {
  const broker = new MemoryBroker();
  const web = await backend("hello-web-1");
  await write(broker, helloRoute, ...up(web));
  const { e1, e2, said } = await two(broker);
  await Promise.all([answering(e1, "hello-web-1"), answering(e2, "hello-web-1")]);
  await write(broker, staged("web", { pathPrefix: `/${"é".repeat(700)}` }));
  const judged = await until("it is judged", async () =>
    (await reports(broker, "e1")).find((event) => event.type === "RouteStageJudged"),
  );
  expect(judged).toMatchObject({
    stage: "s",
    passed: false,
    detail: expect.stringContaining("at most 1024 bytes"),
  });
  await until("it says so", () => said.stages[0]?.refused);
  expect([await asked(e1), await asked(e2)]).toEqual(["hello-web-1", "hello-web-1"]);
});

test("answers that get worse are judged bad, good ones pass when the time is over", async () => {
  const broker = new MemoryBroker();
  const [web, api] = [
    await backend("hello-web-1"),
    await backend("hello-api-1", (_request, response) => response.writeHead(500).end()),
  ];
  await write(broker, helloRoute, ...up(web), ...up(api));
  const { e1 } = await two(broker);
  await answering(e1, "hello-web-1");
  const verdicts = async () =>
    (await reports(broker, "e1")).flatMap((event) =>
      event.type === "RouteStageJudged" ? [event.passed] : [],
    );
  await write(broker, staged("api", { promoteAfterMs: 600_000 }));
  await until("the change is there", async () => (await e1.client.ask()).status === 500);
  await until("it is judged", async () => {
    await e1.client.ask();
    return (await verdicts()).length > 0;
  });
  expect(await verdicts()).toEqual([false]);
  await write(broker, ended, staged("web", { stage: "s2", pathPrefix: "/new", promoteAfterMs: 1_000 }));
  await until("it is judged", async () => (await verdicts()).length > 1);
  expect(await verdicts()).toEqual([false, true]);
});
