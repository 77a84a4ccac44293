import { type EruEvent, subjects } from "@eru/events";
import { type Broker, type Log, MemoryBroker } from "@eru/log";
import { createLog, createMetrics, hashToken, type Logger } from "@eru/service";
import { SealKeys, withNewSealKey } from "@eru/tls";
import { type CommandApi, createCommandApi } from "./command-api.ts";
import type { Limits } from "./config.ts";

// For tests alone: a whole command-api without its process, over the log in memory or any other.

/** The token of the user that tests are. */
const token = "correct-horse";

/** What private keys are sealed with. */
export const sealKeys = SealKeys.fromText(withNewSealKey(undefined));

/** A running command-api and the means to talk to it. */
export type Running<B extends Broker> = CommandApi & {
  broker: B;
  send: (method: Method, url: string, body?: unknown, headers?: Headers) => Promise<Answer>;
  /** Sends what must be refused; `grew` tells whether the log has grown all the same. */
  refusal: (method: Method, url: string, body?: unknown, headers?: Headers) => Promise<Refused>;
  close: () => Promise<void>;
};
type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
type Headers = Record<string, string>;
/** An answer, its body parsed. */
export type Answer = { status: number; headers: Record<string, unknown>; body: Record<string, unknown> };

/** A refusal and what came with it. */
type Refused = {
  status: number;
  type: unknown;
  code: unknown;
  detail: unknown;
  faults: unknown;
  correlationId: unknown;
  grew: boolean;
};

/** Starts one; returns when it is caught up and knows the token. */
export async function start<B extends Broker = MemoryBroker>(
  options: { broker?: B; limits?: Partial<Limits>; log?: Logger; sealed?: boolean; acme?: boolean } = {},
): Promise<Running<B>> {
  // Without a broker of its own the type is its default.
  const broker = options.broker ?? (new MemoryBroker() as Broker as B);
  const api = await createCommandApi({
    broker,
    limits: {
      ratePerSecond: 1_000_000,
      inFlightMax: 256,
      planTimeoutMs: 200,
      waitMs: 5_000,
      ...options.limits,
    },
    metrics: createMetrics("command-api"),
    log: options.log ?? createLog("test", "error"),
    seal: options.sealed === false ? undefined : sealKeys,
    acme: options.acme ?? false,
  });
  const stop = new AbortController();
  const followed = api.follower.run(stop.signal);
  await api.follower.ready;
  await letIn(broker, api);
  const send: Running<B>["send"] = async (method, url, body, headers) => {
    const answer = await api.app.inject({
      method,
      url,
      headers: { authorization: `Bearer ${token}`, ...headers },
      ...(body !== undefined && { payload: body as object | string }),
    });
    return { status: answer.statusCode, headers: answer.headers, body: parse(answer.body) };
  };
  return {
    ...api,
    broker,
    send,
    refusal: async (...request) => {
      const before = await broker.log.lastSeq();
      const { status, headers, body } = await send(...request);
      const { code, detail, faults, correlationId } = body;
      const grew = (await broker.log.lastSeq()) !== before;
      return { status, type: headers["content-type"], code, detail, faults, correlationId, grew };
    },
    close: async () => {
      await api.app.close();
      stop.abort();
      await followed;
    },
  };
}

const parse = (text: string): Record<string, unknown> => {
  try {
    return JSON.parse(text);
  } catch {
    return { text };
  }
};

async function letIn(broker: Broker, { follower }: CommandApi): Promise<void> {
  const tokenHash = hashToken(token);
  if (follower.intent.tokens.userOf(token) !== undefined) return;
  await record(broker, subjects.user("ada"), { type: "TokenIssued", user: "ada", tokenHash });
  await follower.catchUp();
}

let messages = 0;

/** Appends events as another service would. */
export async function record(broker: Broker, subject: string, ...events: EruEvent[]): Promise<number> {
  const id = `fixture-${process.pid}-${++messages}`;
  const cause = { correlationId: id, causationId: id };
  const meta = { id, time: "2026-01-01T00:00:00.000Z", actor: "fixture" };
  const message = { meta, events: events.map((event) => ({ event, cause })) };
  return (await broker.log.append({ subject, message })).seq;
}

/** An app.yaml with an entrypoint that publishes a port, and one that does not. */
export const appYaml = (name: string): string =>
  `appname: ${name}\nentrypoints:\n  http:\n    publish: [8080]\n  worker: {}\n`;

/** Pod `demo` with node `n1`, app `web` with release `v1`. */
export async function furnish({ send }: Pick<Running<Broker>, "send">): Promise<void> {
  const answers = [
    await send("POST", "/v1/pods", { name: "demo" }),
    await send("POST", "/v1/nodes", { name: "n1", pod: "demo" }),
    await send("POST", "/v1/apps", { name: "web" }),
    await send("POST", "/v1/apps/web/releases", { release: "v1", image: "web:1", specText: appYaml("web") }),
  ];
  const failed = answers.find(({ status }) => status !== 202);
  if (failed) throw new Error(`furnishing failed: ${JSON.stringify(failed.body)}`);
}

/** A deployment that can be made after `furnish`. */
export const wish = {
  app: "web",
  entrypoint: "http",
  pod: "demo",
  count: 2,
  resources: { cpu: 0.1, memoryMib: 32 },
} as const;

/** The same broker with some answers of its log changed: a port's failures are played on the port. */
export function withLog(broker: Broker, changed: Partial<Log>): Broker {
  const { log } = broker;
  return {
    live: broker.live,
    lease: broker.lease,
    connected: () => broker.connected(),
    close: () => broker.close(),
    log: {
      append: (append) => log.append(append),
      appendBatch: (appends) => log.appendBatch(appends),
      read: (subject, fromSeq) => log.read(subject, fromSeq),
      last: (subject) => log.last(subject),
      lastSeq: () => log.lastSeq(),
      clock: () => log.clock(),
      epoch: () => log.epoch(),
      follow: (options) => log.follow(options),
      followAssignments: (options) => log.followAssignments(options),
      ...changed,
    },
  };
}

/** The same broker, but everything takes several turns of the event loop: what only works by luck stops working. */
export function slow(broker: Broker): Broker {
  const linger = async () => {
    for (let turn = 0; turn < 4; turn++) await new Promise((next) => setImmediate(next));
  };
  return withLog(broker, {
    append: async (append) => {
      await linger();
      const appended = await broker.log.append(append);
      await linger();
      return appended;
    },
    follow: async function* (options) {
      for await (const page of broker.log.follow(options)) {
        for (let turn = 0; turn < 4; turn++) await linger();
        yield page;
      }
    },
  });
}
