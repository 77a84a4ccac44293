import { decodeMessage, type ElbHeartbeat, liveSubjects, subjects } from "@eru/events";
import { MemoryBroker } from "@eru/log/memory";
import { createLog } from "@eru/service";
import { afterEach, beforeEach, expect, test } from "vitest";
import { furnish, type Running, record, start } from "../fixture.ts";
import { keepStages } from "../stage-keeper.ts";

// Changes of routes that some load balancers have before the others, without the load balancers.

const host = "a.org";
const to = (...ids: string[]) => ({
  rules: ids.map((id) => ({
    id,
    when: [{ path: { prefix: `/${id}` } }],
    action: { respond: { status: 200 } },
  })),
});

let broker: MemoryBroker;
let api: Running<MemoryBroker>;
let ends: (() => Promise<void>)[];
beforeEach(async () => {
  broker = new MemoryBroker();
  api = await start({ broker, limits: { heartbeatsMs: 300 } });
  ends = [api.close];
  await furnish(api);
  await api.send("PUT", `/v1/routes/${host}`, to("a"));
});
afterEach(async () => {
  for (const end of ends.reverse()) await end();
});

/** Heartbeats of load balancers by group, as long as the test runs. */
function beat(live: Record<string, string>): void {
  const beating = setInterval(() => {
    for (const [elb, group] of Object.entries(live)) {
      const said: ElbHeartbeat = { elb, bootId: "b", appliedSeq: 1, group };
      broker.live.publish(liveSubjects.elbHeartbeat(elb), JSON.stringify(said));
    }
  }, 20);
  ends.push(async () => clearInterval(beating));
}

/** Ends what load balancers judged, as the service does. */
function keep(from: Running<MemoryBroker> = api): void {
  const stop = new AbortController();
  const kept = keepStages(from.handling, createLog("test", "silent"), stop.signal);
  ends.push(async () => {
    stop.abort();
    await kept;
  });
}

const stage = (route: object, more: object = {}) =>
  api.send("POST", `/v1/routes/${host}/stage`, { route, ...more });
const events = async () => (await broker.log.read(subjects.route(host), 1)).flatMap(decodeMessage);
const types = async () => (await events()).map(({ event }) => event.type);
const last = async () => (await events()).at(-1)?.event as Record<string, unknown>;
const judge = (elb: string, id: unknown, passed: boolean, as = elb) =>
  record(broker, subjects.elb(as), {
    ...{ type: "RouteStageJudged", elb, host, stage: String(id), passed, detail: "seen" },
  });

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (
    const end = performance.now() + 30_000;
    !(await holds());
    await new Promise((go) => setTimeout(go, 10))
  )
    if (performance.now() > end) throw new Error(`waited 30 s in vain: ${what}`);
}

test("the first by name of each group gets it, promoted it is declared, and an undo goes before it", async () => {
  beat({ e2: "public", e1: "public", in1: "inner" });
  const answer = await stage(to("a", "b"), { promoteAfterMs: 5_000 });
  expect(answer).toMatchObject({ status: 202, body: { changed: true, host, elbs: ["e1", "in1"] } });
  expect(await last()).toMatchObject({ type: "RouteStaged", elbs: ["e1", "in1"], promoteAfterMs: 5_000 });
  expect((await api.send("POST", `/v1/routes/${host}/stage/promote`)).status).toBe(202);
  expect(await types()).toEqual(["RouteDeclared", "RouteStaged", "RouteStageEnded", "RouteDeclared"]);
  expect(await last()).toMatchObject({ rules: [{ id: "a" }, { id: "b" }] });
  // One message: nobody sees the one without the other.
  const seqs = (await events()).map(({ seq }) => seq);
  expect(seqs[2]).toBe(seqs[3]);
  expect((await api.send("POST", `/v1/routes/${host}/undo`, {})).status).toBe(202);
  expect(await last()).toMatchObject({ rules: [{ id: "a" }], restores: seqs[0] });
});

