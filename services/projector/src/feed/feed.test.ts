import { type EruEvent, subjects } from "@eru/events";
import fc from "fast-check";
import { afterAll, afterEach, expect, test } from "vitest";
import { FeedClient } from "../testkit/feed-client.ts";
import { temporaryFolder } from "../testkit/folder.ts";
import { chooseBySeed, makeHistory } from "../testkit/histories.ts";
import { deployment, first, story } from "../testkit/story.ts";
import { appSpec } from "../testkit/world.ts";
import { MemoryZone, type RunningProjector, startProjector, token, until } from "../testkit/zone.ts";
import type { FeedLimits } from "./protocol.ts";

const folder = temporaryFolder();
let started: RunningProjector[] = [];
afterEach(async () => {
  for (const projector of started) await projector.stop();
  started = [];
});

afterAll(() => folder[Symbol.dispose]());

async function start(zone: MemoryZone, limits: Partial<FeedLimits> = {}): Promise<RunningProjector> {
  const path = folder.file(`${crypto.randomUUID()}.db`);
  const projector = await startProjector({ path, connect: zone.connect, limits });
  started.push(projector);
  await projector.ready();
  return projector;
}

const addPod = (zone: MemoryZone, pod: string) =>
  zone.append(subjects.pod(pod), [{ type: "PodAdded", pod, description: "" }]);

/** Places of all events of a zone's log. */
async function placesOf(zone: MemoryZone, fromSeq = 1): Promise<string[]> {
  const end = new AbortController();
  const places: string[] = [];
  for await (const page of zone.broker.log.follow({ fromSeq, signal: end.signal })) {
    for (const { seq, body } of page.messages)
      places.push(...JSON.parse(body).events.map((_event: unknown, index: number) => `${seq}/${index}`));
    if (page.head) break;
  }
  return places;
}

test("a subscription gets what was, is told when it has all, then what comes", async () => {
  const zone = await MemoryZone.open();
  const { port } = await start(zone);
  await addPod(zone, "a");
  const client = await FeedClient.subscribed(port, ["events"], 1);
  await until("caught up", () => client.last("caught-up")?.["seq"] === 2);
  await addPod(zone, "b");
  await until("live", () => client.events.length === 4);
  expect(client.received.map(({ type, event }) => event?.type ?? type)).toEqual([
    "subscribed",
    "UserAdded",
    "TokenIssued",
    "PodAdded",
    "caught-up",
    "PodAdded",
  ]);
  expect(client.events.at(-1)).toMatchObject({
    seq: 3,
    index: 0,
    objects: ["pod:b"],
    summary: "pod b added",
  });
});

test("without `from` only what comes is sent", async () => {
  const zone = await MemoryZone.open();
  const { port } = await start(zone);
  const client = await FeedClient.subscribed(port, ["events"]);
  await until("caught up", () => client.last("caught-up") !== undefined);
  expect(client.last("subscribed")).toMatchObject({ from: 2 });
  const seq = await addPod(zone, "a");
  await until("live", () => client.events.length > 0);
  expect(client.places).toEqual([`${seq}/0`]);
});

test("topics choose by kind and by what an event is about, in backlog and live alike", async () => {
  const zone = await MemoryZone.open();
  const half = story().log;
  await zone.copy(half.slice(0, 15));
  const { port, progress } = await start(zone);
  const client = await FeedClient.subscribed(port, ["kind:pod", `workload:${first}`, "kind:route"], 1);
  await until("caught up", () => client.last("caught-up") !== undefined);
  await zone.copy(half.slice(15));
  await until("all", () => progress.seq === half.length + 1 && client.events.length === 8);
  expect(client.events.map(({ type }) => type)).toEqual([
    ...["PodAdded", "PodAdded", "PlacementDecided", "WorkloadAssigned"],
    ...["ContainerCreated", "ContainerStarted", "ContainerHealthy", "RouteDeclared"],
  ]);
  const app = await FeedClient.subscribed(port, ["app:shop"], 1);
  const one = await FeedClient.subscribed(port, [`deployment:${deployment}`], 1);
  const node = await FeedClient.subscribed(port, ["node:n2"], 1);
  await until("all", () => [app, one, node].every((each) => each.last("caught-up") !== undefined));
  expect(app.events.length).toBeGreaterThan(one.events.length);
  expect(one.events[0]).toMatchObject({ type: "DeploymentRequested" });
  expect(node.events.map(({ type }) => type)).toEqual(["NodeAdded", "NodeCordoned", "NodeObserved"]);
});

