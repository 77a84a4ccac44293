import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as the server got it. */
export type Seen = {
  method: string;
  path: string;
  query: Record<string, string>;
  body: unknown;
  headers: IncomingMessage["headers"];
};
/** What is answered; a number alone is a status without content, `cut` breaks the connection. */
export type Reply =
  | { status?: number; json?: unknown; text?: string; headers?: Record<string, string> }
  | "cut";
type Handler = Reply | ((seen: Seen) => Reply);

/** An HTTP server that answers what a test says, and remembers what it was asked. */
export class FakeServer implements AsyncDisposable {
  readonly seen: Seen[] = [];
  readonly url: string;
  readonly server: Server;
  readonly #replies: Map<string, Handler[]>;

  private constructor(server: Server, replies: Map<string, Handler[]>) {
    this.server = server;
    this.#replies = replies;
    this.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  static async start(): Promise<FakeServer> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const fake = new FakeServer(server, new Map());
    server.on("request", (request, response) => void fake.#answer(request, response));
    return fake;
  }

  /** Answers `METHOD /path` with these in turn; the last one stays. */
  on(route: string, ...replies: Handler[]): this {
    this.#replies.set(route, replies);
    return this;
  }

  /** What was asked of a route. */
  asked(route: string): Seen[] {
    return this.seen.filter(({ method, path }) => `${method} ${path}` === route);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => this.server.close(resolve));
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let text = "";
    for await (const chunk of request) text += chunk;
    const url = new URL(request.url ?? "/", this.url);
    const seen: Seen = {
      method: request.method ?? "",
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      body: text === "" ? undefined : JSON.parse(text),
      headers: request.headers,
    };
    this.seen.push(seen);
    const replies = this.#replies.get(`${seen.method} ${seen.path}`) ?? [notFound];
    const handler = (replies.length > 1 ? replies.shift() : replies[0]) ?? notFound;
    const reply = typeof handler === "function" ? handler(seen) : handler;
    if (reply === "cut") return void request.socket.destroy();
    const body = reply.text ?? JSON.stringify(reply.json ?? {});
    response.writeHead(reply.status ?? 200, {
      "content-type": (reply.status ?? 200) >= 400 ? "application/problem+json" : "application/json",
      ...reply.headers,
    });
    response.end(body);
  }
}

const notFound: Reply = problem(404, "no_such_path", "there is no such path");

/** An error answer as the servers give it. */
export function problem(
  status: number,
  code: string,
  detail: string,
  more: { faults?: unknown[]; headers?: Record<string, string> } = {},
): Reply {
  const { faults, headers } = more;
  const body = { type: `urn:eru:problem:${code}`, title: code, status, detail, code, correlationId: "c-1" };
  return { status, json: { ...body, ...(faults && { faults }) }, ...(headers && { headers }) };
}
