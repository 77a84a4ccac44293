import { decodeMessage, subjects } from "@eru/events";
import { type Broker, ConflictError, MemoryBroker } from "@eru/log";
import { afterEach, expect, test } from "vitest";
import { furnish, type Running, record, slow, start, wish, withLog } from "./fixture.ts";

const running: { close: () => Promise<void> }[] = [];
const begin = async <B extends Broker>(broker: B): Promise<Running<B>> => {
  const api = await start({ broker });
  running.push(api);
  return api;
};
afterEach(async () => {
  for (const api of running.splice(0)) await api.close();
});

const rounds = 20;

test("two processes that race for one name: one wins, the other is told what it lost to", async () => {
  const one = await begin(slow(new MemoryBroker()));
  const other = await begin(one.broker);
  for (let round = 0; round < rounds; round++) {
    const name = `pod-${round}`;
    const answers = await Promise.all([
      one.send("POST", "/v1/pods", { name, description: "one" }),
      other.send("POST", "/v1/pods", { name, description: "other" }),
    ]);
    expect(answers.map(({ status }) => status).sort(), name).toEqual([202, 409]);
    expect(await one.broker.log.read(subjects.pod(name), 1)).toHaveLength(1);
  }
});

test("what one process recorded is known to the other before it says no", async () => {
  const one = await begin(slow(new MemoryBroker()));
  const other = await begin(one.broker);
  for (let round = 0; round < rounds; round++) {
    const pod = `pod-${round}`;
    await one.send("POST", "/v1/pods", { name: pod });
    expect((await other.send("POST", "/v1/nodes", { name: `node-${round}`, pod })).status).toBe(202);
  }
});

test("in one process a pod is never removed under a node that is being added", async () => {
  const api = await begin(slow(new MemoryBroker()));
  for (let round = 0; round < rounds; round++) {
    const pod = `pod-${round}`;
    await api.send("POST", "/v1/pods", { name: pod });
    const add = () => api.send("POST", "/v1/nodes", { name: `node-${round}`, pod });
    const remove = () => api.send("DELETE", `/v1/pods/${pod}`);
    const answers = await Promise.all(round % 2 ? [add(), remove()] : [remove(), add()]);
    expect(answers.map(({ status }) => status).sort()[0], "the first wins").toBe(202);
    expect(
      answers.filter(({ status }) => status < 300),
      "and only the first",
    ).toHaveLength(1);
  }
});

test("in one process an app is never removed under a deployment or a route that is being made", async () => {
  const rules = [{ app: "web", entrypoint: "http" }];
  for (const [method, url, body] of [
    ["POST", "/v1/deployments", wish],
    ["PUT", "/v1/routes/a.local", { rules }],
  ] as const)
    for (const first of ["use", "remove"]) {
      const api = await begin(slow(new MemoryBroker()));
      await furnish(api);
      const use = () => api.send(method, url, body);
      const remove = () => api.send("DELETE", "/v1/apps/web");
      const answers = await Promise.all(first === "use" ? [use(), remove()] : [remove(), use()]);
      expect(
        answers.filter(({ status }) => status === 202),
        `${url}, ${first} first`,
      ).toHaveLength(1);
    }
});

test("what was answered is known to the next command, though it is answered before it is applied here", async () => {
  const api = await begin(slow(new MemoryBroker()));
  await furnish(api);
  const deployment = { ...wish, filter: { includes: ["n1"] } };
  for (let round = 0; round < rounds; round++) {
    expect((await api.send("DELETE", "/v1/nodes/n1")).status).toBe(202);
    expect((await api.send("POST", "/v1/deployments", deployment)).body["code"]).toBe("node_unknown");
    expect((await api.send("POST", "/v1/nodes", { name: "n1", pod: "demo" })).status).toBe(202);
    expect((await api.send("DELETE", "/v1/pods/demo")).body["code"]).toBe("pod_has_nodes");
  }
});

