// What is tried again, where, and what is not.
import { createServer } from "node:net";
import { afterEach, expect, test } from "vitest";
import { Client } from "./testing-client.ts";
import type { Backend } from "./testing-nginx.ts";
import { ask, forwarding } from "./testing-rules.ts";
import { atEnd, backend, endAll } from "./testing-service.ts";

afterEach(endAll);

/** A server that answers everything with a status. */
const failing = (id: string, status: number) =>
  backend(id, (_request, response) => {
    response.statusCode = status;
    response.end(`${id} ${status}`);
  });

/** Asks until the round robin has begun at each endpoint. */
async function answers(elb: { port: number }, what: object, count = 4): Promise<(string | undefined)[]> {
  const client = new Client(elb.port);
  const seen = [];
  for (let index = 0; index < count; index++) {
    const { seen: by, text } = await client.ask(what);
    seen.push(by?.id ?? text);
  }
  client.close();
  return seen.sort();
}

test.each([502, 503, 504])(
  "an answer of %s goes to another endpoint where the rule says so",
  async (status) => {
    const [bad, good] = [await failing("bad", status), await backend("good")];
    const on = [String(status)];
    expect(await answers(await forwarding([bad, good], { retry: { tries: 2, on } }), {})).toEqual(
      Array(4).fill("good"),
    );
    const other = [502, 503, 504].filter((one) => one !== status).map(String);
    const elsewhere = await forwarding([bad, good], { retry: { tries: 2, on: other } });
    expect(await answers(elsewhere, {})).toContain(`bad ${status}`);
  },
);

test("the last answer is passed on when the tries are used up", async () => {
  const all = [await failing("a", 503), await failing("b", 503), await failing("c", 503)];
  const elb = await forwarding(all, { retry: { tries: 2, on: ["503"] } });
  expect(await ask(elb)).toMatchObject({ status: 503, text: expect.stringMatching(/^[abc] 503$/) });
  expect(all.reduce((sum, one) => sum + one.requests(), 0)).toBe(2);
});

test("a POST that was sent is never repeated, unless the rule allows it", async () => {
  const body = "x".repeat(50_000);
  const post = { method: "POST", body };
  const tries = async (more: object) => {
    const [bad, good] = [await failing("bad", 503), await backend("good")];
    const elb = await forwarding([bad, good], { retry: { tries: 2, on: ["connect", "503"], ...more } });
    return { seen: await answers(elb, post), good };
  };
  const careful = await tries({});
  expect(careful.seen).toEqual(["bad 503", "bad 503", "good", "good"]);
  expect(careful.good.requests()).toBe(2);
  const allowed = await tries({ nonIdempotent: true });
  expect(allowed.seen).toEqual(Array(4).fill("good"));
});

test("a body that is passed on as it comes is not sent twice", async () => {
  const [bad, good] = [await failing("bad", 503), await backend("good")];
  const elb = await forwarding([bad, good], { requestBuffering: false, retry: { tries: 2, on: ["503"] } });
  expect(await answers(elb, { method: "PUT", body: "x" })).toEqual(["bad 503", "bad 503", "good", "good"]);
});

/** A server that takes connections and never answers. */
async function silent(id: string): Promise<Pick<Backend, "endpoint">> {
  const server = createServer((socket) => socket.on("error", () => {}).on("data", () => {}));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  atEnd(() => {
    server.close();
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return { endpoint: { id, ip: "127.0.0.1", port: address.port, w: 1, s: "a" } };
}

test("an endpoint that is silent for longer than the rule waits is given up, for another only when it says timeout", async () => {
  const timeouts = { read: 100 };
  const [mute, good] = [await silent("mute"), await backend("good")];
  const both = [mute, good] as Backend[];
  const again = await forwarding(both, { timeouts, retry: { tries: 2, on: ["timeout"] } });
  expect(await answers(again, {})).toEqual(Array(4).fill("good"));
  const not = await forwarding(both, { timeouts, retry: { tries: 2, on: ["connect"] } });
  const seen = await answers(not, {});
  expect(seen.filter((one) => one === "good").length).toBeLessThan(4);
  const alone = await forwarding([mute] as Backend[], { timeouts });
  expect(await ask(alone)).toMatchObject({ status: 504, headers: { "x-eru-reason": "endpoint_timeout" } });
});

test("one try is one try", async () => {
  const dead = { id: "dead", ip: "127.0.0.1", port: 1, w: 1, s: "a" } as const;
  const good = await backend("good");
  const elb = await forwarding([{ endpoint: dead } as Backend, good], {
    retry: { tries: 1, on: ["connect"] },
  });
  const client = new Client(elb.port);
  atEnd(() => client.close());
  const statuses = [(await client.ask()).status, (await client.ask()).status];
  expect(statuses.sort()).toEqual([200, 502]);
});
