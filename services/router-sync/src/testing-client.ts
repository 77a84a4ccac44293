// A small HTTP client for tests: one connection at a time, visible and under control, which fetch does not offer.
import { Agent, type IncomingHttpHeaders, request } from "node:http";
import type { Socket } from "node:net";
import type { Seen } from "./testing-nginx.ts";

export type Reply = {
  status: number;
  headers: IncomingHttpHeaders;
  text: string;
  /** Which server answered, when one did. */
  seen: Seen | undefined;
};

export type Ask = {
  host?: string;
  path?: string;
  method?: string;
  headers?: Record<string, string>;
  body?: string;
};

const answerMostMs = 8_000;

/** A client that keeps exactly one connection. */
export class Client {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(port: number) {
    this.#port = port;
  }

  ask({ host = "hello.org", path = "/", method = "GET", headers = {}, body }: Ask = {}): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const asked = request(
        { port: this.#port, path, method, agent: this.#agent, headers: { host, ...headers } },
        (answer) => {
          let text = "";
          answer.setEncoding("utf8").on("data", (part: string) => {
            text += part;
          });
          answer.on("error", reject);
          answer.on("end", () => {
            const seen = text.startsWith("{") ? (JSON.parse(text) as Seen) : undefined;
            resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, seen });
          });
        },
      );
      asked.on("error", reject);
      asked.setTimeout(answerMostMs, () => asked.destroy(new Error(`no answer within ${answerMostMs} ms`)));
      asked.end(body);
    });
  }

  /** A request whose body is sent in two parts: the second when the returned function is called. */
  upload(first: string, length: number, host = "hello.org"): { finish: (rest: string) => Promise<Reply> } {
    const { promise, resolve, reject } = Promise.withResolvers<Reply>();
    const asked = request(
      {
        port: this.#port,
        path: "/",
        method: "POST",
        agent: this.#agent,
        headers: { host, "content-length": length },
      },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8").on("data", (part: string) => {
          text += part;
        });
        answer.on("end", () => {
          const seen = text.startsWith("{") ? (JSON.parse(text) as Seen) : undefined;
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text, seen });
        });
      },
    );
    asked.on("error", reject);
    asked.write(first);
    return {
      finish: (rest) => {
        asked.end(rest);
        return promise;
      },
    };
  }

  close(): void {
    this.#agent.destroy();
  }
}

/** Opens a WebSocket as far as a load balancer sees one: the handshake, then bytes both ways. */
export function openUpgraded(
  port: number,
  host = "hello.org",
): Promise<{ echo: (text: string) => Promise<string>; close: () => void }> {
  return new Promise((resolve, reject) => {
    const headers = { host, connection: "Upgrade", upgrade: "websocket" };
    const asked = request({ port, path: "/", headers, agent: false });
    asked.on("error", reject);
    asked.on("response", (answer) => reject(new Error(`not upgraded: ${answer.statusCode}`)));
    asked.on("upgrade", (_answer, socket: Socket) => {
      socket.setEncoding("utf8");
      resolve({
        echo: (text) =>
          new Promise((answered, failed) => {
            socket.once("data", (data) => answered(String(data)));
            socket.once("close", () => failed(new Error("the connection was closed")));
            socket.write(text);
          }),
        close: () => socket.destroy(),
      });
    });
    asked.end();
  });
}
