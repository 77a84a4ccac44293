import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";

/** A TCP proxy of a test, between a client and a server on the loopback. */
export type TcpProxy = {
  readonly port: number;
  /** From now on what the server says is swallowed; what the client says still arrives. */
  loseAnswers(): void;
  /** From now on nothing passes in either direction, and connections stay open: a cable that was pulled. */
  pull(): void;
  /** Breaks the connections that lost something; new ones are whole. */
  heal(): void;
  stop(): Promise<void>;
};

/** Starts a proxy on a free port. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let answersPass = true;
  let requestsPass = true;
  const server = createServer((client) => {
    const upstream = connect(targetPort, "127.0.0.1");
    for (const [from, to, passes] of [
      [client, upstream, () => requestsPass],
      [upstream, client, () => answersPass],
    ] as const) {
      sockets.add(from);
      from.on("data", (bytes) => {
        if (passes()) to.write(bytes);
      });
      from.on("error", () => undefined); // The end of the connection, which "close" passes on.
      from.on("close", () => {
        sockets.delete(from);
        to.destroy();
      });
    }
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const breakAll = (): void => {
    for (const socket of sockets) socket.destroy();
  };
  return {
    port: typeof address === "object" && address ? address.port : 0,
    loseAnswers: () => {
      answersPass = false;
    },
    pull: () => {
      answersPass = false;
      requestsPass = false;
    },
    heal: () => {
      breakAll();
      answersPass = true;
      requestsPass = true;
    },
    stop: async () => {
      breakAll();
      server.close();
      await once(server, "close");
    },
  };
}
