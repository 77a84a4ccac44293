// Starts, deaths and reloads of nginx itself.
import { existsSync } from "node:fs";
import { mkdtemp, readFile, stat, truncate, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { bootText } from "./nginx-admin.ts";
import { findNginx } from "./nginx-binary.ts";
import { NginxStartError } from "./nginx-error.ts";
import { isRunning, send } from "./nginx-process.ts";
import { Client, openUpgraded } from "./testing-client.ts";
import { type Backend, type Elb, prepareElb, startElb, tableOf, until, whole } from "./testing-nginx.ts";
import { atEnd, backend, endAll } from "./testing-service.ts";

afterEach(endAll);

async function prepared(options?: Parameters<typeof prepareElb>[0]): Promise<Elb> {
  const elb = await prepareElb(options);
  atEnd(elb.stop);
  return elb;
}
async function serving(one: Backend): Promise<Elb> {
  const elb = await startElb(tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] }));
  atEnd(elb.stop);
  return elb;
}
function clientOf(elb: Elb): Client {
  const client = new Client(elb.port);
  atEnd(() => client.close());
  return client;
}
const refused = (port: number) =>
  new Promise<boolean>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(false);
    });
    socket.on("error", () => resolve(true));
  });
const table = tableOf({ "a/web": [] }, { "hello.org": ["/ a/web"] });
const good = bootText({ epoch: "e1", seq: 10 }, table);

test.each<[string, string | undefined, RegExp]>([
  ["without a boot file", undefined, /No such file/],
  ["with an empty one", "", /not a header/],
  ["with one that was cut off", good.slice(0, -20), /sha256/],
  ["with one whose content was changed", good.replace("hello.org", "jello.org"), /sha256/],
  ["with one whose header lies", good.replace('"count":2', '"count":3'), /2 lines, its header says 3/],
  [
    "with a line it does not know",
    bootText({ epoch: "e1", seq: 1 }, new Map([["r:x.org", "{}"]])),
    /rejects r:x.org/,
  ],
])("nginx %s does not start, and nothing listens", async (_what, text, reason) => {
  const elb = await prepared();
  if (text !== undefined) await elb.nginx.writeBootFile(text);
  await expect(elb.nginx.start("b1")).rejects.toThrow(NginxStartError);
  await expect(elb.nginx.start("b1")).rejects.toThrow(reason);
  expect(await refused(elb.port)).toBe(true);
});

test("the refused line is told with its key, so that it can be left out", async () => {
  const elb = await prepared();
  await elb.nginx.writeBootFile(bootText({ epoch: "e1", seq: 1 }, new Map([["r:x.org", '{"rules":[]}']])));
  await expect(elb.nginx.start("b1")).rejects.toMatchObject({
    rejected: { key: "r:x.org", reason: "host.rules is empty" },
  });
});

test("a boot file that does not fit into the table's memory is said so", async () => {
  const elb = await prepared({ tableSize: "2m" });
  const hosts = Object.fromEntries(
    Array.from({ length: 4_000 }, (_, index) => [`h${index}.org`, ["/ a/web"]]),
  );
  await elb.nginx.writeBootFile(bootText({ epoch: "e1", seq: 1 }, tableOf({}, hosts)));
  await expect(elb.nginx.start("b1")).rejects.toThrow(/does not fit/);
});

test("an old boot file is as good as a new one", async () => {
  const one = await backend("one");
  const elb = await prepared();
  const stale = tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] });
  await elb.nginx.writeBootFile(bootText({ epoch: "long-ago", seq: 3 }, stale));
  await elb.nginx.start("b1");
  expect((await clientOf(elb).ask()).seen?.id).toBe("one");
  expect(await elb.admin.status()).toMatchObject({ epoch: "long-ago", seq: 3, bootId: "b1" });
});

test("a socket that a killed nginx left does not stop the next one", async () => {
  const one = await backend("one");
  const elb = await serving(one);
  const { masterPid, workers } = await elb.admin.status();
  for (const pid of [masterPid, ...workers.map((worker) => worker.pid)]) send(pid, "SIGKILL");
  await until("nothing listens", () => refused(elb.port));
  expect((await stat(elb.nginx.socket)).isSocket()).toBe(true);
  await elb.nginx.start("after-kill");
  await whole(elb);
  expect((await clientOf(elb).ask()).seen?.id).toBe("one");
});

test("a taken port is said so", async () => {
  const one = await backend("one");
  const elb = await prepared({ port: one.endpoint.port });
  await elb.nginx.writeBootFile(good);
  await expect(elb.nginx.start("b1")).rejects.toThrow(/Address already in use/);
});

test("a start is refused before a value could become configuration", async () => {
  await expect(prepareElb({ dir: "/tmp/x; user root" }).then((elb) => elb.nginx.start("b1"))).rejects.toThrow(
    /cannot stand in nginx.conf/,
  );
});

test("a machine without nginx is told what to install, a wrong name what to correct", async () => {
  await expect(findNginx("/nowhere/nginx", "")).rejects.toThrow(/correct ERU_NGINX_BIN/);
  expect(await findNginx(undefined, "/nowhere:/usr/sbin")).toMatch(/(nginx|openresty)$/);
});

