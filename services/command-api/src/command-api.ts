import { AppError, subjects } from "@eru/events";
import type { Broker } from "@eru/log";
import { backOffMs, type Logger, listen, type Metrics, pause } from "@eru/service";
import type { SealKeys } from "@eru/tls";
import type { FastifyInstance } from "fastify";
import { ulid } from "ulid";
import type { Limits } from "./config.ts";
import { user as decider } from "./domain/user.ts";
import { Follower } from "./follower.ts";
import { about, type Caller, type Command, type HandleDeps, handle } from "./handle.ts";
import { createServer } from "./http/server.ts";
import { keepStages } from "./stage-keeper.ts";
import { Turns } from "./turns.ts";

/** What command-api is made of. */
export type CommandApiDeps = {
  broker: Broker;
  limits: Limits;
  /** The digest of the token that `admin` shall have. */
  adminTokenHash?: string | undefined;
  metrics: Metrics;
  log: Logger;
  /** Seals private keys; without it none is taken. */
  seal?: SealKeys | undefined;
  /** Whether the zone gets certificates from an ACME directory. */
  acme?: boolean | undefined;
};

/** The parts of a command-api, put together and not yet running. */
export type CommandApi = { app: FastifyInstance; follower: Follower; handling: HandleDeps };

const admin = "admin";
const retryMsMin = 200;
const retryMsMax = 5_000;

/** Puts the parts together. */
export async function createCommandApi(deps: CommandApiDeps): Promise<CommandApi> {
  const { broker, metrics } = deps;
  const { waitMs } = deps.limits;
  const follower = new Follower(broker.log, {
    now: () => performance.now(),
    waitMs,
    acme: deps.acme ?? false,
  });
  const seconds = metrics.histogram(
    "eru_append_seconds",
    "Time from an append to its acknowledgement",
    [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5, 10],
  );
  metrics.gauge("eru_follower_seq", "The sequence the log is applied up to", [], () => follower.position);
  metrics.gauge(
    "eru_follower_lag_seconds",
    "How long there has been more to read",
    [],
    () => follower.lagSeconds,
  );
  const handling: HandleDeps = {
    log: broker.log,
    follower,
    turns: new Turns(waitMs),
    now: () => new Date(),
    appended: (value) => seconds.observe(value),
  };
  const notReady = () => reasonNotReady(deps, follower);
  return { app: await createServer({ ...deps, handling, notReady }), follower, handling };
}

/** Until the admin's token is in the log, a supervisor that has it must not be told that nobody knows it. */
function reasonNotReady({ broker, adminTokenHash }: CommandApiDeps, follower: Follower): string | undefined {
  if (!broker.connected()) return "not connected to the log";
  if (!follower.caughtUp) return `reading the log, at sequence ${follower.position}`;
  const { tokenHashes } = follower.intent.users.get(admin);
  if (adminTokenHash !== undefined && !tokenHashes.has(adminTokenHash))
    return "the admin token is not recorded yet";
  return undefined;
}

/**
 * Serves commands until the signal aborts, then lets those at work end. Rejects when the log holds what this program
 * cannot read.
 */
export async function runCommandApi(
  deps: CommandApiDeps & { host: string; port: number; signal: AbortSignal },
): Promise<void> {
  const { signal, log, adminTokenHash } = deps;
  const { app, follower, handling } = await createCommandApi(deps);
  const following = new AbortController();
  const followed = Promise.all([follower.run(following.signal), keepStages(handling, log, following.signal)]);
  const stopped = new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
  const serve = async (): Promise<void> => {
    log.info({ port: await listen(app, deps.host, deps.port) }, "listening");
    await Promise.race([follower.ready, stopped]);
    if (adminTokenHash !== undefined) await admit(handling, adminTokenHash, log, signal);
    if (!signal.aborted) log.info({ seq: follower.position }, "running");
    await stopped;
  };
  try {
    await Promise.race([followed, serve()]);
  } finally {
    await app.close();
    following.abort();
    await followed;
  }
}

/** Makes the token `admin`'s, when it is not already; tries until the log takes it. */
async function admit(
  handling: HandleDeps,
  tokenHash: string,
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  const caller: Caller = { actor: "command-api", commandId: ulid(), digest: tokenHash };
  const subject = subjects.user(admin);
  const command: Command = {
    reads: [],
    writes: [subject],
    decide: (intent) =>
      about(
        subject,
        { user: admin },
        decider.decide(intent.users.get(admin), { type: "AdmitUser", user: admin, tokenHash }),
      ),
  };
  for (let attempt = 1; !signal.aborted; attempt++) {
    try {
      const outcome = await handle(handling, caller, command);
      if (outcome.ok) await handling.follower.reach(outcome.seq);
      log.info({ user: admin, how: outcome.ok ? outcome.how : "refused" }, "the admin token is known");
      return;
    } catch (error) {
      if (!(error instanceof AppError && error.retryable)) throw error;
      log.warn({ err: error, attempt }, "the admin token is not recorded yet");
      await pause(backOffMs(attempt, retryMsMin, retryMsMax), signal);
    }
  }
}
