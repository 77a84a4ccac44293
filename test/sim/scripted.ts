import { type DeploymentEvent, type EruEvent, type NodeEvent, rulesFrom, subjects } from "@eru/events";
import { Chance } from "./chance.ts";
import { Checks } from "./checks.ts";
import { SimElb } from "./sim-elb.ts";
import { SimLog } from "./sim-log.ts";
import { SimNode } from "./sim-node.ts";
import { SimScheduler } from "./sim-scheduler.ts";
import { stateOf } from "./state.ts";
import { Traffic } from "./traffic.ts";
import { routedApp } from "./wishes.ts";

const stepMs = 250;
/** A longer step once nothing has been recorded for a while. */
const idleStepMs = 1_000;
const idleMs = 1_500;
/** Virtual time without a message that counts as rest. It is longer than a health deadline of the scripts. */
const restMs = 9_000;
/** Virtual time in which a wish must have come to rest. */
const wishMs = 240_000;
const options = { drainDeadlineMs: 5_000, progressDeadlineMs: 15_000, actionsMax: 5 };

/** Processes that are killed: they lose their memory, and come up again with the next step. */
export type Victim = "scheduler" | "router-sync" | "agents";
/** Who dies when the n-th message since the beginning has just been stored. */
export type Killing = (message: number) => readonly Victim[];

/** What a user asks for, or what happens to a machine. */
export type Wish = DeploymentEvent | NodeEvent | Power;
type Power = { type: "PowerOff" | "PowerOn"; node: string };

/** The writer of a message dies with it: it never learns that it was stored. */
class Killed extends Error {}

export type ScriptOptions = {
  kills?: Killing;
  nodes?: number;
  elbs?: number;
  /** Requests come in all the time. */
  traffic?: boolean;
};

/** A user's wishes one after the other, each at rest before the next: so the same wishes must lead to the same states. */
export class Scripted {
  readonly checks = new Checks();
  readonly traffic: Traffic;
  readonly scheduler: SimScheduler;
  readonly nodes = new Map<string, SimNode>();
  readonly elbs: readonly SimElb[];
  readonly #kills: Killing;
  readonly #log: SimLog;
  #begunAt = Number.POSITIVE_INFINITY;
  #dying: ReadonlySet<Victim> = new Set();
  readonly #rough: boolean;
  #looked = 0;
  /** Processes killed so far, to be sure that there were some. */
  crashes = 0;
  /** To be called with every message, once the state is at it. */
  stored: (events: readonly EruEvent[]) => void = () => {};