test("scaling by many at once loses nobody's count: each is recorded in turn", async () => {
  const api = await begin(slow(new MemoryBroker()));
  await furnish(api);
  const id = String((await api.send("POST", "/v1/deployments", wish)).body["deployment"]);
  const counts = Array.from({ length: 20 }, (_, index) => index + 10);
  const answers = await Promise.all(
    counts.map((count) => api.send("POST", `/v1/deployments/${id}/scale`, { count })),
  );
  expect(answers.every(({ status }) => status === 202)).toBe(true);
  const history = await api.broker.log.read(subjects.deployment("demo", id), 1);
  const recorded = history
    .flatMap((message) => decodeMessage(message))
    .flatMap(({ event }) => ("count" in event ? event.count : []));
  expect(recorded).toEqual([2, ...counts]);
});

test("a lost race is decided again five times, then given back", async () => {
  const broker = new MemoryBroker();
  let attempts = 0;
  let most = 0;
  const racing = withLog(broker, {
    append: async (append) => {
      attempts++;
      if (attempts <= most) throw new ConflictError(append.subject, "the test");
      return await broker.log.append(append);
    },
  });
  const api = await start({ broker: racing });
  running.push(api);
  attempts = 0;
  most = Number.POSITIVE_INFINITY;
  const lost = await api.refusal("POST", "/v1/pods", { name: "demo" });
  expect(lost).toMatchObject({ status: 409, code: "conflict", grew: false });
  expect(attempts).toBe(5);
  attempts = 0;
  most = 4;
  expect((await api.send("POST", "/v1/pods", { name: "demo" })).status).toBe(202);
});

test("a command that lost a race is decided on what it lost to", async () => {
  const broker = new MemoryBroker();
  const interrupted = withLog(broker, {
    append: async (append) => {
      // Somebody else removes the node right before.
      if (append.message.events[0]?.event.type === "NodeCordoned")
        await record(broker, append.subject, { type: "NodeRemoved", node: "n1" });
      return await broker.log.append(append);
    },
  });
  const api = await start({ broker: interrupted });
  running.push(api);
  await furnish(api);
  expect(await api.send("POST", "/v1/nodes/n1/cordon")).toMatchObject({
    status: 404,
    body: { code: "node_unknown", detail: expect.stringContaining("it was removed") },
  });
});

test("while the log cannot be reached commands are answered 503 with the key to try again; then they go on", async () => {
  const api = await begin(new MemoryBroker());
  api.broker.setReachable(false);
  const answer = await api.send("POST", "/v1/pods", { name: "demo" });
  expect(answer).toMatchObject({ status: 503, body: { code: "log_unavailable" } });
  expect(answer.headers["retry-after"]).toBe("2");
  const { commandId } = answer.body as { commandId: string };
  expect(answer.body["detail"]).toContain(`Idempotency-Key: ${commandId}`);
  expect((await api.send("GET", "/readyz")).status).toBe(503);
  api.broker.setReachable(true);
  const again = await api.send("POST", "/v1/pods", { name: "demo" }, { "idempotency-key": commandId });
  expect(again.status).toBe(202);
  expect((await api.send("GET", "/readyz")).status).toBe(200);
});

test("no refusal is given while nobody can tell whether it is right", async () => {
  const api = await begin(new MemoryBroker());
  api.broker.setReachable(false);
  expect((await api.send("DELETE", "/v1/pods/demo")).status).toBe(503);
});

test("a log that says nothing at all is 503 after the time that a command may wait", async () => {
  const broker = new MemoryBroker();
  let mute = false;
  const api = await start({
    broker: withLog(broker, {
      lastSeq: () => (mute ? new Promise<never>(() => undefined) : broker.log.lastSeq()),
    }),
    limits: { waitMs: 50 },
  });
  running.push(api);
  mute = true;
  const answer = await api.send("DELETE", "/v1/pods/demo");
  expect(answer).toMatchObject({ status: 503, body: { code: "log_unavailable" } });
});

test("a full log is 507 and nothing is recorded; with room it goes on", async () => {
  const api = await begin(new MemoryBroker());
  api.broker.log.setCapacity(await api.broker.log.lastSeq());
  expect(await api.refusal("POST", "/v1/pods", { name: "demo" })).toMatchObject({
    status: 507,
    code: "log_full",
    grew: false,
  });
  api.broker.log.setCapacity(100);
  expect((await api.send("POST", "/v1/pods", { name: "demo" })).status).toBe(202);
});
