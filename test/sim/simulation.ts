import { type DeploymentEvent, type EruEvent, type NodeEvent, rulesFrom, subjects } from "@eru/events";
import type { Node as TrueNode } from "../../services/scheduler/src/domain/zone.ts";
import { Chance } from "./chance.ts";
import { Checks } from "./checks.ts";
import { adoptionWishes, dissociationWish, openWish } from "./dissociations.ts";
import { roomKept } from "./preemptions.ts";
import { hasItsAmounts, reallocWish } from "./reallocs.ts";
import { replay } from "./replay.ts";
import { mayStay, setsUnrest, ssd, strategyWish, wantedOf } from "./sets.ts";
import { SimElb } from "./sim-elb.ts";
import { SimLog } from "./sim-log.ts";
import { SimNode } from "./sim-node.ts";
import { SimScheduler } from "./sim-scheduler.ts";
import { turnOf, turnWish } from "./turns.ts";
import { agree, tamper, usage } from "./usage.ts";
import {
  apps,
  asks,
  changeWish,
  isGood,
  largeAsks,
  offerOf,
  type Release,
  releases,
  rolloutSettings,
  routedApp,
  template,
} from "./wishes.ts";

const stepMs = 250;
const calmStepMs = 500;
/** Virtual time the faults go on for. */
const roughMs = 40_000;
/** Virtual time in which everything must have come to rest after the faults: hooks that fail hold each stop up for a while. */
const calmMs = 480_000;

/** Virtual time without a message that counts as rest. */
const restMs = 3_000;

const options = { drainDeadlineMs: 5_000, progressDeadlineMs: 15_000, actionsMax: 5 };

/**
 * One run: the real scheduler and the real agents over the in-memory log, on a virtual clock. Users, machines, wires and
 * processes do what the seed says for a while; then the faults stop, and what is wished must come to be.
 */
export class Simulation {
  readonly #chance: Chance;
  readonly #checks = new Checks();
  readonly #log = new SimLog((entry) => this.#checks.stored(entry));
  readonly #schedulers: SimScheduler[];
  readonly #nodes = new Map<string, SimNode>();
  readonly #elbs: SimElb[];
  #deployments = 0;

