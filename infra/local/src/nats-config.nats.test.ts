import { liveSubjects, type NewMessage, subjects } from "@eru/events";
import { type Append, type Broker, type BrokerOptions, connectBroker, NotPermittedError } from "@eru/log";
import { type NatsServer, openNatsDialogue, startNatsServer } from "@eru/testing";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type NatsUser, natsConfig } from "./nats-config.ts";

const users: NatsUser[] = [
  { role: "setup", name: "setup", password: "p-setup" },
  { role: "command-api", name: "command-api", password: "p-command-api" },
  { role: "scheduler", name: "scheduler", password: "p-scheduler" },
  { role: "projector", name: "projector", password: "p-projector" },
  { role: "router-sync", elb: "e1", name: "router-sync", password: "p-router-sync" },
  { role: "agent", node: "n1", name: "agent-n1", password: "p-agent-n1" },
  { role: "agent", node: "n2", name: "agent-n2", password: "p-agent-n2" },
];

let server: NatsServer;
beforeAll(async () => {
  server = await startNatsServer({
    config: ({ port, monitorPort, storeDir }) =>
      natsConfig({ listen: { host: "127.0.0.1", port }, monitorPort, storeDir, users }),
  });
  await (await connect("setup", { ensureStreams: true })).close();
});
afterAll(() => server.stop());

const connect = (user: string, more: Partial<BrokerOptions> = {}): Promise<Broker> =>
  connectBroker({
    servers: [server.url],
    user,
    password: `p-${user}`,
    name: user,
    retryMs: 2_000,
    ...(user.startsWith("agent-") ? { ownSubjectsOnly: true } : {}),
    ...more,
  });

/** Runs as a user, and leaves no connection behind. */
async function as<T>(user: string, work: (broker: Broker) => Promise<T>): Promise<T> {
  const broker = await connect(user);
  try {
    return await work(broker);
  } finally {
    await broker.close();
  }
}

const dialogue = (user: string) => openNatsDialogue(server.port, { user, password: `p-${user}` });

let count = 0;
const cause = { correlationId: "c", causationId: "c" };
const message = (event: NewMessage["events"][number]["event"]): NewMessage => ({
  meta: { id: `m-${++count}`, time: "2026-01-01T00:00:00.000Z", actor: "user:test" },
  events: [{ event, cause }],
});
const stop = (node: string): Append => ({
  subject: subjects.assignment(node),
  message: message({ type: "WorkloadStopAssigned", node, workload: "w-1", generation: 1, graceSeconds: 1 }),
});
const fact = (node: string): Append => ({
  subject: subjects.fact(node),
  message: message({ type: "EngineBack", node }),
});
const route = (host: string): Append => ({
  subject: subjects.route(host),
  message: message({ type: "RouteRemoved", host }),
});
const applied = (elb: string): Append => ({
  subject: subjects.elb(elb),
  message: message({ type: "EndpointDrained", elb, workload: "w-1", inFlight: 0 }),
});

