import { decodeMessage, type ElbHeartbeat, liveSubjects, rulesFrom, subjects } from "@eru/events";
import { afterEach, expect, test } from "vitest";
import { type Running, record, start } from "../fixture.ts";

let api: Running<Awaited<ReturnType<typeof start>>["broker"]>;
let beating: NodeJS.Timeout;
afterEach(async () => {
  clearInterval(beating);
  await api.close();
});

/** Load balancers that have reported, of which some are heard; and a route for the hosts. */
async function zone(options: {
  known: string[];
  live: Record<string, string>;
  hosts?: Record<string, string[]>;
}) {
  api = await start({ limits: { heartbeatsMs: 300 } });
  const { broker } = api;
  for (const elb of options.known)
    await record(broker, subjects.elb(elb), {
      ...{ type: "RouteTableApplied", elb, bootId: "b", appliedSeq: 1, changedPools: 0, changedHosts: 0 },
    });
  for (const [host, groups] of Object.entries(options.hosts ?? {}))
    await record(broker, subjects.route(host), {
      ...{ type: "RouteDeclared", host, rules: rulesFrom([{ app: "a", entrypoint: "web" }]) },
      ...(groups.length > 0 && { groups }),
    });
  beating = setInterval(() => {
    for (const [elb, group] of Object.entries(options.live)) {
      const beat: ElbHeartbeat = { elb, bootId: "b", appliedSeq: 1, group };
      broker.live.publish(liveSubjects.elbHeartbeat(elb), JSON.stringify(beat));
    }
  }, 20);
}

const history = async (elb: string) =>
  (await api.broker.log.read(subjects.balancer(elb), 1))
    .flatMap(decodeMessage)
    .map(({ event }) => event.type);

test("one of two leaves, said again it changes nothing, and it comes back", async () => {
  await zone({ known: ["e1", "e2"], live: { e1: "public", e2: "public" }, hosts: { "a.org": [] } });
  expect(await api.send("POST", "/v1/elbs/e1/leave")).toMatchObject({ status: 202, body: { changed: true } });
  expect(await api.send("POST", "/v1/elbs/e1/leave")).toMatchObject({
    status: 200,
    body: { changed: false },
  });
  // Who has left does not count: the other is the last one now.
  expect(await api.refusal("POST", "/v1/elbs/e2/leave")).toMatchObject({ status: 409, code: "elb_last" });
  expect(await api.send("POST", "/v1/elbs/e1/join")).toMatchObject({ status: 202 });
  expect(await api.send("POST", "/v1/elbs/e1/join")).toMatchObject({ status: 200 });
  expect(await history("e1")).toEqual(["ElbLeaveRequested", "ElbJoinRequested"]);
  expect((await api.send("POST", "/v1/elbs/e2/leave")).status).toBe(202);
});

test("the last live one of a group that serves a host stays, unless it is forced", async () => {
  await zone({
    ...{ known: ["e1", "e2", "e3"], live: { e1: "public", e2: "inner" } },
    hosts: { "a.org": ["public"], "b.org": ["other"] },
  });
  const refused = await api.refusal("POST", "/v1/elbs/e1/leave");
  expect(refused).toMatchObject({ status: 409, code: "elb_last", grew: false });
  expect(refused.detail).toContain("last live load balancer of group `public`, which serves a.org");
  expect((await api.send("POST", "/v1/elbs/e2/leave")).status).toBe(202);
  expect((await api.send("POST", "/v1/elbs/e1/leave?force=true")).status).toBe(202);
});

test("two that are the last of their group cannot leave to each other", async () => {
  await zone({ known: ["e1", "e2"], live: { e1: "g", e2: "g" }, hosts: { "a.org": [] } });
  const answers = await Promise.all(["e1", "e2"].map((elb) => api.send("POST", `/v1/elbs/${elb}/leave`)));
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 409]);
});

test("what never reported is unknown, what is alive is not forgotten, what is gone is", async () => {
  await zone({ known: ["e1", "e2"], live: { e1: "g" } });
  const unknown = await api.refusal("POST", "/v1/elbs/e9/leave");
  expect(unknown).toMatchObject({ status: 404, code: "elb_unknown" });
  expect(unknown.detail).toContain("there is e1, e2");
  expect((await api.refusal("POST", "/v1/elbs/e9/join")).status).toBe(404);
  expect(await api.refusal("DELETE", "/v1/elbs/e1")).toMatchObject({ status: 409, code: "elb_alive" });
  expect((await api.send("DELETE", "/v1/elbs/e2")).status).toBe(202);
  expect((await api.send("DELETE", "/v1/elbs/e2")).status).toBe(200);
  expect((await api.refusal("POST", "/v1/elbs/e2/leave")).detail).toContain("it was forgotten");
});