  constructor({ kills = () => [], nodes = 3, elbs = 1, traffic = false }: ScriptOptions = {}) {
    this.#kills = kills;
    this.#rough = traffic;
    const chance = new Chance(1);
    this.#log = new SimLog((entry) => {
      this.checks.stored(entry);
      this.stored(entry.events.map(({ event }) => event));
    });
    this.#log.nowMs = 1_000_000;
    this.#log.appended = (actor) => this.#doom(actor);
    const shared = { log: this.#log, chance };
    this.scheduler = new SimScheduler({ ...shared, checks: this.checks, options });
    const names = (prefix: string, many: number) =>
      Array.from({ length: many }, (_, n) => `${prefix}${n + 1}`);
    this.elbs = names("e", elbs).map(
      (name) =>
        new SimElb(name, {
          ...shared,
          beat: (elb, seq) => this.scheduler.hearElb(elb, seq),
          ...(traffic && {
            inFlight: (elb: string, workload: string) => this.traffic.inFlight(elb, workload),
          }),
        }),
    );
    this.traffic = new Traffic({ ...shared, nodes: this.nodes, elbs: this.elbs });
    for (const name of names("n", nodes))
      this.nodes.set(
        name,
        new SimNode(name, {
          ...shared,
          beat: (node) => this.scheduler.hearNode(node),
          before: (step, container) => {
            if (traffic && (step === "stop" || step === "remove")) this.traffic.beforeEnd(container);
          },
        }),
      );
    this.checks.world = { nodes: this.nodes, elbs: this.elbs };
  }

  /** Messages stored since the beginning. */
  get messages(): number {
    return Math.max(0, this.#log.head - this.#begunAt);
  }

  async begin(): Promise<void> {
    this.scheduler.start();
    for (const elb of this.elbs) elb.start();
    for (const [node, machine] of this.nodes) {
      const resources = { cpu: 4, memoryMib: 4_000 };
      await this.#say(subjects.node(node), { type: "NodeAdded", node, pod: "p", labels: {}, resources });
      machine.startAgent();
    }
    await this.#say(subjects.route("shop.example"), {
      type: "RouteDeclared",
      host: "shop.example",
      rules: rulesFrom([{ app: routedApp, entrypoint: "web" }]),
    });
    await this.rest();
    this.#begunAt = this.#log.head;
  }

  /** Asks for something at once and waits for rest; then says how everything stands. */
  async wish(...wishes: Wish[]): Promise<string> {
    await this.ask(...wishes);
    await this.rest();
    return stateOf(this.checks.truth, this.nodes, this.elbs);
  }

  async ask(...wishes: Wish[]): Promise<void> {
    for (const wish of wishes) {
      if (isAboutPower(wish)) await this.#power(wish.node, wish.type);
      else if (isOfDeployment(wish)) await this.#say(subjects.deployment("p", wish.deployment), wish);
      else await this.#say(subjects.node(wish.node), wish);
      await this.#bury();
    }
  }

  async rest(): Promise<void> {
    const beganMs = this.#log.nowMs;
    const endMs = beganMs + wishMs;
    for (;;) {
      const silentMs = this.#log.nowMs - Math.max(beganMs, this.#log.entries.at(-1)?.atMs ?? 0);
      if (silentMs > restMs && !this.#going()) return;
      if (this.#log.nowMs > endMs) throw new Error(`no rest within ${wishMs / 1_000} s`);
      await this.step(silentMs > idleMs && !this.#going() ? idleStepMs : stepMs);
    }
  }

  async step(ms = stepMs): Promise<void> {
    this.#log.nowMs += ms;
    for (const part of [...this.nodes.values(), ...this.elbs, this.scheduler]) {
      // Under traffic load balancers are slow to learn: whoever does not wait for them loses requests.
      await part.step(this.#rough && part instanceof SimElb).catch((error: unknown) => {
        if (!(error instanceof Killed)) throw error;
      });
      await this.#bury();
    }
    this.traffic.step();
  }

  /** Kills processes now. */
  async kill(...victims: readonly Victim[]): Promise<void> {
    this.#dying = new Set(victims);
    await this.#bury();
  }

  /** Something is still on its way out, or waits for an answer of a machine. */
  #going(): boolean {
    const { workloads } = this.checks.truth;
    return workloads.values().some(({ going, node }) => going !== undefined && node.liveness !== "lost");
  }

  async #power(node: string, type: "PowerOff" | "PowerOn"): Promise<void> {
    const machine = this.nodes.get(node);
    if (type === "PowerOff") {
      this.traffic.lost.add(node);
      await machine?.powerOff();
    } else {
      this.traffic.lost.delete(node);
      machine?.startAgent();
    }
  }

  /** Somebody's message is stored: who dies now? */
  #doom(actor: string): void {
    // Of a batch nobody learns a part.
    const victims: Victim[] = [];
    while (this.#looked < this.#log.head) victims.push(...this.#kills(++this.#looked - this.#begunAt));
    if (victims.length === 0) return;
    this.#dying = new Set([...this.#dying, ...victims]);
    const writer = { s: "scheduler", e: "router-sync", a: "agents" }[actor[0] ?? ""];
    if (victims.some((victim) => victim === writer)) throw new Killed();
  }

  /** The victims lose all they knew. */
  async #bury(): Promise<void> {
    const dying = this.#dying;
    this.#dying = new Set();
    if (dying.has("scheduler")) {
      await this.scheduler.crash().catch(() => undefined);
      this.scheduler.start();
      this.crashes++;
    }
    for (const elb of dying.has("router-sync") ? this.elbs : []) {
      elb.crashSync();
      this.crashes++;
    }
    for (const node of dying.has("agents") ? this.nodes.values() : [])
      if (node.on) {
        await node.crashAgent();
        node.startAgent();
        this.crashes++;
      }
    // What died wrote its last words, at most.
    this.#dying = new Set();
  }

  async #say(subject: string, event: EruEvent): Promise<void> {
    const id = this.#log.nextId();
    await this.#log.append(subject, "user:sim", [{ event, cause: { correlationId: id, causationId: id } }]);
  }
}

const isOfDeployment = (wish: DeploymentEvent | NodeEvent): wish is DeploymentEvent => "deployment" in wish;

const isAboutPower = (wish: Wish): wish is Power => wish.type === "PowerOff" || wish.type === "PowerOn";
