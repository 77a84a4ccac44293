import {
  type ElbHeartbeat,
  type ElbStatus,
  type EruEvent,
  liveSubjects,
  rulesFrom,
  subjects,
} from "@eru/events";
import { expect, test } from "vitest";
import { temporaryFolder } from "../testkit/folder.ts";
import { MemoryZone, startProjector, until } from "../testkit/zone.ts";

const status: ElbStatus = {
  ...{ epoch: "e", seenSeq: 9, stale: false, leaving: false, token: 3 },
  ...{ workers: [{ pid: 7, ackedToken: 3, exiting: false }], workersTotal: 1 },
  ...{ drains: [], drainsTotal: 0, rejected: [], rejectedTotal: 0, leftOut: [], leftOutTotal: 0 },
};
const beat: ElbHeartbeat = { elb: "e1", bootId: "b1", appliedSeq: 7, group: "public", status };

test("what a load balancer says of itself is answered while it is heard, and it is silent after five seconds", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  await zone.append(
    subjects.elb("e1"),
    [{ type: "RouteTableApplied", elb: "e1", bootId: "b1", appliedSeq: 1, changedPools: 0, changedHosts: 0 }],
    "elb:e1",
  );
  await using projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  await projector.ready();
  const ask = async () => (await projector.get("/v1/elbs")).json().items[0];
  const say = (said: unknown) =>
    zone.broker.live.publish(liveSubjects.elbHeartbeat("e1"), JSON.stringify(said));
  expect(await ask()).toMatchObject({
    live: false,
    heardAgoMs: null,
    group: null,
    appliedSeq: 1,
    stale: true,
  });

  say("what nobody understands");
  zone.broker.live.publish(liveSubjects.elbHeartbeat("e1"), "{");
  say(beat);
  await until("it is heard", async () => (await ask()).live);
  expect(await ask()).toMatchObject({ group: "public", appliedSeq: 7, lag: 2, stale: false, status });

  // A router-sync of before says less.
  say({ elb: "e1", bootId: "b1", appliedSeq: 8 });
  await until("it is heard", async () => (await ask()).appliedSeq === 8);
  expect(await ask()).toMatchObject({ live: true, group: null, lag: 0, status: null });

  projector.passMs(5_000);
  expect(await ask()).toMatchObject({ live: false, stale: true, appliedSeq: 8 });
  say({ ...beat, appliedSeq: 9 });
  await until("it is heard again", async () => (await ask()).live);
  say({ ...beat, appliedSeq: 9, gone: true });
  await until("it said that it is gone", async () => !(await ask()).live);
});

test("who was told to leave says when it has, and who is forgotten is not listed", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  const tell = (type: "ElbLeaveRequested" | "ElbJoinRequested" | "ElbForgotten", elb: string) =>
    zone.append(subjects.balancer(elb), [{ type, elb }], "user:ada");
  await tell("ElbLeaveRequested", "e1");
  await tell("ElbLeaveRequested", "e2");
  await using projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  await projector.ready();
  const ask = async () => (await projector.get("/v1/elbs")).json().items;
  expect(await ask()).toMatchObject([{ elb: "e1", leaveBy: "user:ada", left: false }, { elb: "e2" }]);
  const said = JSON.stringify({ ...beat, left: true });
  zone.broker.live.publish(liveSubjects.elbHeartbeat("e1"), said);
  await until("it has left", async () => (await ask())[0].left);
  await tell("ElbForgotten", "e2");
  await tell("ElbJoinRequested", "e1");
  await until("the view has it", async () => (await ask()).length === 1);
  await until("it was told to join", async () => (await ask())[0].leaveAt === null);
});

test("a staged change is shown with what is declared, and how it does where it is, until it ends", async () => {
  using folder = temporaryFolder();
  const zone = await MemoryZone.open();
  const host = "a.org";
  const content = (entrypoint: string) => ({ rules: rulesFrom([{ app: "shop", entrypoint }]) });
  const route = (...events: EruEvent[]) => zone.append(subjects.route(host), events, "user:ada");
  await route({ type: "RouteDeclared", host, ...content("web") });
  await route({ type: "RouteStaged", host, stage: "s1", elbs: ["e1", "e2"], content: content("api") });
  await using projector = await startProjector({ path: folder.file("v.db"), connect: zone.connect });
  await projector.ready();
  const list = async () => (await projector.get("/v1/route-stages")).json().items;
  const one = async () => (await projector.get(`/v1/route-stages/${host}`)).json();
  expect(await one()).toMatchObject({
    ...{ stage: "s1", elbs: ["e1", "e2"], staged: content("api"), declared: content("web"), judged: [] },
    at: [
      { elb: "e1", live: false, applied: false },
      { elb: "e2", live: false, applied: false },
    ],
  });
  const stage = { host, stage: "s1", applied: true, requests: 9, failures: 2 };
  const stages = [{ ...stage, requestsBefore: 5, failuresBefore: 0, forMs: 700 }];
  zone.broker.live.publish(liveSubjects.elbHeartbeat("e1"), JSON.stringify({ ...beat, stages }));
  await until("it is heard", async () => (await list())[0].at[0].live);
  expect((await list())[0].at[0]).toMatchObject({ applied: true, requests: 9, failures: 2, refused: null });
  const judged = {
    type: "RouteStageJudged",
    elb: "e1",
    host,
    stage: "s1",
    passed: false,
    detail: "bad",
  } as const;
  await zone.append(subjects.elb("e1"), [judged], "elb:e1");
  await until("it is judged", async () => (await list())[0].judged.length === 1);
  expect((await one()).judged).toEqual([{ elb: "e1", passed: false, detail: "bad" }]);
  await route({ type: "RouteStageEnded", host, stage: "s1", because: "failed", detail: "bad" });
  await until("it is over", async () => (await list()).length === 0);
  expect((await projector.get(`/v1/route-stages/${host}`)).statusCode).toBe(404);
});
