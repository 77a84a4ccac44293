import { Agent, type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";

/** Constant traffic through a load balancer, as many kinds of client would make it. */
export type LoadOptions = {
  /** The load balancers' listeners; connections are spread over them. */
  targets: readonly { address: string; port: number }[];
  /** The Host header. */
  host: string;
  /** Clients that ask one request after another; every fifth request is a POST. */
  clients: number;
  /** Clients that send a POST body over `uploadMs`, again and again. */
  uploads: number;
  uploadMs: number;
  /** Sockets opened at `/ws` and made to echo four times a second. */
  webSockets: number;
  /** How long each is held before the client closes it and opens the next one; absent: to the end. */
  webSocketMs?: number;
};

/** What the clients saw. */
export type LoadVerdict = {
  requests: number;
  /** Answers other than 200 and connections that broke, in words; empty is a pass. */
  failures: readonly string[];
  /** Requests by the workload that answered (`x-id`). */
  answeredBy: ReadonlyMap<string, number>;
  /** WebSockets that closed before the end, with their codes. */
  webSocketsClosed: readonly string[];
  echoes: number;
};

const requestTimeoutMs = 15_000;
const failuresKeptMax = 100;
const echoEveryMs = 250;

/** Starts the traffic; `stop` ends it, waits for what is in flight and gives the verdict. */
export function startLoad(options: LoadOptions): { stop: () => Promise<LoadVerdict> } {
  const stop = new AbortController();
  const agent = new Agent({ keepAlive: true, maxSockets: options.clients + options.uploads });
  const seen = {
    requests: 0,
    failures: [] as string[],
    answeredBy: new Map<string, number>(),
    webSocketsClosed: [] as string[],
    echoes: 0,
  };
  const fail = (what: string) => {
    if (seen.failures.length < failuresKeptMax) seen.failures.push(`${new Date().toISOString()} ${what}`);
  };
  const targetOf = (client: number) => {
    const target = options.targets[client % options.targets.length];
    if (!target) throw new RangeError("a load needs at least one target");
    return target;
  };
  const ask = async (client: number, method: string, uploadMs: number) => {
    seen.requests++;
    try {
      const id = await exchange({ agent, method, uploadMs, host: options.host, ...targetOf(client) });
      seen.answeredBy.set(id, (seen.answeredBy.get(id) ?? 0) + 1);
    } catch (error) {
      fail(
        `${method}${uploadMs > 0 ? " (slow upload)" : ""}: ${error instanceof Error ? error.message : error}`,
      );
    }
  };
  const asking = async (client: number) => {
    for (let turn = client; !stop.signal.aborted; turn++)
      await ask(client, turn % 5 === 0 ? "POST" : "GET", 0);
  };
  const uploading = async (client: number) => {
    while (!stop.signal.aborted) await ask(client, "POST", options.uploadMs);
  };
  const many = (count: number, run: (client: number) => Promise<void>) =>
    Array.from({ length: count }, (_, n) => run(n));
  const running = [
    ...many(options.clients, asking),
    ...many(options.uploads, uploading),
    ...many(options.webSockets, (client) =>
      holdWebSockets(
        { ...targetOf(client), host: options.host, seen, stop: stop.signal },
        options.webSocketMs,
      ),
    ),
  ];
  return {
    stop: async () => {
      stop.abort();
      await Promise.all(running);
      agent.destroy();
      return seen;
    },
  };
}

/** One request to its end; the id of the workload that answered. Rejects unless the answer is a whole 200. */
function exchange(given: {
  agent: Agent;
  method: string;
  uploadMs: number;
  host: string;
  address: string;
  port: number;
}): Promise<string> {
  const { agent, method, uploadMs, host, address, port } = given;
  return new Promise((resolve, reject) => {
    const sent = request({
      agent,
      method,
      host: address,
      port,
      path: "/",
      headers: { host, ...(method === "POST" && { "content-length": 8 }) },
      timeout: requestTimeoutMs,
    });
    sent.once("error", reject);
    sent.once("timeout", () => sent.destroy(new Error(`no answer within ${requestTimeoutMs} ms`)));
    sent.once("response", (answer: IncomingMessage) => {
      const body: Buffer[] = [];
      answer.on("data", (part: Buffer) => body.push(part));
      answer.once("error", reject);
      answer.once("end", () => {
        if (answer.statusCode === 200) resolve(String(answer.headers["x-id"]));
        else
          reject(new Error(`status ${answer.statusCode}: ${Buffer.concat(body).toString().slice(0, 200)}`));
      });
    });
    if (method !== "POST") sent.end();
    else if (uploadMs === 0) sent.end("12345678");
    else {
      sent.write("1234");
      setTimeout(() => sent.end("5678"), uploadMs);
    }
  });
}

type Holding = {
  address: string;
  port: number;
  host: string;
  seen: { webSocketsClosed: string[]; echoes: number };
  stop: AbortSignal;
};

/** One socket after the other, each for its time; without a time, one to the end. */
async function holdWebSockets(given: Holding, holdMs: number | undefined): Promise<void> {
  if (holdMs === undefined) return await holdWebSocket(given);
  while (!given.stop.aborted)
    await holdWebSocket({ ...given, stop: AbortSignal.any([given.stop, AbortSignal.timeout(holdMs)]) });
}

async function holdWebSocket(given: Holding): Promise<void> {
  const { address, port, host, seen, stop } = given;
  const socket = new WebSocket(`ws://${address}:${port}/ws`, { headers: { host } });
  socket.on("close", (code) => {
    if (!stop.aborted) seen.webSocketsClosed.push(`code ${code} at ${new Date().toISOString()}`);
  });
  socket.on("error", () => {}); // A close always follows and is counted.
  socket.on("message", () => {
    seen.echoes++;
  });
  while (!stop.aborted && socket.readyState !== WebSocket.CLOSED) {
    if (socket.readyState === WebSocket.OPEN) socket.send("echo");
    await sleep(echoEveryMs, undefined, { signal: stop }).catch(() => {});
  }
  socket.close();
}