test("under concurrent appends nothing is missed, repeated or out of order, from anywhere", async () => {
  const zone = await MemoryZone.open();
  const { port } = await start(zone);
  const log = makeHistory(chooseBySeed(21), 1_200);
  const froms = fc.sample(fc.integer({ min: 1, max: 1_200 }), { numRuns: 12, seed: 4 });
  const clients: { client: FeedClient; from: number }[] = [];
  for (let at = 0, n = 0; at < log.length; n++) {
    const length = 1 + ((n * 37) % 90);
    await zone.copy(log.slice(at, at + length));
    at += length;
    const from = froms[n];
    if (from !== undefined)
      clients.push({ from, client: await FeedClient.subscribed(port, ["events"], from) });
  }
  expect(clients).toHaveLength(12);
  const seq = await zone.broker.log.lastSeq();
  const all = await placesOf(zone);
  await until("all have all", () => clients.every(({ client }) => client.events.at(-1)?.seq === seq));
  for (const { client, from } of clients)
    expect(client.places).toEqual(all.filter((place) => Number(place.split("/")[0]) >= from));
});

test("a large message and topics with many events come whole", async () => {
  const zone = await MemoryZone.open();
  const many = Array.from({ length: 1_200 }, (): EruEvent => ({ type: "EngineBack", node: "n1" }));
  await zone.append(subjects.fact("n1"), many, "agent:n1");
  for (let n = 0; n < 700; n++)
    await zone.append(subjects.fact("n1"), [{ type: "EngineBack", node: "n1" }], "agent:n1");
  const { port } = await start(zone);
  const all = await placesOf(zone, 2);
  for (const topics of [["node:n1"], ["kind:fact"], ["events"], ["node:n1", "kind:fact", "node:n2"]]) {
    const client = await FeedClient.subscribed(port, topics, 2);
    await until("caught up", () => client.last("caught-up") !== undefined);
    expect(client.places, topics.join()).toEqual(all);
  }
});

test("a second subscription takes the place of the first", async () => {
  const zone = await MemoryZone.open();
  const { port } = await start(zone);
  const client = await FeedClient.subscribed(port, ["kind:pod"]);
  await until("subscribed", () => client.last("caught-up") !== undefined);
  client.subscribe(["kind:user"], 1);
  await until("subscribed again", () => client.events.length === 2);
  await addPod(zone, "a");
  client.subscribe(["kind:pod"], 1);
  await until("subscribed again", () => client.events.length === 3);
  expect(client.events.map(({ type }) => type)).toEqual(["UserAdded", "TokenIssued", "PodAdded"]);
});

/** A release whose spec is large, to fill buffers with few events. */
const bigRelease = (zone: MemoryZone, n: number) =>
  zone.append(subjects.app("shop"), [
    {
      type: "ReleaseRegistered",
      ...{ app: "shop", release: `v${n}`, image: "shop:1", spec: appSpec("shop") },
      specText: "x".repeat(200_000),
    },
  ]);

test("a slow reader is told where to resume and closed, others go on, and it misses nothing", async () => {
  const zone = await MemoryZone.open();
  const { port, app } = await start(zone, { slowMs: 2_000, bufferBytesMax: 100_000 });
  const slow = await FeedClient.subscribed(port, ["events"], 1);
  const quick = await FeedClient.subscribed(port, ["events"], 1);
  await until("both are on", () => [slow, quick].every((client) => client.last("caught-up") !== undefined));
  slow.socket.pause();
  const releases = 100;
  for (let n = 0; n < releases; n++) await bigRelease(zone, n);
  await until("the quick one has all", () => quick.events.length === releases + 2, 20_000);
  const slowCloses = async () =>
    /eru_feed_slow_closes_total{[^}]*} (\d+)/.exec((await app.inject({ url: "/metrics" })).body)?.[1];
  await until("the slow one is given up", async () => (await slowCloses()) === "1");
  slow.socket.resume();
  await until("closed", () => slow.closed !== undefined);
  expect(slow.closed).toEqual({ code: 1013, reason: "reads too slowly" });
  const resume = slow.received.at(-1);
  expect(resume).toMatchObject({ type: "resume" });
  const from = Number(resume?.["from"]);
  expect(from).toBeLessThan(releases);
  const again = await FeedClient.subscribed(port, ["events"], from);
  await until("caught up", () => again.last("caught-up") !== undefined);
  expect([...slow.places, ...again.places]).toEqual(await placesOf(zone));
});

test.each([
  ["no token", {}, [], 401],
  ["a wrong token", { authorization: "Bearer wrong" }, [], 401],
  ["a wrong token as subprotocol", {}, ["eru.feed.v1", "bearer.wrong"], 401],
  ["another scheme", { authorization: `Basic ${token}` }, [], 401],
  ["a subprotocol nobody knows", { authorization: `Bearer ${token}` }, ["chat"], 400],
])("%s is refused before the connection is a WebSocket", async (_what, headers, protocols, status) => {
  const { port } = await start(await MemoryZone.open());
  const client = new FeedClient(port, { headers, protocols });
  await until("refused", () => client.refused !== undefined);
  expect(client.refused).toBe(status);
  expect(client.received).toEqual([]);
});

