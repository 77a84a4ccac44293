import {
  AppError,
  decodeMessage,
  type ElbHeartbeat,
  elbStatusListMax,
  liveSubjects,
  subjects,
} from "@eru/events";
import type { Broker } from "@eru/log";
import { type Logger, type Metrics, pause, Wake } from "@eru/service";
import { AcmeRunner } from "./acme/runner.ts";
import type { AcmeSettings } from "./acme/settings.ts";
import { answerExplain } from "./answer-explain.ts";
import { RouteFold, routingSubjects } from "./domain/route-fold.ts";
import { Drains } from "./drain.ts";
import { elbStatus } from "./elb-status.ts";
import { NginxKeeper } from "./keep-nginx.ts";
import { Leave } from "./leave.ts";
import { measure } from "./measure.ts";
import { bootText, NginxAdmin, NginxUnreachableError, type Status } from "./nginx-admin.ts";
import type { NginxProcess } from "./nginx-process.ts";
import { type Pushed, Pusher, type Rejection } from "./push.ts";
import { Reporter } from "./report.ts";
import { StageWatch } from "./stage-watch.ts";
import { validator } from "./validate.ts";

export type RouterSyncDeps = {
  elb: string;
  /** Hosts that name groups are served by these alone. */
  group: string;
  nginx: NginxProcess;
  onStop: "quit" | "keep";
  /** So long it serves on after it was told to quit, not ready, until those in front send elsewhere. */
  leaveWaitMs: number;
  /** Rejects when the broker is not there. */
  connect: () => Promise<Broker>;
  log: Logger;
  metrics: Metrics;
  newId: () => string;
  times: Times;
  /** Where certificates are got from; absent: this one orders none. */
  acme?: AcmeSettings | undefined;
};

/** Waits that tests shorten. */
export type Times = {
  /** So long nginx waits for the log at the start before it serves the last table known. */
  logWaitMs: number;
  /** An nginx that runs but does not answer for so long is replaced. */
  silentMostMs: number;
};
export const usualTimes: Times = { logWaitMs: 5_000, silentMostMs: 10_000 };

/** Between two changes: the first of a run of facts goes at once, the others together. */
const betweenPushesMs = 15;
const retryPushMs = 250;
const drainEveryMs = 50;
const heartbeatEveryMs = 1_000;
const connectRetryMs = 1_000;
const bootFileEveryMs = 5_000;
const leavingFault = "this load balancer leaves: send requests to another";
const toldFault =
  "an operator told this load balancer to leave: send requests to another; `eru elb join` brings it back";

/** Follows the log and keeps one load balancer routing by it. */
export class RouterSync {
  readonly #deps: RouterSyncDeps;
  readonly #fold: RouteFold;
  readonly #admin: NginxAdmin;
  readonly #pusher: Pusher;
  readonly #keeper: NginxKeeper;
  readonly #drains: Drains;
  readonly #reporter: Reporter;
  readonly #acme: AcmeRunner | undefined;
  readonly #leave: Leave;
  readonly #stages: StageWatch;
  readonly #changed = new Wake();
  readonly #startedAtMs = performance.now();
  #broker: Broker | undefined;
  #epoch: string | undefined;
  #savedToken: string | undefined;
  #ending = false;

