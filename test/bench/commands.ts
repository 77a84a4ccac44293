// How long a command takes until it is durable and answered, against a bare durable publish, in turns in one run.
//   node test/bench/commands.ts [samples]
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { subjects } from "@eru/events";
import { connectBroker } from "@eru/log";
import { startNatsServer } from "@eru/testing";
import { ulid } from "ulid";
import { ratio, row, timed } from "./figures.ts";
import { freePort } from "./free-port.ts";

const samples = Number(process.argv[2] ?? 1_000);
const warmUp = 100;
const token = "bench";
const server = await startNatsServer();
const broker = await connectBroker({ servers: [server.url], name: "bench", ensureStreams: true });
const port = await freePort();
const api = spawn(process.execPath, [join(import.meta.dirname, "../../services/command-api/src/main.ts")], {
  env: {
    ERU_NATS_URL: server.url,
    ERU_NATS_USER: "bench",
    ERU_NATS_PASSWORD: "bench",
    ERU_HTTP_PORT: String(port),
    ERU_LOG_LEVEL: "warn",
    COMMAND_API_RATE_PER_SECOND: "100000",
    ERU_ADMIN_TOKEN_HASH: createHash("sha256").update(token).digest("hex"),
  },
  stdio: ["ignore", "inherit", "inherit"],
});
try {
  const base = `http://127.0.0.1:${port}`;
  await ready(`${base}/readyz`);
  const command = async (name: string) => {
    const answer = await fetch(`${base}/v1/apps`, {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify({ name }),
    });
    if (answer.status !== 202) throw new Error(`${answer.status}: ${await answer.text()}`);
    await answer.arrayBuffer();
  };
  const publish = (app: string) => {
    const id = ulid();
    const cause = { correlationId: id, causationId: id };
    const meta = { id, time: new Date().toISOString(), actor: "bench" };
    const events = [{ event: { type: "AppRegistered", app } as const, cause }];
    return broker.log.append({ subject: subjects.app(app), message: { meta, events }, expectedLastSeq: 0 });
  };
  const commands: number[] = [];
  const publishes: number[] = [];
  for (let n = 0; n < warmUp + samples; n++) {
    const one = await timed(() => command(`c-${n}`));
    const other = await timed(() => publish(`p-${n}`));
    if (n < warmUp) continue;
    commands.push(one);
    publishes.push(other);
  }
  console.table({ "POST /v1/apps, ms": row(commands), "bare durable append, ms": row(publishes) });
  console.log("POST over bare append:", ratio(commands, publishes));
} finally {
  api.kill("SIGTERM");
  await once(api, "exit");
  await broker.close();
  await server.stop();
}

async function ready(url: string): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    const answer = await fetch(url).catch(() => undefined);
    if (answer?.ok) return;
    await sleep(50);
  }
  throw new Error(`${url} did not become ready`);
}
