// The process as a supervisor runs it.
import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import { bootText } from "./nginx-admin.ts";
import { isRunning } from "./nginx-process.ts";
import { Client } from "./testing-client.ts";
import { type Elb, freePort, prepareElb, startBackend, tableOf, until } from "./testing-nginx.ts";
import { atEnd, endAll } from "./testing-service.ts";

afterEach(endAll);

async function main(elb: Elb, environment: Record<string, string> = {}) {
  const port = await freePort();
  const child = spawn(process.execPath, [fileURLToPath(new URL("main.ts", import.meta.url))], {
    stdio: ["ignore", "pipe", "pipe"],
    env: {
      ERU_NATS_URL: `nats://127.0.0.1:${await freePort()}`, // Nobody is there.
      ERU_NATS_USER: "router-sync",
      ERU_NATS_PASSWORD: "none",
      ERU_ELB_NAME: "edge",
      ERU_ELB_LISTEN: `127.0.0.1:${elb.port}`,
      ERU_ELB_DIR: elb.dir,
      ERU_ELB_TABLE_MIB: "8",
      ERU_HTTP_PORT: String(port),
      ...environment,
    },
  });
  atEnd(async () => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill("SIGKILL");
      await ended(child);
    }
  });
  let said = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (part) => (said += part));
  const get = async (path: string) => {
    const answer = await fetch(`http://127.0.0.1:${port}${path}`).catch(() => undefined);
    return answer && { status: answer.status, text: await answer.text() };
  };
  return { child, get, said: () => said };
}
const ended = (child: ChildProcess) =>
  new Promise<number | NodeJS.Signals | null>((resolve) =>
    child.once("exit", (code, signal) => resolve(code ?? signal)),
  );

test("killed, it leaves nginx serving; started again it takes it over; told to end it ends both", async () => {
  const one = await startBackend("one");
  atEnd(one.stop);
  const elb = await prepareElb();
  atEnd(elb.stop);
  await elb.nginx.writeBootFile(
    bootText({ epoch: "e1", seq: 1 }, tableOf({ "a/web": [one.endpoint] }, { "hello.org": ["/ a/web"] })),
  );
  const client = new Client(elb.port);
  atEnd(() => client.close());

  const first = await main(elb);
  await until(
    "it is ready without a log, with the last table",
    async () => (await first.get("/readyz"))?.status === 200,
  );
  expect((await client.ask()).seen?.id).toBe("one");
  const { masterPid } = await elb.admin.status();
  const killed = ended(first.child);
  first.child.kill("SIGKILL");
  expect(await killed).toBe("SIGKILL");
  expect((await client.ask()).seen?.id).toBe("one");

  const second = await main(elb);
  await until("the next one is ready", async () => (await second.get("/readyz"))?.status === 200);
  expect((await elb.admin.status()).masterPid).toBe(masterPid);
  expect((await second.get("/metrics"))?.text).toContain(
    'eru_router_sync_nginx_starts{service="router-sync"} 0',
  );
  expect((await second.get("/metrics/nginx"))?.text).toContain("eru_elb_table_seq 1");
  expect((await second.get("/healthz"))?.status).toBe(200);
  const stopped = ended(second.child);
  second.child.kill("SIGTERM");
  expect(await stopped).toBe(0);
  expect(await isRunning(masterPid)).toBe(false);
});

test.each([
  ["ERU_ELB_DIR", "relative/dir", /ERU_ELB_DIR is "relative\/dir": wanted an absolute path/],
  ["ERU_ELB_LISTEN", "localhost", /ERU_ELB_LISTEN is "localhost": wanted ip:port/],
  ["ERU_ELB_LISTEN", "127.0.0.1:80; include /etc/passwd", /wanted ip:port/],
  ["ERU_ELB_NAME", "Not a name", /ERU_ELB_NAME is "Not a name"/],
  ["ERU_NGINX_BIN", "/nowhere/nginx", /\/nowhere\/nginx is not a program: correct ERU_NGINX_BIN/],
])("%s=%j is refused with what to write instead", async (name, value, message) => {
  const elb = await prepareElb();
  atEnd(elb.stop);
  const { child, said } = await main(elb, { [name]: value });
  expect(await ended(child)).not.toBe(0);
  expect(said()).toMatch(message);
});