test("a browser sends its token as a subprotocol, and it is not sent back", async () => {
  const { port } = await start(await MemoryZone.open());
  const client = new FeedClient(port, { headers: {}, protocols: ["eru.feed.v1", `bearer.${token}`] });
  await until("connected", () => client.socket.readyState === client.socket.OPEN);
  expect(client.socket.protocol).toBe("eru.feed.v1");
  client.subscribe(["events"], 1);
  await until("caught up", () => client.last("caught-up") !== undefined);
});

test("a GET that is no WebSocket says so", async () => {
  const { get } = await start(await MemoryZone.open());
  const answer = await get("/v1/feed");
  expect(answer.statusCode).toBe(426);
  expect(answer.json().code).toBe("upgrade_required");
});

test.each([
  ["no JSON", "hello", "the message"],
  ["another type", { type: "publish", topics: ["events"] }, "type"],
  ["no topics", { type: "subscribe", topics: [] }, "topics"],
  ["an unknown topic", { type: "subscribe", topics: ["weather"] }, "topics.0"],
  ["an unknown kind", { type: "subscribe", topics: ["kind:weather"] }, "topics.0"],
  ["a sequence that is none", { type: "subscribe", topics: ["events"], from: 0 }, "from"],
  ["an unknown field", { type: "subscribe", topics: ["events"], since: 1 }, "since"],
  [
    "too many topics",
    { type: "subscribe", topics: Array.from({ length: 65 }, (_, n) => `pod:p${n}`) },
    "topics",
  ],
])("a message with %s is answered with the fault and the end", async (_what, message, fault) => {
  const { port } = await start(await MemoryZone.open());
  const client = await FeedClient.open(port);
  client.say(message);
  await until("closed", () => client.closed !== undefined);
  expect(client.closed?.code).toBe(1008);
  expect(client.received).toEqual([
    { type: "error", code: "invalid_message", detail: expect.stringContaining(fault) },
  ]);
});

test("messages that are too large, too many or binary end the connection", async () => {
  const { port } = await start(await MemoryZone.open(), { messagesMax: 3 });
  const large = await FeedClient.open(port);
  large.say("x".repeat(20_000));
  await until("closed", () => large.closed !== undefined);
  expect(large.closed?.code).toBe(1009);
  const many = await FeedClient.open(port);
  for (let n = 0; n < 4; n++) many.subscribe(["events"]);
  await until("closed", () => many.closed !== undefined);
  expect(many.last("error")).toMatchObject({ code: "too_many_messages" });
  const binary = await FeedClient.open(port);
  binary.socket.send(Buffer.from(JSON.stringify({ type: "subscribe", topics: ["events"] })));
  await until("closed", () => binary.closed !== undefined);
  expect(binary.closed?.code).toBe(1008);
});

test("more clients than the limit are refused, and there is room again when one leaves", async () => {
  const { port } = await start(await MemoryZone.open(), { clientsMax: 1 });
  const one = await FeedClient.open(port);
  const two = new FeedClient(port);
  await until("refused", () => two.refused !== undefined);
  expect(two.refused).toBe(503);
  one.socket.close();
  await until("room", async () => {
    const next = new FeedClient(port);
    await until("answered", () => next.refused !== undefined || next.socket.readyState === next.socket.OPEN);
    return next.socket.readyState === next.socket.OPEN;
  });
});

test("a client that answers no ping is ended, one that does stays", async () => {
  const { port } = await start(await MemoryZone.open(), { pingMs: 100 });
  const well = await FeedClient.subscribed(port, ["events"]);
  const dead = await FeedClient.open(port);
  dead.socket.pause(); // Reads nothing, so it answers nothing.
  let pings = 0;
  well.socket.on("ping", () => pings++);
  await until("pinged", () => pings >= 4);
  dead.socket.resume();
  await until("ended", () => dead.closed !== undefined);
  expect(dead.closed?.code).toBe(1006);
  expect(well.closed).toBeUndefined();
});

test("a service that stops tells its clients where to go on", async () => {
  const zone = await MemoryZone.open();
  const projector = await start(zone);
  const client = await FeedClient.subscribed(projector.port, ["events"], 1);
  await until("caught up", () => client.last("caught-up") !== undefined);
  await projector.stop();
  await until("closed", () => client.closed !== undefined);
  expect(client.closed?.code).toBe(1001);
  expect(client.received.at(-1)).toEqual({ type: "resume", from: 2 });
});