describe("each role can do its work", () => {
  test("command-api writes intent, asks the scheduler and follows", () =>
    as("scheduler", (scheduler) =>
      as("command-api", async ({ log, live }) => {
        const stopped = new AbortController();
        const answering = scheduler.live.respond({
          subject: liveSubjects.plan,
          group: "scheduler",
          signal: stopped.signal,
          answer: (body) => `${body}!`,
        });
        await scheduler.log.lastSeq();
        expect(await live.request(liveSubjects.plan, "plan", 2_000)).toBe("plan!");
        stopped.abort();
        await answering;
        const { seq } = await log.append({ ...route("a.example"), expectedLastSeq: 0 });
        expect(await log.last(subjects.route("a.example"))).toMatchObject({ seq });
        expect(await log.read(subjects.route("a.example"), 1)).toHaveLength(1);
        for await (const page of log.follow({ fromSeq: 1, signal: new AbortController().signal }))
          if (page.head) break;
        expect(await log.epoch()).toMatch(/^\d{4}-/);
      }),
    ));

  test("command-api asks the scheduler what is used, and that the agents", () =>
    as("agent-n1", (agent) =>
      as("scheduler", (scheduler) =>
        as("command-api", async ({ live }) => {
          const stop = new AbortController();
          const of = { group: "g", signal: stop.signal };
          const subject = liveSubjects.inventory("n1");
          const ask = () => scheduler.live.request(subject, "?", 30_000);
          const answering = [
            agent.live.respond({ ...of, subject, answer: () => "two" }),
            scheduler.live.respond({ ...of, subject: liveSubjects.usage, answer: ask }),
          ];
          await Promise.all([agent.log.lastSeq(), scheduler.log.lastSeq()]);
          expect(await live.request(liveSubjects.usage, "?", 30_000)).toBe("two");
          stop.abort();
          await Promise.all(answering);
        }),
      ),
    ));

  test("the scheduler decides, assigns, holds its lease and hears heartbeats", () =>
    as("agent-n1", (agent) =>
      as("router-sync", (router) =>
        as("scheduler", async ({ log, live, lease }) => {
          const stopped = new AbortController();
          const heard: string[] = [];
          const listen = async (subject: string) => {
            for await (const message of live.subscribe(subject, stopped.signal)) heard.push(message.subject);
          };
          const listening = [listen(liveSubjects.nodeHeartbeats), listen(liveSubjects.elbHeartbeats)];
          expect((await lease.acquire("scheduler", stopped.signal)).aborted).toBe(false);
          agent.live.publish(liveSubjects.nodeHeartbeat("n1"), "{}");
          router.live.publish(liveSubjects.elbHeartbeat("e1"), "{}");
          const decision = message({ type: "NodeRecovered", pod: "p1", node: "n1" });
          const places = await log.appendBatch([
            { subject: subjects.decision("p1"), message: decision, expectedLastSeq: 0 },
            stop("n1"),
            stop("n2"),
          ]);
          expect(places).toHaveLength(3);
          await expect
            .poll(() => heard.toSorted())
            .toEqual([liveSubjects.elbHeartbeat("e1"), liveSubjects.nodeHeartbeat("n1")]);
          stopped.abort();
          await Promise.all(listening);
        }),
      ),
    ));

  test("command-api records routes with a deployment in one batch, and asks a load balancer's engine", () =>
    as("router-sync", (router) =>
      as("command-api", async ({ log, live }) => {
        const stopped = new AbortController();
        const answering = router.live.respond({
          subject: liveSubjects.validate,
          group: "elbs",
          signal: stopped.signal,
          answer: (body) => `${body}!`,
        });
        await router.log.lastSeq();
        expect(await live.request(liveSubjects.validate, "lines", 2_000)).toBe("lines!");
        stopped.abort();
        await answering;
        const removal = message({ type: "RemovalRequested", deployment: "d-1" });
        const batch = [
          { subject: subjects.deployment("p1", "d-1"), message: removal, expectedLastSeq: 0 },
          { ...route("batch.example"), expectedLastSeq: 0 },
        ];
        expect(await log.appendBatch(batch)).toHaveLength(2);
      }),
    ));

  test("router-sync reports for its own ELB", () =>
    as("router-sync", async ({ log }) => {
      expect(await log.append(applied("e1"))).toMatchObject({ duplicate: false });
      expect(await log.read(subjects.elb("e1"), 1)).toHaveLength(1);
    }));

  test("the projector reads everything", () =>
    as("projector", async ({ log }) => {
      let found = 0;
      for await (const page of log.follow({ fromSeq: 1, signal: new AbortController().signal })) {
        found += page.messages.length;
        if (page.head) break;
      }
      expect(found).toBe(await log.lastSeq());
    }));

  test("an agent reports facts, reads them back and follows its own assignments, stored and live", () =>
    as("scheduler", (scheduler) =>
      as("agent-n1", async ({ log }) => {
        const first = await log.append({ ...fact("n1"), expectedLastSeq: 0 });
        await log.appendBatch([{ ...fact("n1"), expectedLastSeq: first.seq }, fact("n1")]);
        expect(await log.read(subjects.fact("n1"), 1)).toHaveLength(3);
        expect((await log.read(subjects.fact("n1"), first.seq + 1)).length).toBe(2);
        expect((await log.last(subjects.fact("n1")))?.seq).toBe(first.seq + 2);
        await expect(log.append({ ...fact("n1"), expectedLastSeq: first.seq })).rejects.toThrow(
          /lost a race/,
        );
        const own = { fromSeq: 1, subjects: [subjects.fact("n1")], signal: new AbortController().signal };
        for await (const page of log.follow(own)) if (page.head) break;

        const stopped = new AbortController();
        const seen: number[] = [];
        const before = (await scheduler.log.read(subjects.assignment("n1"), 1)).length;
        for await (const page of log.followAssignments({ node: "n1", fromSeq: 1, signal: stopped.signal })) {
          seen.push(...page.messages.map((one) => one.seq));
          if (page.head && seen.length === before) await scheduler.log.append(stop("n1"));
          if (seen.length > before) stopped.abort();
        }
        expect(seen).toHaveLength(before + 1);
      }),
    ));
});