  constructor(deps: RouterSyncDeps) {
    const { nginx, log, newId, elb, leaveWaitMs } = deps;
    this.#deps = deps;
    this.#fold = new RouteFold(deps.group, elb);
    this.#admin = new NginxAdmin(nginx.socket, nginx.openKey);
    this.#reporter = new Reporter({ elb, newId, log });
    this.#acme = deps.acme && new AcmeRunner({ ...deps.acme, elb, newId, log });
    this.#pusher = new Pusher({
      fold: this.#fold,
      admin: this.#admin,
      log,
      rejected: (rejection) => this.#rejected(rejection),
    });
    this.#keeper = new NginxKeeper({
      process: nginx,
      admin: this.#admin,
      log,
      silentMostMs: deps.times.silentMostMs,
      newBootId: newId,
      bootText: () =>
        this.#epoch === undefined
          ? undefined
          : bootText({ epoch: this.#epoch, seq: this.#fold.seq }, this.#pusher.startTable()),
      rejected: ({ key, reason }) => this.#pusher.reject(key, reason),
      booted: () => {
        this.#pusher.forget();
        this.#changed.raise();
      },
    });
    this.#drains = new Drains({
      pending: () => this.#fold.drains,
      table: this.#pusher,
      admin: this.#admin,
      drained: ({ workload, inFlight, cause }) => {
        log.info({ workload, inFlight, ...cause }, "endpoint drained");
        this.#reporter.add({ type: "EndpointDrained", elb, workload, inFlight }, cause);
      },
      nowMs: () => performance.now(),
    });
    this.#leave = new Leave({
      ...{ elb, log, waitMs: leaveWaitMs, file: nginx.leaveFile },
      inFlight: () => this.#admin.inFlight(),
    });
    this.#stages = new StageWatch({
      ...{ elb, pusher: this.#pusher, stages: () => this.#fold.stages },
      metrics: () => this.#admin.metrics(),
      judged: (event, cause) => this.#reporter.add(event, cause),
      nowMs: () => performance.now(),
    });
    measure(deps.metrics, {
      ...{ pusher: this.#pusher, fold: this.#fold, drains: this.#drains, keeper: this.#keeper },
      connected: () => this.#broker?.connected() ?? false,
    });
  }

  /** Why this load balancer cannot do its work now. */
  notReady(): string | undefined {
    if (this.#ending) return leavingFault;
    return this.#leave.leaving ? toldFault : this.#keeper.fault;
  }

  /** nginx's counters: its socket is not for scrapers. Throws NginxUnreachableError. */
  nginxMetrics(): Promise<string> {
    return this.#admin.metrics();
  }

  /** Returns when the signal aborts. When it rejects, nginx goes on serving what it has. */
  async run(signal: AbortSignal): Promise<void> {
    const inner = new AbortController();
    const all = inner.signal;
    await this.#leave.recall();
    try {
      await Promise.all([
        this.#end(signal, all).finally(() => inner.abort()),
        this.#keeper.run(() => this.#mayStart(), all),
        this.#follow(all),
        this.#push(all),
        this.#watchDrains(all),
        this.#saveBootFile(all),
        this.#stages.run(all),
        this.#leave.run(() => this.#epoch !== undefined, all),
      ]);
      await this.#saveNow();
      if (this.#deps.onStop === "quit") await this.#quit();
    } finally {
      inner.abort();
      await this.#broker?.close();
      await this.#admin.close();
    }
  }

  /** Returns when all shall end: at once, or after those in front had time to notice that it is not ready any more. */
  async #end(signal: AbortSignal, failed: AbortSignal): Promise<void> {
    await aborted(AbortSignal.any([signal, failed]));
    const { onStop, leaveWaitMs, log } = this.#deps;
    if (failed.aborted || onStop === "keep") return;
    this.#ending = true;
    // Who was told to leave before is not sent to any more.
    const waitMs = this.#leave.left ? 0 : leaveWaitMs;
    log.info({ waitMs }, "leaving: not ready any more, serving on for a while");
    await pause(waitMs, failed);
  }

  /** Ends nginx; then nobody has to wait for this load balancer. */
  async #quit(): Promise<void> {
    const { serving } = this.#keeper;
    await this.#keeper.quit();
    if (this.#broker && serving)
      this.#say(this.#broker, serving, { appliedSeq: this.#pusher.appliedSeq, gone: true });
  }

  #mayStart(): boolean {
    return this.#epoch !== undefined || performance.now() - this.#startedAtMs > this.#deps.times.logWaitMs;
  }

  async #follow(signal: AbortSignal): Promise<void> {
    const found = await this.#connect(signal);
    if (!found) return;
    const { broker, epoch } = found;
    await Promise.all([
      this.#reporter.run(broker.log, signal),
      this.#beat(broker, signal),
      answerExplain(
        broker.live,
        { elb: this.#deps.elb, admin: this.#admin, appliedSeq: () => this.#servedSeq() },
        signal,
      ),
      this.#fill(broker, epoch, signal),
      broker.live.respond({
        subject: liveSubjects.validate,
        group: "elbs",
        signal,
        answer: validator(this.#deps.elb, this.#admin),
      }),
      this.#acme?.run(broker, signal),
    ]);
  }

  /** The broker and the log's name, tried until they are there; undefined when told to end before. */
  async #connect(signal: AbortSignal): Promise<{ broker: Broker; epoch: string } | undefined> {
    const over = new Promise<undefined>((resolve) => {
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    while (!signal.aborted) {
      const connecting = this.#deps.connect();
      try {
        const broker = await Promise.race([connecting, over]);
        if (broker) {
          this.#broker = broker;
          return { broker, epoch: await broker.log.epoch() };
        }
      } catch (error) {
        if (!(error instanceof AppError && error.retryable)) throw error;
        this.#deps.log.warn({ err: error }, "the log is not reachable: nginx serves what it has");
      }
      // What does not come in time is left to itself.
      void connecting.then((late) => late.close()).catch(() => undefined);
      await pause(connectRetryMs, signal);
    }
    return undefined;
  }

  async #fill({ log }: Broker, epoch: string, signal: AbortSignal): Promise<void> {
    const told = [...routingSubjects, subjects.balancer(this.#deps.elb)];
    for await (const { messages, head } of log.follow({ fromSeq: 1, subjects: told, signal })) {
      for (const message of messages)
        for (const event of decodeMessage(message)) {
          this.#fold.apply(event);
          this.#acme?.apply(event);
          this.#leave.apply(event.event, this.#epoch === undefined);
        }
      // Before the whole log is read, its table is one of the past.
      if (head) {
        this.#epoch = epoch;
        this.#acme?.caughtUp();
      }
      this.#changed.raise();
    }
  }

  async #push(signal: AbortSignal): Promise<void> {
    let wait: number | undefined;
    let pushedAtMs = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      await this.#changed.next(signal, wait);
      await pause(Math.max(0, pushedAtMs + betweenPushesMs - performance.now()), signal);
      if (this.#epoch === undefined || signal.aborted) continue;
      const outcome = this.#keeper.serving ? await this.#pushOnce(this.#epoch) : "later";
      pushedAtMs = performance.now();
      wait = outcome === "later" || this.#pusher.waiting ? retryPushMs : undefined;
    }
  }

  async #pushOnce(epoch: string): Promise<"nothing" | "later" | "pushed"> {
    try {
      const pushed = await this.#pusher.push(epoch);
      if (typeof pushed === "string") return pushed;
      this.#applied(pushed);
      return "pushed";
    } catch (error) {
      if (!(error instanceof NginxUnreachableError)) throw error;
      this.#deps.log.warn({ err: error }, "nginx did not take a change");
      return "later";
    }
  }

  #applied({ cause, ...pushed }: Pushed): void {
    const { elb, group, log } = this.#deps;
    log.info({ ...pushed, ...cause }, "route table applied");
    this.#reporter.add({ type: "RouteTableApplied", elb, group, ...pushed }, cause);
  }

  #rejected({ key, reason }: Rejection): void {
    const { elb, log } = this.#deps;
    const name = key.slice(2);
    // A token is no host, and of no interest to anybody but who got it.
    const hosts = key.startsWith("a:") ? [] : key.startsWith("p:") ? this.#fold.hostsOf(name) : [name];
    log.error({ key, reason, hosts }, "nginx refused a line of the route table");
    for (const host of hosts) this.#reporter.add({ type: "RouteRejected", elb, host, reason }, undefined);
  }

  async #watchDrains(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        if (this.#epoch !== undefined) await this.#drains.poll();
      } catch (error) {
        if (!(error instanceof NginxUnreachableError)) throw error;
      }
      await pause(drainEveryMs, signal);
    }
  }

  async #beat(broker: Broker, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const { serving } = this.#keeper;
      const appliedSeq = this.#servedSeq();
      // Only who serves, and by the log, has a say in when an endpoint may stop.
      if (serving && appliedSeq !== undefined)
        this.#say(broker, serving, { appliedSeq, ...(this.#leave.left && { left: true }) });
      await pause(heartbeatEveryMs, signal);
    }
  }

  #say(broker: Broker, serving: Status, said: { appliedSeq: number; left?: true; gone?: true }): void {
    const { elb, group } = this.#deps;
    const status = elbStatus({
      ...{ serving, pusher: this.#pusher, drains: this.#drains },
      ...{ seenSeq: this.#fold.seq, leaving: this.#ending || this.#leave.leaving },
    });
    const stages = this.#stages.list(elbStatusListMax);
    const heartbeat: ElbHeartbeat = {
      ...{ elb, bootId: serving.bootId, ...said, group, status },
      ...(stages.length > 0 && { stages }),
    };
    broker.live.publish(liveSubjects.elbHeartbeat(elb), JSON.stringify(heartbeat));
  }

  /** The table nginx serves by; undefined when it does not serve, or not yet by the log. */
  #servedSeq(): number | undefined {
    const bootId = this.#keeper.serving?.bootId;
    return bootId !== undefined && bootId === this.#pusher.inForce?.bootId
      ? this.#pusher.appliedSeq
      : undefined;
  }

  async #saveBootFile(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(bootFileEveryMs, signal);
      await this.#saveNow();
    }
  }

  async #saveNow(): Promise<void> {
    const { inForce } = this.#pusher;
    const token = inForce && `${inForce.bootId} ${inForce.token}`;
    if (!inForce || token === this.#savedToken) return;
    await this.#deps.nginx.writeBootFile(bootText({ epoch: inForce.epoch, seq: inForce.seq }, inForce.table));
    this.#savedToken = token;
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
}
