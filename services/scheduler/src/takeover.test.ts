import { decodeMessage, type EruEvent, liveSubjects, type RecordedEvent } from "@eru/events";
import { MemoryLog } from "@eru/log/memory";
import { expect, test } from "vitest";
import { toBatches } from "./batch.ts";
import { SchedulerCore } from "./core.ts";
import { SnapshotReader } from "./domain/snapshot-read.ts";
import { snapshotBlocks } from "./domain/snapshot-write.ts";
import { emptyZone, type Zone } from "./domain/zone.ts";
import { foldInto } from "./fold.ts";
import { watchedMs } from "./log-clock.ts";
import { addNode, append, coreOptions, deploy, request } from "./testkit/running.ts";
import { template } from "./testkit/world.ts";

const deadlineMs = 60_000;

/** What a scheduler reads when it starts. */
type StartsFrom = "the whole log" | "a snapshot";

/** A log with a clock that a test turns, and schedulers with clocks of their own, one after the other. */
class Succession {
  logMs = 1_700_000_000_000;
  readonly log = new MemoryLog({ clock: () => this.logMs });
  #core = new SchedulerCore(coreOptions, 0);
  #ownMs = 0;
  #batches = 0;
  readonly #startsFrom: StartsFrom;

  constructor(startsFrom: StartsFrom = "the whole log") {
    this.#startsFrom = startsFrom;
  }

  async say(subject: string, ...events: EruEvent[]): Promise<void> {
    await append(this.log, subject, ...events);
  }

  /** Another scheduler takes over, on a machine with another clock. */
  async successor(): Promise<this> {
    this.#ownMs = Math.round(this.#ownMs / 2) + 7_654_321;
    this.#core = new SchedulerCore(coreOptions, this.#ownMs);
    if (this.#startsFrom === "a snapshot") this.#core.begin(await this.#snapshot());
    await this.#read();
    this.#core.takeOver(await this.log.clock(), this.#ownMs);
    return await this.pass(0);
  }

  /** So much time passes, then the scheduler decides what there is to decide. */
  async pass(ms: number): Promise<this> {
    this.logMs += ms;
    this.#ownMs += ms;
    for (let more = true; more; ) {
      await this.#read();
      this.#core.look(this.#ownMs, true);
      this.#core.hearNode(liveSubjects.nodeHeartbeat("n1"), this.#ownMs);
      more = false;
      for (const attempt of this.#core.passes(this.#ownMs)) {
        more = true;
        for (const { appends } of toBatches(attempt.pass, { id: `b${++this.#batches}`, time: "t" }))
          await this.log.appendBatch(appends);
      }
    }
    return this;
  }

  async decided(): Promise<string[]> {
    return (await this.#recorded("eru.decision.p")).map(({ event }) =>
      event.type === "RolloutStepped" ? event.step : event.type,
    );
  }

  async #recorded(subject: string): Promise<RecordedEvent[]> {
    return (await this.log.read(subject, 1)).flatMap((message) => decodeMessage(message));
  }

  /** The zone as it was before the newest two messages, written down and read back. */
  async #snapshot(): Promise<Zone> {
    const zone = emptyZone();
    const most = (await this.log.lastSeq()) - 2;
    for await (const { messages } of this.log.follow({ fromSeq: 1, signal: AbortSignal.any([]) })) {
      foldInto(
        zone,
        messages.filter(({ seq }) => seq <= most),
      );
      break;
    }
    const reader = new SnapshotReader();
    for (const block of snapshotBlocks(zone)) reader.take(block);
    return reader.zone();
  }

  async #read(): Promise<void> {
    for await (const page of this.log.follow({
      fromSeq: this.#core.zone.seq + 1,
      signal: AbortSignal.any([]),
    })) {
      this.#core.fold(page.messages);
      if (page.head) return;
    }
  }
}

