import { createSocket } from "node:dgram";
import { stat } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, expect, test } from "vitest";
import { Client } from "./testing-client.ts";
import { startElb, tableOf, until } from "./testing-nginx.ts";
import { atEnd, backend, endAll } from "./testing-service.ts";

afterEach(endAll);

test("requests go to a syslog server as JSON, without query and credentials, and no file is written", async () => {
  const lines: string[] = [];
  const server = createSocket("udp4", (message) => lines.push(message.toString("utf8")));
  await new Promise<void>((resolve) => server.bind(0, "127.0.0.1", resolve));
  atEnd(() => void server.close());
  const one = await backend("one");
  const endpoint = { ...one.endpoint, release: "v7" };
  const table = tableOf({ "a/web": [endpoint] }, { "hello.org": ["/ a/web"] });
  const elb = await startElb(table, { accessLog: `syslog:127.0.0.1:${server.address().port}` });
  atEnd(elb.stop);
  const client = new Client(elb.port);
  atEnd(() => client.close());
  const headers = { authorization: "Bearer secret-1", cookie: "session=secret-2" };
  await client.ask({ path: "/a/b?token=secret-3", method: "POST", body: "secret-4", headers });
  const line = await until("it is logged", () => lines[0]);
  expect(line).toContain("eru_elb: ");
  expect(line).not.toContain("secret");
  expect(JSON.parse(line.slice(line.indexOf("{")))).toMatchObject({
    method: "POST",
    host: "hello.org",
    path: "/a/b",
    protocol: "HTTP/1.1",
    tls: "",
    status: 200,
    route: "hello.org",
    rule: "/",
    pool: "a/web",
    endpoint: "one",
    release: "v7",
    tries: 1,
    requestBytes: expect.any(Number),
    upstreamStatus: "200",
    upstreamHeaderSeconds: expect.stringMatching(/^\d+\.\d+$/),
  });
  await expect(stat(join(elb.dir, "logs", "access.log"))).rejects.toThrow("ENOENT");
});
