import { subjects } from "@eru/events";
import { type Broker, LogUnavailableError, MemoryBroker } from "@eru/log";
import { hashToken } from "@eru/service";
import { afterEach, expect, test } from "vitest";
import { furnish, type Running, record, slow, start, wish, withLog } from "../fixture.ts";

const running: { close: () => Promise<void> }[] = [];
const begin = async (broker: Broker = new MemoryBroker()): Promise<Running<Broker>> => {
  const api = await start({ broker });
  running.push(api);
  return api;
};
afterEach(async () => {
  for (const api of running.splice(0)) await api.close();
});

const key = { "idempotency-key": "once" };

test("a repeated key gets the first answer, whatever happened since, and records nothing", async () => {
  const api = await begin();
  const first = await api.send("POST", "/v1/pods", { name: "demo", description: "x" }, key);
  await api.send("DELETE", "/v1/pods/demo");
  const seq = await api.broker.log.lastSeq();
  const again = await api.send("POST", "/v1/pods", { description: "x", name: "demo" }, key);
  expect(again).toMatchObject({ status: 202, body: first.body });
  expect(again.headers["idempotency-replayed"]).toBe("true");
  expect(first.headers["idempotency-replayed"]).toBeUndefined();
  expect(await api.broker.log.lastSeq()).toBe(seq);
});

test("every kind of command is answered again with what it named", async () => {
  const api = await begin();
  await furnish(api);
  const made = await api.send("POST", "/v1/deployments", wish);
  const id = String(made.body["deployment"]);
  const route = { rules: [{ app: "web", entrypoint: "http" }] };
  const release = { release: "v2", image: "web:2", specText: "appname: web\nentrypoints: {http: {}}" };
  const calls: [Parameters<typeof api.send>[0], string, unknown][] = [
    ["POST", "/v1/nodes", { name: "n2", pod: "demo" }],
    ["PUT", "/v1/nodes/n2/labels", { a: "b" }],
    ["PUT", "/v1/nodes/n2/resources", { cpu: 1, memoryMib: 1 }],
    ["POST", "/v1/nodes/n2/cordon", {}],
    ["POST", "/v1/nodes/n2/uncordon", undefined],
    ["POST", "/v1/nodes/n2/drain", {}],
    ["DELETE", "/v1/nodes/n2/drain", undefined],
    ["DELETE", "/v1/nodes/n2", undefined],
    ["POST", "/v1/apps", { name: "shop" }],
    ["DELETE", "/v1/apps/shop", undefined],
    ["POST", "/v1/apps/web/releases", release],
    ["POST", "/v1/deployments", { ...wish, count: 1 }],
    ["POST", `/v1/deployments/${id}/scale`, { count: 7 }],
    ["POST", `/v1/deployments/${id}/upgrade`, { release: "v2" }],
    ["DELETE", `/v1/deployments/${id}`, undefined],
    ["PUT", "/v1/routes/a.local", route],
    ["DELETE", "/v1/routes/a.local", undefined],
  ];
  for (const [index, [method, url, body]] of calls.entries()) {
    const once = { "idempotency-key": `call-${index}` };
    const first = await api.send(method, url, body, once);
    expect(first.status, `${method} ${url}`).toBe(202);
    const { status, body: answer } = await api.send(method, url, body, once);
    expect({ status, answer }, `${method} ${url} again`).toEqual({ status: 202, answer: first.body });
  }
});

test("the answer outlives the process: it is read from the log", async () => {
  const api = await begin();
  await furnish(api);
  const first = await api.send("POST", "/v1/deployments", wish, key);
  const restarted = await begin(api.broker);
  expect(await restarted.send("POST", "/v1/deployments", wish, key)).toMatchObject({
    status: 202,
    body: first.body,
  });
});

test.each<[string, string, object]>([
  ["another body", "/v1/pods", { name: "demo", description: "y" }],
  ["another path", "/v1/apps", { name: "demo" }],
])("the same key with %s is refused", async (_what, url, body) => {
  const api = await begin();
  await api.send("POST", "/v1/pods", { name: "demo" }, key);
  const refused = await api.refusal("POST", url, body, key);
  expect(refused).toMatchObject({ status: 422, code: "idempotency_key_reused", grew: false });
  expect(refused.faults).toMatchObject([{ field: "idempotency-key", value: "once" }]);
});

