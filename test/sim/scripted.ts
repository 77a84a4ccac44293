import { type DeploymentEvent, type EruEvent, rulesFrom, subjects } from "@eru/events";
import { Chance } from "./chance.ts";
import { Checks } from "./checks.ts";
import { SimElb } from "./sim-elb.ts";
import { SimLog } from "./sim-log.ts";
import { SimNode } from "./sim-node.ts";
import { SimScheduler } from "./sim-scheduler.ts";
import { routedApp } from "./wishes.ts";

const stepMs = 250;
/** Virtual time without a message that counts as rest. It is longer than a health deadline of the script. */
const restMs = 8_000;
/** Virtual time in which a wish must have come to rest. */
const wishMs = 240_000;
const options = { drainDeadlineMs: 5_000, progressDeadlineMs: 15_000, actionsMax: 5 };

/** Who is killed after every message: its memory is gone, and it comes up again with the next step. */
export type Victim = "nobody" | "scheduler" | "agents" | "both";

/** A user's wishes one after the other, each at rest before the next: so the same wishes must lead to the same states. */
export class Scripted {
  readonly #victim: Victim;
  readonly #checks = new Checks();
  readonly #log: SimLog;
  readonly #nodes = new Map<string, SimNode>();
  readonly #elb: SimElb;
  readonly #scheduler: SimScheduler;
  #hit = false;
  /** Crashes so far, to be sure that there were some. */
  crashes = 0;

  constructor(victim: Victim) {
    this.#victim = victim;
    const chance = new Chance(1);
    this.#log = new SimLog((entry) => {
      this.#checks.stored(entry);
      this.#hit = true;
    });
    this.#log.nowMs = 1_000_000;
    const shared = { log: this.#log, chance };
    this.#scheduler = new SimScheduler({ ...shared, checks: this.#checks, options });
    const beat = (elb: string, seq: number) => this.#scheduler.hearElb(elb, seq);
    this.#elb = new SimElb("e1", { ...shared, beat });
    for (const name of ["n1", "n2", "n3"])
      this.#nodes.set(name, new SimNode(name, { ...shared, beat: (node) => this.#scheduler.hearNode(node) }));
    this.#checks.world = { nodes: this.#nodes, elbs: [this.#elb] };
  }

  async begin(): Promise<void> {
    this.#scheduler.start();
    this.#elb.start();
    for (const [node, machine] of this.#nodes) {
      const resources = { cpu: 4, memoryMib: 4_000 };
      await this.#say(subjects.node(node), { type: "NodeAdded", node, pod: "p", labels: {}, resources });
      machine.startAgent();
    }
    await this.#say(subjects.route("shop.example"), {
      type: "RouteDeclared",
      host: "shop.example",
      rules: rulesFrom([{ app: routedApp, entrypoint: "web" }]),
    });
    await this.#rest();
  }

  /** Asks for something at once and waits for rest; then says how everything stands. */
  async wish(...events: DeploymentEvent[]): Promise<string> {
    for (const event of events) await this.#say(subjects.deployment("p", event.deployment), event);
    await this.#rest();
    return [...this.#checks.truth.deployments.values()]
      .map(({ id, workloads, contents, version, stableVersion, rollout }) => {
        const of = (seq: number): string => contents.get(seq)?.template.release ?? "?";
        const runs = [...workloads.values()].map(
          (one) => `${of(one.version)} ${one.going ? "going" : one.phase}`,
        );
        const is = rollout && `${rollout.number} ${rollout.step}${rollout.paused ? " paused" : ""}`;
        return `${id}: ${of(version)}, stable ${of(stableVersion)}, rollout ${is ?? "none"}; ${runs.sort().join(", ")}`;
      })
      .join("\n");
  }

  async #rest(): Promise<void> {
    const endMs = this.#log.nowMs + wishMs;
    for (;;) {
      await this.#step();
      if (this.#log.nowMs - (this.#log.entries.at(-1)?.atMs ?? 0) > restMs) return;
      if (this.#log.nowMs > endMs) throw new Error(`no rest within ${wishMs / 1_000} s`);
    }
  }

  async #step(): Promise<void> {
    this.#log.nowMs += stepMs;
    const parts = [...this.#nodes.values(), this.#elb, this.#scheduler];
    for (const part of parts) {
      await part.step(false);
      if (this.#hit) await this.#kill();
    }
    this.#checks.sums();
  }

  /** Something was recorded: the victims lose all they knew. */
  async #kill(): Promise<void> {
    this.#hit = false;
    if (this.#victim === "scheduler" || this.#victim === "both") {
      await this.#scheduler.crash();
      this.#scheduler.start();
      this.crashes++;
    }
    if (this.#victim === "agents" || this.#victim === "both")
      for (const node of this.#nodes.values()) {
        await node.crashAgent();
        node.startAgent();
        this.crashes++;
      }
    this.#hit = false;
  }

  async #say(subject: string, event: EruEvent): Promise<void> {
    const id = this.#log.nextId();
    await this.#log.append(subject, "user:sim", [{ event, cause: { correlationId: id, causationId: id } }]);
  }
}
