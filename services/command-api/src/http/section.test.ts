import { decodeMessage, rulesFrom, subjects } from "@eru/events";
import { MemoryBroker } from "@eru/log/memory";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { furnish, type Running, record, start, wish, withLog } from "../fixture.ts";

let api: Running<Awaited<ReturnType<typeof start>>["broker"]>;
beforeAll(async () => {
  api = await start();
  await api.send("POST", "/v1/pods", { name: "demo" });
});
afterAll(() => api.close());

let app = "";
let number = 0;
beforeEach(async () => {
  app = `shop${++number}`;
  await api.send("POST", "/v1/apps", { name: app });
});

const release = async (name: string, elb: string) => {
  const specText = `appname: ${app}\nentrypoints:\n  web:\n    publish: [8080]\n  api:\n    publish: [80]\n${elb}`;
  const answer = await api.send("POST", `/v1/apps/${app}/releases`, {
    release: name,
    image: "a:1",
    specText,
  });
  expect(answer.body, JSON.stringify(answer.body)).toMatchObject({ changed: true });
};
const section = (host: string, path = "/") =>
  `elb:\n  web:\n    hosts: [${host}.${app}.org]\n    paths: [${path}]\n`;
const deploy = (name: string, entrypoint = "web") =>
  api.send("POST", "/v1/deployments", { ...wish, app, entrypoint, release: name });
const deployed = async (name: string, entrypoint?: string) => {
  const { status, body } = await deploy(name, entrypoint);
  expect(status, JSON.stringify(body)).toBe(202);
  return String(body["deployment"]);
};
const upgrade = (id: string, name: string) =>
  api.send("POST", `/v1/deployments/${id}/upgrade`, { release: name });

/** The events of a host's history, in short. */
async function history(host: string): Promise<string[]> {
  const messages = await api.broker.log.read(subjects.route(`${host}.${app}.org`), 1);
  return messages.flatMap(decodeMessage).map(({ event }) => {
    if (event.type !== "RouteDeclared") return event.type;
    return `${event.app} by ${event.section}: ${event.rules.map(({ id }) => id).join(" ")}`;
  });
}

test("deploying declares what the release's section says of the entrypoint, in the same batch", async () => {
  await release("v1", section("a"));
  expect(await history("a")).toEqual([]);
  const id = await deployed("v1");
  expect(await history("a")).toEqual([`${app} by v1: /`]);
  const seqOf = async (subject: string) => (await api.broker.log.last(subject))?.seq ?? 0;
  const seq = await seqOf(subjects.deployment("demo", id));
  expect(await seqOf(subjects.route(`a.${app}.org`))).toBe(seq + 1);
  await deployed("v1", "api"); // Another entrypoint's traffic is not touched.
  expect(await history("a")).toHaveLength(1);
});

test("an upgrade declares the new release's section and removes what it no longer names", async () => {
  await release("v1", `elb:\n  web:\n    hosts: [a.${app}.org, b.${app}.org]\n`);
  await release("v2", section("a", "/new"));
  const id = await deployed("v1");
  await upgrade(id, "v2");
  expect(await history("a")).toEqual([`${app} by v1: /`, `${app} by v2: /new`]);
  expect(await history("b")).toEqual([`${app} by v1: /`, "RouteRemoved"]);
});

test("a route goes with the last deployment whose section names it", async () => {
  await release("v1", section("a"));
  const first = await deployed("v1");
  const second = await deployed("v1");
  await api.send("DELETE", `/v1/deployments/${first}`);
  expect(await history("a")).toHaveLength(1);
  await api.send("DELETE", `/v1/deployments/${second}`);
  expect(await history("a")).toEqual([`${app} by v1: /`, "RouteRemoved"]);
  expect((await api.send("DELETE", `/v1/apps/${app}`)).status).toBe(202);
});

test("a route that a user declared stays when the deployment goes", async () => {
  await release("v1", section("a"));
  const id = await deployed("v1");
  const rules = [{ app, entrypoint: "web", pathPrefix: "/by-hand" }];
  await api.send("PUT", `/v1/routes/a.${app}.org`, { app, rules });
  await api.send("DELETE", `/v1/deployments/${id}`);
  expect(await history("a")).toEqual([`${app} by v1: /`, `${app} by undefined: /by-hand`]);
});

test("a host of somebody else refuses the whole deployment", async () => {
  await release("v1", section("a"));
  const rules = [{ app, entrypoint: "web" }];
  await api.send("PUT", `/v1/routes/a.${app}.org`, { rules });
  const before = await api.broker.log.lastSeq();
  const { status, body } = await deploy("v1");
  expect(status).toBe(409);
  expect(body).toMatchObject({ code: "host_owned", faults: [{ field: "elb.web.hosts" }] });
  expect(await api.broker.log.lastSeq()).toBe(before);
});

test("the same key again is answered with the first deployment, routes and all", async () => {
  await release("v1", section("a"));
  const key = { "idempotency-key": `key-${app}` };
  const again = async () =>
    await api.send("POST", "/v1/deployments", { ...wish, app, entrypoint: "web", release: "v1" }, key);
  const first = await again();
  const second = await again();
  expect(second.headers["idempotency-replayed"]).toBe("true");
  expect(second.body).toEqual(first.body);
  expect(await history("a")).toHaveLength(1);
});

test("faults of a section are named with their line when the release is registered", async () => {
  const specText = `appname: ${app}\nentrypoints:\n  web:\n    publish: [8080]\nelb:\n  web:\n    hosts: [a.org]\n    port: 81\n`;
  const { status, body } = await api.send("POST", `/v1/apps/${app}/releases`, {
    release: "v1",
    image: "a:1",
    specText,
  });
  expect(status).toBe(400);
  expect(body["faults"]).toMatchObject([{ field: "line 8, column 11 (elb.web.port)" }]);
});

test("a host that somebody declares at the same moment refuses the deployment: nothing is half recorded", async () => {
  const broker = new MemoryBroker();
  let rival: (() => Promise<unknown>) | undefined;
  const other = await start({
    broker: withLog(broker, {
      appendBatch: async (appends) => {
        await rival?.();
        rival = undefined;
        return await broker.log.appendBatch(appends);
      },
    }),
  });
  try {
    await furnish(other);
    const specText =
      "appname: web\nentrypoints:\n  http:\n    publish: [8080]\nelb:\n  http:\n    hosts: [a.org]\n";
    await other.send("POST", "/v1/apps/web/releases", { release: "v2", image: "web:2", specText });
    const rules = rulesFrom([{ app: "web", entrypoint: "http" }]);
    rival = () => record(broker, subjects.route("a.org"), { type: "RouteDeclared", host: "a.org", rules });
    const refused = await other.refusal("POST", "/v1/deployments", { ...wish, release: "v2" });
    expect(refused).toMatchObject({ status: 409, code: "host_owned" });
    expect([...other.follower.intent.deployments]).toEqual([]);
  } finally {
    await other.close();
  }
});
