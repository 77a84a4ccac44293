import { WebSocket } from "ws";
import { token, until } from "./zone.ts";

export type Received = {
  type: string;
  event?: { seq: number; index: number; type: string; objects: string[] };
  [key: string]: unknown;
};

/** A client of the feed that keeps all it is sent. */
export class FeedClient {
  readonly socket: WebSocket;
  readonly received: Received[] = [];
  /** Code and reason of the end. */
  closed: { code: number; reason: string } | undefined;
  /** The status of an HTTP answer that refused the upgrade. */
  refused: number | undefined;

  constructor(port: number, options: { headers?: Record<string, string>; protocols?: string[] } = {}) {
    const { headers = { authorization: `Bearer ${token}` }, protocols = [] } = options;
    this.socket = new WebSocket(`ws://127.0.0.1:${port}/v1/feed`, protocols, { headers });
    this.socket.on("message", (text) => this.received.push(JSON.parse(String(text))));
    this.socket.on("close", (code, reason) => {
      this.closed = { code, reason: String(reason) };
    });
    this.socket.on("unexpected-response", (request, response) => {
      this.refused = response.statusCode;
      request.destroy();
    });
    this.socket.on("error", () => {}); // Told by `closed` or `refused`.
  }

  static async open(port: number): Promise<FeedClient> {
    const client = new FeedClient(port);
    await until("connected", () => client.socket.readyState === WebSocket.OPEN);
    return client;
  }

  /** Connected and subscribed. */
  static async subscribed(port: number, topics: string[], from?: number): Promise<FeedClient> {
    const client = await FeedClient.open(port);
    client.subscribe(topics, from);
    return client;
  }

  subscribe(topics: string[], from?: number): void {
    this.say({ type: "subscribe", topics, ...(from !== undefined && { from }) });
  }

  say(message: unknown): void {
    this.socket.send(typeof message === "string" ? message : JSON.stringify(message));
  }

  get events(): NonNullable<Received["event"]>[] {
    return this.received.flatMap(({ event }) => event ?? []);
  }

  /** Sequence and index of the events, in the order they came. */
  get places(): string[] {
    return this.events.map(({ seq, index }) => `${seq}/${index}`);
  }

  last(type: string): Received | undefined {
    return this.received.findLast((message) => message.type === type);
  }
}
