import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";

const answerLimitMs = 10_000;

/**
 * Speaks the broker's text protocol by hand, so that a test can try what no client of ours would do. Every command is
 * answered by `+OK` or by the server's refusal.
 */
export type NatsDialogue = {
  publish(subject: string, body?: string, options?: { reply?: string; headers?: string }): Promise<string>;
  subscribe(subject: string): Promise<string>;
  /** Everything that came for a subscription so far: subject and body. */
  readonly received: readonly { subject: string; body: string }[];
  /** One round trip: everything that the server had for us is here. */
  flush(): Promise<void>;
  close(): void;
};

/** Opens a dialogue as a user. Rejects with the server's words when it refuses the password. */
export async function openNatsDialogue(
  port: number,
  login: { user?: string; password?: string } = {},
): Promise<NatsDialogue> {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  await once(socket, "connect");
  const received: { subject: string; body: string }[] = [];
  const waiting: ((answer: string) => void)[] = [];
  let header: string | undefined;
  let subscriptions = 0;
  createInterface({ input: socket }).on("line", (line) => {
    if (header !== undefined) {
      received.push({ subject: header, body: line });
      header = undefined;
    } else if (/^H?MSG /.test(line)) header = line.split(" ")[1] ?? "";
    else if (/^(\+OK|-ERR|PONG)/.test(line)) waiting.shift()?.(line);
  });
  const say = async (text: string): Promise<string> => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    const limit = setTimeout(() => reject(new Error(`no answer to ${text.slice(0, 80)}`)), answerLimitMs);
    waiting.push(resolve);
    socket.write(text);
    try {
      return await promise;
    } finally {
      clearTimeout(limit);
    }
  };
  const { user, password: pass } = login;
  const welcome = await say(
    `CONNECT ${JSON.stringify({ verbose: true, pedantic: false, headers: true, lang: "test", version: "1", user, pass })}\r\n`,
  );
  if (welcome !== "+OK") {
    socket.destroy();
    throw new Error(welcome);
  }
  return {
    received,
    publish: (subject, body = "", options = {}) => {
      const { reply = "", headers } = options;
      const size = Buffer.byteLength(body);
      if (headers === undefined) return say(`PUB ${subject} ${reply} ${size}\r\n${body}\r\n`);
      const head = `NATS/1.0\r\n${headers}\r\n\r\n`;
      return say(`HPUB ${subject} ${reply} ${head.length} ${head.length + size}\r\n${head}${body}\r\n`);
    },
    subscribe: (subject) => say(`SUB ${subject} ${++subscriptions}\r\n`),
    flush: async () => void (await say("PING\r\n")),
    close: () => socket.destroy(),
  };
}