const streamRequests = [
  "UPDATE",
  "DELETE",
  "PURGE",
  "RESTORE",
  "SNAPSHOT",
  "LEADER.STEPDOWN",
  "PEER.REMOVE",
  "MSG.DELETE",
];

describe("what is not a user's work is refused", () => {
  test.each(users.map(({ name }) => name))(
    "%s cannot touch the streams or listen to others",
    async (user) => {
      const raw = await dialogue(user);
      for (const stream of ["ERU", "ERU_LEASE"])
        for (const request of [...streamRequests, ...(user === "setup" ? [] : ["CREATE"])])
          expect(await raw.publish(`$JS.API.STREAM.${request}.${stream}`, "{}")).toMatch(
            /Permissions Violation/,
          );
      const others = users.filter(({ name }) => name !== user).map(({ name }) => `_INBOX_${name}.>`);
      for (const subject of [">", "*.>", "eru.>", "$JS.>", "_INBOX.>", "eru-live.>", ...others])
        expect(await raw.subscribe(subject)).toMatch(/Permissions Violation/);
      raw.close();
    },
  );

  test.each([
    ["agent-n1", "eru.fact.n2"],
    ["agent-n1", "eru.assignment.n1"],
    ["agent-n1", "eru.decision.p1"],
    ["agent-n1", "eru.node.n1"],
    ["agent-n1", "eru-live.heartbeat.node.n2"],
    ["agent-n1", "eru-live.heartbeat.elb.e1"],
    ["agent-n1", "eru-live.assignment.n1"],
    ["agent-n1", "eru-live.plan"],
    ["agent-n1", "eru-live.inventory.n2"],
    ["command-api", "eru-live.inventory.n1"],
    ["agent-n1", "eru-lease.scheduler"],
    ["agent-n1", "$JS.API.STREAM.MSG.GET.ERU"],
    ["agent-n1", "$JS.API.DIRECT.GET.ERU"],
    ["agent-n1", "$JS.API.DIRECT.GET.ERU.eru.assignment.n2"],
    ["agent-n1", "$JS.API.CONSUMER.CREATE.ERU"],
    ["agent-n1", "$JS.API.CONSUMER.CREATE.ERU.c"],
    ["agent-n1", "$JS.API.CONSUMER.CREATE.ERU.c.eru.assignment.n2"],
    ["agent-n1", "$JS.API.CONSUMER.CREATE.ERU.c.eru.>"],
    ["agent-n1", "$JS.API.CONSUMER.DURABLE.CREATE.ERU.c"],
    ["agent-n1", "$JS.API.CONSUMER.MSG.NEXT.ERU.c"],
    ["agent-n1", "$JS.API.CONSUMER.LIST.ERU"],
    ["agent-n1", "_INBOX_scheduler.x"],
    ["command-api", "eru.decision.p1"],
    ["command-api", "eru.assignment.n1"],
    ["command-api", "eru.fact.n1"],
    ["command-api", "eru.elb.e1"],
    ["command-api", "eru-lease.scheduler"],
    ["scheduler", "eru.pod.p1"],
    ["scheduler", "eru.app.a"],
    ["scheduler", "eru.deployment.p1.d"],
    ["scheduler", "eru.user.admin"],
    ["scheduler", "eru.fact.n1"],
    ["scheduler", "eru-live.heartbeat.node.n1"],
    ["scheduler", "eru-live.assignment.n1"],
    ["router-sync", "eru.elb.e2"],
    ["router-sync", "eru.route.a_example"],
    ["router-sync", "eru-live.heartbeat.elb.e2"],
    ["projector", "eru.pod.p1"],
    ["projector", "eru.elb.e1"],
    ["setup", "eru.pod.p1"],
    ["setup", "$JS.API.STREAM.MSG.GET.ERU"],
    ["setup", "$JS.API.CONSUMER.CREATE.ERU.c"],
    ["setup", "$JS.API.STREAM.CREATE.OTHER"],
  ])("%s cannot publish %s", async (user, subject) => {
    const raw = await dialogue(user);
    expect(await raw.publish(subject, "{}")).toMatch(/Permissions Violation/);
    raw.close();
  });

  test("an agent cannot subscribe another node's assignments or heartbeats", async () => {
    const raw = await dialogue("agent-n1");
    const others = ["assignment.n2", "assignment.*", "heartbeat.node.*", "inventory.n2", "inventory.*"];
    for (const subject of others.map((end) => `eru-live.${end}`))
      expect(await raw.subscribe(subject)).toMatch(/Permissions Violation/);
    raw.close();
  });

  test("through connectBroker a refusal has the user's name, at once", () =>
    as("agent-n1", async ({ log, live }) => {
      const refused = log.append(fact("n2"));
      await expect(refused).rejects.toThrow(NotPermittedError);
      await expect(refused).rejects.toThrow(/agent-n1 may not append to eru\.fact\.n2/);
      await expect(log.appendBatch([fact("n1"), fact("n2")])).rejects.toThrow(NotPermittedError);
      const other = log.follow({
        fromSeq: 1,
        subjects: ["eru.assignment.n2"],
        signal: new AbortController().signal,
      });
      await expect(other[Symbol.asyncIterator]().next()).rejects.toThrow(NotPermittedError);
      const heard = live.subscribe(liveSubjects.nodeHeartbeats, new AbortController().signal);
      await expect(heard[Symbol.asyncIterator]().next()).rejects.toThrow(NotPermittedError);
      const neighbour = log.followAssignments({
        node: "n2",
        fromSeq: 1,
        signal: new AbortController().signal,
      });
      await expect(neighbour[Symbol.asyncIterator]().next()).rejects.toThrow(NotPermittedError);
    }));

  test("a wrong password is refused by name", async () => {
    await expect(connect("scheduler", { password: "wrong" })).rejects.toThrow(NotPermittedError);
    await expect(openNatsDialogue(server.port)).rejects.toThrow(/Authorization Violation/);
  });
});