test("a killed worker is replaced with the whole table, and what it had under way no longer counts", async () => {
  const one = await backend("one");
  const elb = await serving(one);
  const sockets = await Promise.all([1, 2, 3, 4].map(() => openUpgraded(elb.port)));
  const lost = sockets.map(({ echo, close }) => {
    atEnd(close);
    return echo("x").then(() => "alive");
  });
  await Promise.all(lost);
  const upgraded = async () => (await elb.admin.drain(["one"])).endpoints["one"]?.upgraded;
  expect(await upgraded()).toBe(4);
  const before = (await elb.admin.status()).workers.map(({ pid }) => pid);
  for (const pid of before) send(pid, "SIGKILL");
  const after = await until("two new workers", async () => {
    const workers = await elb.admin.status().then(
      (status) => status.workers,
      () => [],
    );
    return workers.length === 2 && workers.every(({ pid }) => !before.includes(pid)) && workers;
  });
  expect(after.every(({ ackedToken }) => ackedToken === 1)).toBe(true);
  expect(await upgraded()).toBe(0);
  expect((await clientOf(elb).ask()).seen?.id).toBe("one");
});

test("a reload keeps the table of the running nginx, and requests of leaving workers still count", async () => {
  const one = await backend("one");
  const elb = await serving(one);
  const held = await openUpgraded(elb.port);
  atEnd(held.close);
  const answer = await elb.admin.delta({ epoch: "e1", base: 10, seq: 11 }, [
    { key: "r:b.org", json: table.get("r:hello.org") ?? "" },
  ]);
  expect(answer).toMatchObject({ ok: true });
  const { masterPid, workers: before, bootId } = await elb.admin.status();
  send(masterPid, "SIGHUP");
  const status = await until("old and new workers", async () => {
    const found = await elb.admin.status().catch(() => undefined);
    return found?.workers.some(({ exiting }) => exiting) && found.workers.length >= 3 && found;
  });
  expect(status).toMatchObject({ seq: 11, token: 2, bootId });
  expect((await clientOf(elb).ask({ host: "b.org" })).status).toBe(200);
  expect(await held.echo("still here")).toBe("still here");
  // A leaving worker takes nothing new, so nobody waits for its acknowledgement.
  await elb.admin.delta({ epoch: "e1", base: 11, seq: 12 }, [{ key: "r:b.org" }]);
  await until(
    "the newest change is acknowledged",
    async () => (await elb.admin.drain(["one"])).ackedToken === 3,
  );
  expect((await elb.admin.drain(["one"])).endpoints["one"]).toEqual({ http: 0, upgraded: 1 });
  held.close();
  await until("the old worker is gone", async () =>
    (await elb.admin.status()).workers.every(({ pid }) => !before.some((worker) => worker.pid === pid)),
  );
  expect((await elb.admin.drain(["one"])).endpoints["one"]).toEqual({ http: 0, upgraded: 0 });
});

test("without its master nginx says that it is orphaned and serves on; a new one starts when it is let go", async () => {
  const one = await backend("one");
  const elb = await serving(one);
  const { masterPid, workers } = await elb.admin.status();
  send(masterPid, "SIGKILL");
  await until("the workers notice", async () => (await elb.admin.status()).orphaned);
  expect((await clientOf(elb).ask()).seen?.id).toBe("one");
  // Its socket is still there and would stop another nginx.
  expect(existsSync(elb.nginx.socket)).toBe(true);
  for (const { pid } of workers) send(pid, "SIGKILL");
  for (const { pid } of workers) await until("the workers are gone", async () => !(await isRunning(pid)));
  await elb.nginx.start("b2");
  expect((await clientOf(elb).ask()).seen?.id).toBe("one");
  expect(await elb.admin.status()).toMatchObject({ bootId: "b2", orphaned: false });
});

test("the noted process id is that of a running nginx of this directory, or none", async () => {
  const elb = await serving(await backend("one"));
  const { masterPid } = await elb.admin.status();
  await elb.nginx.writePid(masterPid);
  expect(await elb.nginx.readPid()).toBe(masterPid);
  await elb.nginx.writePid(process.pid);
  expect(await elb.nginx.readPid()).toBeUndefined();
});

test("a large upload is spooled where the workers may write, wherever the directory is", async () => {
  const one = await backend("one");
  const elb = await serving(one);
  const body = "x".repeat(2_000_000);
  const { status, seen } = await clientOf(elb).ask({ method: "POST", body });
  expect(status).toBe(200);
  expect(seen?.body).toHaveLength(body.length);
});

test("logs are bounded: what is too long moves aside, and nginx writes on", async () => {
  const elb = await serving(await backend("one"));
  const log = join(elb.dir, "logs", "access.log");
  await truncate(log, 65 * 1024 * 1024);
  await elb.nginx.trimLogs();
  expect((await readFile(log)).length).toBe(0);
  expect(existsSync(`${log}.1`)).toBe(true);
  await clientOf(elb).ask();
  await until("the next request is logged", async () => (await readFile(log, "utf8")).startsWith("{"));
});

test("quit lets a request finish and refuses new ones", async () => {
  let finish = () => {};
  const slow = await backend("slow", (_request, response) => {
    finish = () => response.end("done");
  });
  const elb = await serving(slow);
  const { masterPid } = await elb.admin.status();
  const answer = clientOf(elb).ask();
  await until("it is under way", async () => (await elb.admin.drain(["slow"])).endpoints["slow"]?.http === 1);
  const quitting = elb.nginx.quit(masterPid, 8_000);
  await until("nobody listens", () => refused(elb.port));
  finish();
  expect((await answer).text).toBe("done");
  await quitting;
  expect(await isRunning(masterPid)).toBe(false);
});

test("a boot file is replaced whole or not at all", async () => {
  const dir = await mkdtemp(join(tmpdir(), "elb-test-"));
  const elb = await prepared({ dir });
  await elb.nginx.writeBootFile(good);
  await writeFile(`${elb.nginx.bootFile}.new`, "half a file of a crash");
  expect(await readFile(elb.nginx.bootFile, "utf8")).toBe(good);
  await elb.nginx.writeBootFile(good);
  expect(existsSync(`${elb.nginx.bootFile}.new`)).toBe(false);
});
