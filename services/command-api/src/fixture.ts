import { type EruEvent, subjects } from "@eru/events";
import { type Broker, MemoryBroker } from "@eru/log";
import { createLog, createMetrics, hashToken } from "@eru/service";
import { type CommandApi, createCommandApi } from "./command-api.ts";
import type { Limits } from "./config.ts";

// For tests alone: a whole command-api without its process, over the log in memory or any other.

/** The token of the user that tests are. */
export const token = "correct-horse";

type Options = { broker?: Broker; limits?: Partial<Limits> };

/** A running command-api and the means to talk to it. */
export type Running<B extends Broker> = CommandApi & {
  broker: B;
  send: (
    method: "GET" | "POST" | "PUT" | "DELETE",
    url: string,
    body?: unknown,
    headers?: Headers,
  ) => Promise<Answer>;
  close: () => Promise<void>;
};
type Headers = Record<string, string>;
/** An answer, its body parsed. */
export type Answer = { status: number; headers: Record<string, unknown>; body: Record<string, unknown> };

/** Starts one; returns when it is caught up and knows the token. */
export async function start(): Promise<Running<MemoryBroker>>;
export async function start<B extends Broker>(options: Options & { broker: B }): Promise<Running<B>>;
export async function start(options: Omit<Options, "broker">): Promise<Running<MemoryBroker>>;
export async function start(options: Options = {}): Promise<Running<Broker>> {
  const broker = options.broker ?? new MemoryBroker();
  const api = await createCommandApi({
    broker,
    limits: { ratePerSecond: 1_000_000, inFlightMax: 256, planTimeoutMs: 200, ...options.limits },
    metrics: createMetrics("command-api"),
    log: createLog("test", "error"),
  });
  const stop = new AbortController();
  const followed = api.follower.run(stop.signal);
  await api.follower.ready;
  await letIn(broker, api);
  return {
    ...api,
    broker,
    send: async (method, url, body, headers) => {
      const answer = await api.app.inject({
        method,
        url,
        headers: { authorization: `Bearer ${token}`, ...headers },
        ...(body !== undefined && { payload: body as object | string }),
      });
      return { status: answer.statusCode, headers: answer.headers, body: parse(answer.body) };
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