describe("an agent that was taken over gets no further", () => {
  /** What the server answers to a request for a consumer, and what that consumer delivers. */
  const smuggle = async (config: Record<string, unknown>): Promise<string[]> => {
    const raw = await dialogue("agent-n1");
    await raw.subscribe("_INBOX_agent-n1.>");
    const asked = await raw.publish(
      "$JS.API.CONSUMER.CREATE.ERU.c.eru.assignment.n1",
      JSON.stringify({ stream_name: "ERU", config: { name: "c", ack_policy: "none", ...config } }),
      { reply: "_INBOX_agent-n1.answer" },
    );
    expect(asked).toBe("+OK");
    await expect.poll(() => raw.received.length).toBeGreaterThan(0);
    await raw.flush();
    raw.close();
    return raw.received.map(({ body }) => body);
  };

  test.each([
    [{ filter_subject: "eru.assignment.n2" }],
    [{ filter_subject: "eru.>" }],
    [{ filter_subjects: ["eru.assignment.n1", "eru.assignment.n2"] }],
    [{ filter_subject: "eru.assignment.n1", filter_subjects: ["eru.assignment.n2"] }],
    [{}],
  ])("a consumer that hides its filter %j in the body is refused", async (filter) => {
    const answers = await smuggle({ ...filter, deliver_subject: "_INBOX_agent-n1.c" });
    expect(answers).toHaveLength(1);
    expect(JSON.parse(answers[0]!)).toMatchObject({ error: { code: 400 } });
  });

  test("what the stream delivers for it to another node, forged as an assignment, is not obeyed", () =>
    as("scheduler", ({ log }) =>
      as("agent-n2", async (victim) => {
        const stopped = new AbortController();
        const before = await log.read(subjects.assignment("n2"), 1);
        const obeyed: string[] = [];
        for await (const page of victim.log.followAssignments({
          node: "n2",
          fromSeq: 1,
          signal: stopped.signal,
        })) {
          obeyed.push(...page.messages.map((one) => one.messageId));
          if (obeyed.length > before.length) stopped.abort();
          else if (page.head) {
            await deliverForged();
            await log.append(stop("n2"));
          }
        }
        expect(obeyed).toEqual((await log.read(subjects.assignment("n2"), 1)).map((one) => one.messageId));
      }),
    ));

  /** Stores a fact with the headers of a republished assignment, and has it delivered where n2 listens. */
  const deliverForged = async (): Promise<void> => {
    const [attacker, witness] = [await dialogue("agent-n1"), await dialogue("agent-n2")];
    await witness.subscribe(liveSubjects.assignment("n2"));
    const headers =
      "Nats-Sequence: 1000000\r\nNats-Last-Sequence: 0\r\nNats-Msg-Id: forged@eru.assignment.n2";
    expect(await attacker.publish(subjects.fact("n1"), "forged", { headers })).toBe("+OK");
    const config = {
      name: "forger",
      ack_policy: "none",
      filter_subject: subjects.fact("n1"),
      deliver_subject: liveSubjects.assignment("n2"),
      deliver_policy: "last",
    };
    await attacker.publish(
      `$JS.API.CONSUMER.CREATE.ERU.forger.${subjects.fact("n1")}`,
      JSON.stringify({ stream_name: "ERU", config }),
    );
    await expect.poll(() => witness.received.length).toBeGreaterThan(0);
    attacker.close();
    witness.close();
  };
});