test("the same key of another user is refused, and tells nothing of the first one's answer", async () => {
  const api = await begin();
  await record(api.broker, subjects.user("eve"), {
    type: "TokenIssued",
    user: "eve",
    tokenHash: hashToken("eves"),
  });
  await api.follower.catchUp();
  await api.send("POST", "/v1/pods", { name: "demo" }, key);
  const eve = { ...key, authorization: "Bearer eves" };
  const refused = await api.refusal("POST", "/v1/pods", { name: "demo" }, eve);
  expect(refused).toMatchObject({ status: 422, code: "idempotency_key_reused" });
  expect(JSON.stringify(refused)).not.toContain("demo");
});

test("a key is spent by what is recorded, not by a refusal or by what was so already", async () => {
  const api = await begin();
  expect((await api.send("POST", "/v1/nodes", { name: "n1", pod: "demo" }, key)).status).toBe(404);
  await api.send("POST", "/v1/pods", { name: "demo" });
  expect((await api.send("POST", "/v1/pods", { name: "demo" }, key)).status).toBe(200);
  expect((await api.send("POST", "/v1/nodes", { name: "n1", pod: "demo" }, key)).status).toBe(202);
});

test("twenty repeats at once make one event and get one answer, also over two processes", async () => {
  const one = await begin(slow(new MemoryBroker()));
  await furnish(one);
  const other = await begin(one.broker);
  const before = await one.broker.log.lastSeq();
  const answers = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      (index % 2 ? one : other).send("POST", "/v1/deployments", wish, key),
    ),
  );
  expect(await one.broker.log.lastSeq()).toBe(before + 1);
  for (const { status, body } of answers)
    expect({ status, body }).toEqual({ status: 202, body: answers[0]?.body });
});

test("two commands under one key at once: one is recorded, the other refused", async () => {
  const api = await begin(slow(new MemoryBroker()));
  const names = ["a", "b", "c", "d"];
  const answers = await Promise.all(names.map((name) => api.send("POST", "/v1/pods", { name }, key)));
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 422, 422, 422]);
});

test("two commands under one key at two processes about one thing: one is recorded, the other refused", async () => {
  const one = await begin(slow(new MemoryBroker()));
  const other = await begin(one.broker);
  const answers = await Promise.all([
    one.send("POST", "/v1/pods", { name: "demo", description: "one" }, key),
    other.send("POST", "/v1/pods", { name: "demo", description: "other" }, key),
  ]);
  expect(answers.map(({ status }) => status).sort()).toEqual([202, 422]);
  expect(await one.broker.log.read(subjects.pod("demo"), 1)).toHaveLength(1);
});

test("an answer that got lost is found again with the same key: one event", async () => {
  const broker = new MemoryBroker();
  let lose = false;
  const losing = withLog(broker, {
    append: async (append) => {
      const appended = await broker.log.append(append);
      if (lose) throw new LogUnavailableError("appending", append.message.meta.id);
      return appended;
    },
  });
  const api = await start({ broker: losing });
  running.push(api);
  await furnish(api);
  lose = true;
  const lost = await api.send("POST", "/v1/deployments", wish);
  expect(lost).toMatchObject({
    status: 503,
    body: { code: "log_unavailable", commandId: expect.any(String) },
  });
  expect(lost.headers["retry-after"]).toBe("2");
  const seq = await broker.log.lastSeq();
  const { commandId } = lost.body as { commandId: string };
  const found = await api.send("POST", "/v1/deployments", wish, { "idempotency-key": commandId });
  expect(found).toMatchObject({ status: 202, body: { seq, changed: true } });
  expect(await broker.log.lastSeq()).toBe(seq);
});

test("a lost answer is found again also by a process whose reader has not seen it yet", async () => {
  const broker = new MemoryBroker();
  const first = await begin(broker);
  await furnish(first);
  let lag = Promise.resolve();
  const lagging = withLog(broker, {
    follow: async function* (options) {
      for await (const page of broker.log.follow(options)) {
        await lag;
        yield page;
      }
    },
  });
  const api = await start({ broker: lagging, limits: { waitMs: 100 } });
  running.push(api);
  const { promise, resolve: goOn } = Promise.withResolvers<void>();
  lag = promise;
  const answer = await first.send("POST", "/v1/deployments", wish, key);
  const seq = await broker.log.lastSeq();
  const unsure = await api.send("POST", "/v1/deployments", wish, key);
  expect(unsure, "as long as it cannot read the first answer").toMatchObject({ status: 503 });
  const blocked = await api.send("POST", "/v1/deployments", wish, key);
  expect(blocked, "in the line of the one before").toMatchObject({ status: 503, body: { code: "busy" } });
  goOn();
  await api.follower.applied(seq);
  expect(await api.send("POST", "/v1/deployments", wish, key)).toMatchObject({
    status: 202,
    body: answer.body,
  });
  expect(await broker.log.lastSeq()).toBe(seq);
});