  constructor(seed: number) {
    this.#chance = new Chance(seed);
    this.#log.nowMs = 1_000_000;
    const shared = { log: this.#log, chance: this.#chance };
    this.#schedulers = [0, 1].map(() => new SimScheduler({ ...shared, checks: this.#checks, options }));
    this.#elbs = ["e1", "e2"].map(
      (name) =>
        new SimElb(name, {
          ...shared,
          beat: (elb, appliedSeq) => {
            for (const scheduler of this.#schedulers) scheduler.hearElb(elb, appliedSeq);
          },
        }),
    );
    this.#checks.world = { nodes: this.#nodes, elbs: this.#elbs };
  }

  /** What the run amounted to, for judging whether it tried anything. */
  get tally() {
    return { messages: this.#log.head, ...this.#checks.tally };
  }

  async run(): Promise<void> {
    await this.#begin();
    for (const endMs = this.#log.nowMs + roughMs; this.#log.nowMs < endMs; ) {
      await this.#command();
      await this.#fault();
      await this.#step(stepMs, true);
    }
    await this.#heal();
    await this.#comeToRest();
    const { truth } = this.#checks;
    agree(await usage(this.#nodes, truth));
    const correction = await tamper(this.#nodes, truth, this.#chance);
    if (correction) {
      await this.#say(correction.subject, correction.event);
      await this.#comeToRest();
      agree(await usage(this.#nodes, truth));
    }
    replay(this.#log, this.#schedulers, options);
  }

  async #comeToRest(): Promise<void> {
    const endMs = this.#log.nowMs + calmMs;
    let unrest: string | undefined = "begun";
    while (unrest !== undefined && this.#log.nowMs < endMs) {
      await this.#step(calmStepMs, false);
      const idleMs = this.#log.nowMs - (this.#log.entries.at(-1)?.atMs ?? 0);
      unrest = idleMs < restMs ? "the log still grows" : this.#unrest();
    }
    if (unrest !== undefined)
      throw new Error(`not at rest after ${calmMs / 1_000} s without faults: ${unrest}`);
  }

  async #begin(): Promise<void> {
    for (const scheduler of this.#schedulers) scheduler.start();
    for (const name of ["n1", "n2", "n3"]) await this.#addNode(name);
    for (const elb of this.#elbs) elb.start();
    await this.#say(subjects.route("shop.example"), {
      type: "RouteDeclared",
      host: "shop.example",
      rules: rulesFrom([{ app: routedApp, entrypoint: "web" }]),
    });
  }

  async #addNode(name: string): Promise<void> {
    const node = new SimNode(name, {
      log: this.#log,
      chance: this.#chance,
      beat: (from) => {
        for (const scheduler of this.#schedulers) scheduler.hearNode(from);
      },
    });
    this.#nodes.set(name, node);
    const cpu = this.#chance.between(1, 3);
    const resources = this.#chance.may(0.7) ? { resources: offerOf(cpu) } : {};
    await this.#say(subjects.node(name), {
      type: "NodeAdded",
      node: name,
      pod: "p",
      labels: this.#chance.may(0.6) ? ssd : {},
      ...resources,
    });
    node.startAgent();
  }

  async #step(ms: number, rough: boolean): Promise<void> {
    this.#log.nowMs += ms;
    for (const node of this.#nodes.values()) await node.step(rough);
    for (const elb of this.#elbs) await elb.step(rough);
    for (const scheduler of this.#schedulers) await scheduler.step(rough);
    this.#checks.sums();
  }

  /** A user does something, within what command-api lets through. */
  async #command(): Promise<void> {
    const chance = this.#chance;
    if (!chance.may(0.12)) return;
    const wished = [...this.#checks.truth.deployments.values()].filter(({ removed }) => !removed);
    const deployment = chance.pick(wished);
    const node = chance.pick([...this.#checks.truth.nodes.values()]);
    const release = this.#release();
    switch (deployment ? chance.between(0, 18) : 0) {
      case 0:
      case 1:
        if (wished.length < 4) await this.#deploy(release);
        return;
      case 2:
      case 3:
      case 4:
        await this.#request({
          type: "ScaleRequested",
          deployment: deployment?.id ?? "",
          count: chance.between(0, 5),
        });
        return;
      case 5:
      case 6: {
        const app = deployment?.key.split("/")[0] ?? "";
        await this.#request({
          type: "UpgradeRequested",
          deployment: deployment?.id ?? "",
          template: template(app, release),
          ...rolloutSettings(chance),
        });
        return;
      }
      case 8:
      case 9:
      case 10:
        if (deployment?.rollout)
          await this.#request({
            type: `Rollout${chance.pick(["Pause", "Resume", "Resume", "Abort", "Promote"] as const) ?? "Resume"}Requested`,
            deployment: deployment.id,
            rollout: deployment.rollout.number,
          });
        return;
      case 7:
        await this.#request({ type: "RemovalRequested", deployment: deployment?.id ?? "" });
        return;
      case 14:
        if (deployment) await this.#request(turnWish(chance, deployment));
        return;
      case 11:
      case 12:
      case 13: {
        const workload = chance.pick([...(deployment?.workloads.values() ?? [])]);
        if (deployment && workload && chance.may(0.6)) await this.#request(changeWish(chance, workload));
        else if (deployment && workload) await this.#request(reallocWish(chance, workload));
        return;
      }
      case 17:
      case 18:
        for (const wish of dissociationWish(chance, deployment)) await this.#request(wish);
        return;
      default:
        if (node) await this.#nodeCommand(node);
    }
  }

  async #deploy(release: Release): Promise<void> {
    const chance = this.#chance;
    const app = chance.pick(apps) ?? "shop";
    const wish = strategyWish(chance);
    const turn = turnOf(chance, wish.strategy);
    await this.#request({
      type: "DeploymentRequested",
      deployment: `${app}-web-${++this.#deployments}`,
      pod: "p",
      template: template(app, release),
      resources: chance.pick(turn.preempt ? largeAsks : asks) ?? { cpu: 1, memoryMib: 100 },
      ...wish,
      ...turn,
    });
  }

  async #nodeCommand({ name: node, labels, cordoned, drain }: TrueNode): Promise<void> {
    const chance = this.#chance;
    const [first] = this.#nodes.keys();
    const there = this.#checks.truth.nodes.size;
    if (chance.may(0.2))
      await this.#nodeEvent({ type: "NodeLabelled", node, labels: "disk" in labels ? {} : ssd });
    else if (chance.may(0.4)) {
      const type = drain ? "DrainCancelled" : "DrainRequested";
      await this.#nodeEvent(type === "DrainRequested" ? { type, node, reason: "" } : { type, node });
    } else if (cordoned !== undefined) await this.#nodeEvent({ type: "NodeUncordoned", node });
    else if (chance.may(0.3)) await this.#nodeEvent({ type: "NodeCordoned", node, reason: "" });
    else if (there < 4 && this.#nodes.size < 7) await this.#addNode(`n${this.#nodes.size + 1}`);
    else if (there > 2 && first !== node) await this.#nodeEvent({ type: "NodeRemoved", node });
  }

  #release(): Release {
    const chance = this.#chance;
    return (chance.may(0.7) ? chance.pick(releases.slice(0, 3)) : chance.pick(releases)) ?? "good-1";
  }

  /** A process, a machine, a wire or an engine fails for a while. */
  async #fault(): Promise<void> {
    const chance = this.#chance;
    if (!chance.may(0.08)) return;
    const untilMs = this.#log.nowMs + chance.between(500, 15_000);
    const scheduler = chance.pick(this.#schedulers);
    const node = chance.pick([...this.#nodes.values()]);
    const elb = chance.pick(this.#elbs);
    if (!scheduler || !node || !elb) return;
    switch (chance.between(0, 10)) {
      case 0:
        return scheduler.core ? await scheduler.crash() : scheduler.start();
      case 1:
        scheduler.pausedUntilMs = untilMs;
        return;
      case 2:
        scheduler.cutUntilMs = untilMs;
        return;
      case 3:
        return node.on ? await node.crashAgent() : node.startAgent();
      case 4:
        return node.on ? await node.powerOff() : node.startAgent();
      case 5:
        node.cutUntilMs = untilMs;
        return;
      case 6:
        node.engineDownUntilMs = untilMs;
        return;
      case 7:
        node.flaky = chance.may(0.5) ? 0.3 : 0;
        return;
      case 8:
        return chance.may(0.3) ? node.removeByHand() : node.kill();
      case 9:
        node.engine.failNext(
          chance.pick(["create", "start", "stop", "remove"] as const) ?? "start",
          "no space left",
        );
        node.engine.loseAnswer(chance.pick(["create", "start", "stop", "remove"] as const) ?? "start");
        return;
      default:
        return elb.on ? elb.stop() : elb.start();
    }
  }

  /** Everything that failed works again. */
  async #heal(): Promise<void> {
    for (const scheduler of this.#schedulers) {
      scheduler.pausedUntilMs = 0;
      scheduler.cutUntilMs = 0;
      if (!scheduler.core) scheduler.start();
    }
    for (const elb of this.#elbs) if (!elb.on) elb.start();
    for (const node of this.#nodes.values()) {
      node.cutUntilMs = 0;
      node.engineDownUntilMs = 0;
      node.flaky = 0;
      if (!node.on) node.startAgent();
    }
    for (const deployment of this.#checks.truth.deployments.values())
      for (const wish of adoptionWishes(this.#chance, deployment)) await this.#request(wish);
    for (const { name, cordoned, drain } of this.#checks.truth.nodes.values()) {
      if (cordoned !== undefined) await this.#nodeEvent({ type: "NodeUncordoned", node: name });
      if (drain && this.#chance.may(0.5)) await this.#nodeEvent({ type: "DrainCancelled", node: name });
    }
  }

  /** What has not come to be yet. */
  #unrest(): string | undefined {
    const { truth } = this.#checks;
    for (const node of this.#nodes.values()) {
      if (!node.quiet) return `${node.name} is at work`;
      const known = truth.nodes.get(node.name);
      if (known && known.liveness !== "alive") return `${node.name} is ${known.liveness}`;
      const ours = node
        .running()
        .filter(({ labels }) => !this.#checks.dissociations.has(labels["eru.workload"]));
      const running = ours.map(({ labels }) => labels["eru.workload"] ?? "");
      for (const id of running) {
        const workload = truth.workloads.get(id);
        if (workload?.node !== known || workload?.going) return `${id} still runs on ${node.name}`;
      }
      const unlike = ours.find((one) => !hasItsAmounts(node, truth.workloads, one));
      if (unlike) return `${unlike.name} has not got the resources that the log says`;
      for (const { id, phase } of known?.workloads ?? [])
        if (phase === "healthy" && !running.includes(id))
          return `${id} is said to be healthy on ${node.name}`;
    }
    for (const deployment of truth.deployments.values()) {
      const { id, workloads, waiting, rollout, halted } = deployment;
      if (deployment.removed) return `${id} is not removed`;
      const all = [...workloads.values()];
      if (all.some(({ going }) => going)) return `${id} has workloads on their way out`;
      const target = wantedOf(deployment);
      // What does not get healthy again holds the changes after it back, for ever if need be.
      const sick = all.some(({ change, phase }) => change && phase === "unhealthy");
      if (!sick && all.some(({ change, asked }) => change || asked))
        return `${id} has a workload that is being changed`;
      if (openWish(deployment)) return openWish(deployment);
      // One that a user stopped counts like one that runs: it shall be as it is.
      const healthy = all.filter(
        ({ phase, node }) => (phase === "healthy" || phase === "stopped") && mayStay(deployment, node),
      ).length;
      const held = rollout && (rollout.paused || rollout.step === "halted" || rollout.step === "canary");
      if (rollout && !held) {
        // An upgrade may wait for room for one more; meanwhile the old ones do what they can.
        const underWay = all.some(({ phase }) => ["assigned", "created", "started"].includes(phase));
        // Before anything new serves, a new one that a user stopped is waited for until it is started again.
        const fresh = all.filter((one) => one.version === deployment.version);
        if (fresh.some((one) => one.stopped) && !fresh.some(({ phase }) => phase === "healthy")) continue;
        if (waiting === 0 || underWay) return `${id} is being upgraded`;
        continue;
      }
      if (halted || rollout) continue;
      if (all.some(({ version }) => version !== deployment.stableVersion)) return `${id} mixes releases`;
      const releasesThere = all.map(
        ({ version }) => deployment.contents.get(version)?.template.release ?? "",
      );
      if (!releasesThere.every(isGood)) {
        if (all.some(({ phase }) => phase === "assigned")) return `${id} is being tried`;
        if (!releasesThere.some((one) => one === "sick" || one === "deaf"))
          return `${id} runs ${releasesThere.join()} and is not halted`;
        continue;
      }
      if (all.some(({ node }) => node.drain)) {
        // What fits nowhere else stays where it is and says so.
        if (waiting === 0) return `${id} is still on a draining node and does not say why`;
        if (healthy === target) continue;
      }
      if (healthy + waiting !== target)
        return `${id} has ${healthy} healthy and ${waiting} waiting of ${target}`;
      const uneven = setsUnrest(truth, deployment);
      if (uneven !== undefined) return uneven;
    }
    return roomKept(truth);
  }

  async #request(event: DeploymentEvent): Promise<void> {
    await this.#say(subjects.deployment("p", event.deployment), event);
  }

  async #nodeEvent(event: NodeEvent): Promise<void> {
    await this.#say(subjects.node(event.node), event);
  }

  async #say(subject: string, event: EruEvent): Promise<void> {
    const id = this.#log.nextId();
    await this.#log.append(subject, "user:sim", [{ event, cause: { correlationId: id, causationId: id } }]);
  }
}