/** A rollout of one workload whose new one says nothing. */
async function rollout(startsFrom?: StartsFrom): Promise<Succession> {
  const zone = new Succession(startsFrom);
  await addNode(zone.log, "n1", 9);
  await deploy(zone.log, "shop-web-a", 1);
  await (await zone.successor()).pass(1_000);
  const of = { node: "n1", workload: "shop-web-a-1", generation: 1, attempt: 1 };
  await zone.say("eru.fact.n1", { type: "ContainerHealthy", ...of });
  await zone.say("eru.deployment.p.shop-web-a", {
    type: "UpgradeRequested",
    ...{ deployment: "shop-web-a", template: template("v2"), surge: 1, healthDeadlineMs: deadlineMs },
  });
  return await zone.pass(0);
}

/** A drain with a deadline of a node whose workload fits nowhere else. */
async function drain(startsFrom?: StartsFrom): Promise<Succession> {
  const zone = new Succession(startsFrom);
  await addNode(zone.log, "n1", 9);
  await deploy(zone.log, "shop-web-a", 1);
  await zone.successor();
  await zone.say("eru.node.n1", { type: "DrainRequested", node: "n1", reason: "", deadlineMs });
  return await zone.pass(0);
}

/** A deployment that waits for room, with a deadline for that. */
async function wait(startsFrom?: StartsFrom): Promise<Succession> {
  const zone = new Succession(startsFrom);
  await addNode(zone.log, "n1", 1);
  await zone.successor();
  const wished = { ...request("shop-web-a", 2), waitDeadlineMs: deadlineMs };
  await zone.say("eru.deployment.p.shop-web-a", wished);
  return await zone.pass(0);
}

const cases = (["the whole log", "a snapshot"] as const).flatMap((from) => [
  [`the health deadline of a rollout, from ${from},`, () => rollout(from), "halted"] as const,
  [`the deadline of a node's drain, from ${from},`, () => drain(from), "DrainOverdue"] as const,
  [`the deadline of waiting for room, from ${from},`, () => wait(from), "PlacementRefused"] as const,
]);

test.each(cases)("%s passes when it would have, whoever decides by then", async (_, begin, passed) => {
  const zone = await begin();
  await zone.pass(20_000);
  await (await zone.successor()).pass(20_000);
  await (await zone.successor()).pass(19_999);
  expect(await zone.decided()).not.toContain(passed);
  await zone.pass(1);
  expect(await zone.decided()).toContain(passed);
});

test.each(cases)("%s counts while nobody decides", async (_, begin, passed) => {
  const zone = await begin();
  zone.logMs += deadlineMs;
  await (await zone.successor()).pass(watchedMs - 1);
  expect(await zone.decided()).not.toContain(passed);
  await zone.pass(1);
  expect(await zone.decided()).toContain(passed);
});

test.each(cases)("%s does not pass by a clock that steps while one decides", async (_, begin, passed) => {
  const zone = await begin();
  for (const step of [3_600_000, -7_200_000, 86_400_000]) {
    zone.logMs += step;
    await zone.pass(15_000);
  }
  expect(await zone.decided()).not.toContain(passed);
  await zone.pass(15_000);
  expect(await zone.decided()).toContain(passed);
});

test.each(cases)(
  "%s begins anew where the log's clock was set back between two",
  async (_, begin, passed) => {
    const zone = await begin();
    zone.logMs -= 3_600_000;
    await (await zone.successor()).pass(deadlineMs - 1);
    expect(await zone.decided()).not.toContain(passed);
    await zone.pass(1);
    expect(await zone.decided()).toContain(passed);
  },
);

test("the health deadline begins anew where the log says that the rollout went on", async () => {
  const zone = await rollout();
  const word = { deployment: "shop-web-a", rollout: 1 };
  await zone.pass(50_000);
  await zone.say("eru.deployment.p.shop-web-a", { type: "RolloutPauseRequested", ...word });
  await zone.pass(50_000);
  await zone.say("eru.deployment.p.shop-web-a", { type: "RolloutResumeRequested", ...word });
  await zone.pass(0);
  await (await zone.successor()).pass(deadlineMs - 1);
  expect(await zone.decided()).not.toContain("halted");
  await zone.pass(1);
  expect(await zone.decided()).toContain("halted");
});