test("only load balancers that serve the host and stay are chosen, and who is named must be one", async () => {
  beat({ e1: "public", e2: "public", in1: "inner" });
  await record(broker, subjects.balancer("e1"), { type: "ElbLeaveRequested", elb: "e1" });
  const route = { ...to("a", "b"), groups: ["public"] };
  for (const elbs of [["e1"], ["in1"], ["nobody"], ["e2", "nobody"]])
    expect((await stage(route, { elbs })).body).toMatchObject({ status: 409, code: "nobody_to_stage" });
  expect((await stage(route)).body).toMatchObject({ elbs: ["e2"] });
});

test("one change at a time, and nothing else meanwhile; aborted, all is as it was", async () => {
  beat({ e1: "g", e2: "g" });
  expect((await stage(to("a"))).body).toMatchObject({ changed: false }); // It is so already.
  await stage(to("b"));
  expect(await stage(to("b"))).toMatchObject({ status: 200, body: { changed: false } });
  for (const [method, url, body] of [
    ["POST", "/stage", { route: to("c") }],
    ["PUT", "", to("c")],
    ["DELETE", "", undefined],
    ["POST", "/undo", {}],
  ] as const) {
    const refused = await api.refusal(method, `/v1/routes/${host}${url}`, body);
    expect(refused, `${method} ${url}`).toMatchObject({ status: 409, code: "route_staged" });
    expect(refused.detail).toMatch(/staged at e1.*promote.*abort/);
  }
  expect((await api.send("POST", `/v1/routes/${host}/stage/abort`)).status).toBe(202);
  expect(await last()).toMatchObject({ type: "RouteStageEnded", because: "aborted" });
  expect(await api.refusal("POST", `/v1/routes/${host}/stage/promote`)).toMatchObject({
    code: "route_not_staged",
  });
  expect((await api.send("PUT", `/v1/routes/${host}`, to("c"))).status).toBe(202);
});

test("it is promoted when all that have it say so, and not before; others say nothing about it", async () => {
  beat({ e1: "public", in1: "inner", x: "public" });
  keep();
  await stage(to("b"), { promoteAfterMs: 1_000 });
  const { stage: id } = await last();
  await judge("x", id, false);
  await judge("e1", "another", false);
  await judge("e1", id, false, "in1");
  await judge("e1", id, true);
  await api.follower.catchUp();
  expect([...api.follower.intent.dueStages]).toEqual([]);
  await judge("in1", id, true);
  await until("it is promoted", async () => (await last())["type"] === "RouteDeclared");
  expect((await events()).at(-1)?.meta.actor).toBe("command-api");
});

test("it is taken back when one says it is bad, also by a service that starts afterwards, once", async () => {
  beat({ e1: "g" });
  await stage(to("b"));
  await judge("e1", (await last())["stage"], false);
  const other = await start({ broker, limits: { heartbeatsMs: 300 } });
  ends.push(other.close);
  keep();
  keep(other);
  await until("it is taken back", async () => (await last())["type"] === "RouteStageEnded");
  expect(await last()).toMatchObject({ because: "failed", detail: "e1: seen" });
  await other.follower.catchUp();
  expect([...other.follower.intent.dueStages]).toEqual([]);
  expect((await types()).filter((type) => type === "RouteStageEnded")).toHaveLength(1);
});

test("what it names may be gone when its time has come: it is taken back with the reason", async () => {
  beat({ e1: "g" });
  await stage({ rules: [{ app: "web", entrypoint: "http" }] }, { promoteAfterMs: 1_000 });
  const { stage: id } = await last();
  expect((await api.send("DELETE", "/v1/apps/web")).status).toBe(202);
  keep();
  await judge("e1", id, true);
  await until("it is over", async () => (await last())["type"] === "RouteStageEnded");
  expect(await last()).toMatchObject({ because: "failed", detail: expect.stringContaining("no app `web`") });
});

test("a host without a route gets its first one staged, and has none after an abort", async () => {
  beat({ e1: "g" });
  expect((await api.send("POST", "/v1/routes/new.org/stage", { route: to("a") })).status).toBe(202);
  await api.send("POST", "/v1/routes/new.org/stage/abort");
  expect(api.follower.intent.routes.get("new.org")).toEqual({ phase: "absent" });
});
