import type { WorkloadOrder } from "@eru/events";
import fc from "fast-check";
import { expect, test } from "vitest";
import { Drive } from "../../test/drive.ts";
import { assigned, stopAssigned } from "../../test/orders.ts";
import type { SimStep } from "../../test/sim-engine.ts";

// Random lives of a node: orders in any order, containers that end, vanish or restart, steps that are refused or whose
// answer is lost, an engine that goes away, an agent that dies with its last facts unsent. When the disturbances stop,
// everything must be as the newest order says, everything must have been reported, and foreign containers untouched.
const workloadOrders = ({ orders }: Drive): WorkloadOrder[] =>
  orders.filter((one) => "generation" in one && "workload" in one);
const workloads = ["shop-web-abc123-1", "shop-web-abc123-2"];
const steps: readonly SimStep[] = ["inspect", "create", "start", "stop", "remove"];
const generations = 3;
/** Steps whose refusal is an attempt to start that failed. */
const runSteps = new Set(["pull", "create", "start"]);

type Happening =
  | { is: "order"; workload: string; generation: number; run: boolean }
  | { is: "exit" | "remove" | "restart"; workload: string; told: boolean }
  | { is: "refuse" | "lose"; step: SimStep }
  | { is: "outage" | "crash"; told: boolean }
  | { is: "die"; lost: number }
  | { is: "foreign"; labelled: boolean }
  | { is: "pass"; ms: number };

const workload = fc.constantFrom(...workloads);
const happening: fc.Arbitrary<Happening> = fc.oneof(
  fc.record({
    is: fc.constant("order" as const),
    workload,
    generation: fc.integer({ min: 1, max: generations }),
    run: fc.boolean(),
  }),
  fc.record({ is: fc.constantFrom("exit", "remove", "restart"), workload, told: fc.boolean() }),
  fc.record({ is: fc.constantFrom("refuse", "lose"), step: fc.constantFrom(...steps) }),
  fc.record({ is: fc.constantFrom("outage", "crash"), told: fc.boolean() }),
  fc.record({ is: fc.constant("die" as const), lost: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ is: fc.constant("foreign" as const), labelled: fc.boolean() }),
  fc.record({ is: fc.constant("pass" as const), ms: fc.constantFrom(0, 500, 1_000, 61_000) }),
);

const runOrder = (name: string, generation: number) =>
  assigned({
    workload: name,
    generation,
    restart: { retriesMax: 1_000 },
    ...(name === workloads[0] && { healthcheck: { tcpPorts: [8080] } }),
  });

class Life {
  readonly drive = new Drive();
  readonly foreign = new Map<string, unknown>();

  async live(happenings: readonly Happening[]): Promise<void> {
    await this.drive.begin();
    for (const one of happenings) {
      await this.happen(one);
      await this.drive.settle();
    }
  }

  async happen(one: Happening): Promise<void> {
    const { drive } = this;
    switch (one.is) {
      case "order": {
        const { workload: name, generation } = one;
        // A generation is given once: what it says does not change.
        if (workloadOrders(drive).some((known) => known.workload === name && known.generation === generation))
          return;
        drive.order(one.run ? runOrder(name, generation) : stopAssigned(name, generation));
        return;
      }
      case "exit":
      case "remove":
      case "restart":
        this.disturb(one.is, one.workload);
        if (one.told) await drive.hint(one.workload);
        return;
      case "refuse":
        drive.engine.failNext(one.step, "refused");
        return;
      case "lose":
        drive.engine.loseAnswer(one.step);
        return;
      case "outage":
        drive.engine.setReachable(false);
        if (one.told) drive.agent.engineLost("gone");
        await drive.settle();
        drive.engine.setReachable(true);
        await drive.look();
        return;
      case "crash":
        if (one.told) drive.agent.engineLost("gone");
        drive.engine.restart();
        for (const { name, state, labels } of drive.engine.containers())
          if (state === "exited" && !("eru.workload" in labels && name.startsWith("eru-")))
            this.foreign.set(name, drive.engine.container(name));
        if (one.told) await drive.look();
        return;
      case "die":
        await drive.restartAgent(one.lost);
        return;
      case "foreign":
        this.addForeign(one.labelled);
        return;
      case "pass":
        await drive.pass(one.ms);
    }
  }

  addForeign(labelled: boolean): void {
    const name = `foreign-${this.foreign.size}`;
    const labels: Record<string, string> = labelled
      ? { "eru.workload": workloads[0]!, "eru.generation": "1", "eru.node": "n1" }
      : {};
    this.foreign.set(name, this.drive.engine.addForeign(name, labels));
  }

  disturb(how: "exit" | "remove" | "restart", name: string): void {
    const { engine } = this.drive;
    const container = engine.containers().find((one) => one.name.startsWith(`eru-${name}-g`));
    if (!container) return;
    if (how === "remove") engine.removeByHand(container.name);
    else if (container.state !== "running") return;
    else if (how === "exit") engine.exit(container.name, 1);
    else engine.restartByHand(container.name);
  }

  /** Everything is as ordered, and the log says so. */
  check(): void {
    const { drive } = this;
    const ours = drive.engine.containers().filter((one) => one.name.startsWith("eru-"));
    for (const name of workloads) {
      const orders = workloadOrders(drive).filter((one) => one.workload === name);
      const newest = orders.toSorted((one, other) => other.generation - one.generation)[0];
      const containers = ours.filter((one) => one.labels["eru.workload"] === name);
      const last = drive.history
        .map(({ fact }) => fact)
        .findLast((fact) => "workload" in fact && fact.workload === name);
      if (newest?.type === "WorkloadAssigned") {
        expect(containers.map((one) => [one.name, one.state])).toEqual([
          [`eru-${name}-g${newest.generation}`, "running"],
        ]);
        expect(last).toMatchObject({ type: "ContainerHealthy", generation: newest.generation });
      } else {
        expect(containers).toEqual([]);
        if (newest) expect(last).toMatchObject({ type: "ContainerRemoved", generation: newest.generation });
      }
    }
    for (const [name, container] of this.foreign) expect(drive.engine.container(name)).toEqual(container);
  }

  /** Attempts only grow, and health is only said about the start that was reported last. */
  checkHistory(): void {
    for (const name of workloads) {
      let generation = 0;
      let attempt = 0;
      for (const { fact } of this.drive.history) {
        if (!("generation" in fact) || fact.workload !== name) continue;
        if (fact.generation > generation) attempt = 0;
        generation = Math.max(generation, fact.generation);
        if (fact.type === "ContainerStarted") {
          expect(fact.attempt).toBeGreaterThan(attempt);
          attempt = fact.attempt;
        } else if (fact.type === "ContainerFailed" && runSteps.has(fact.step))
          attempt = Math.max(attempt, fact.attempt);
        else if (fact.type === "ContainerHealthy" || fact.type === "ContainerUnhealthy")
          expect([fact.generation, fact.attempt]).toEqual([generation, attempt]);
      }
    }
  }
}

test("whatever happens, the node becomes what was ordered, says so, and then rests", {
  timeout: 60_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { maxLength: 25 }), async (happenings) => {
      const life = new Life();
      await life.live(happenings);
      const { drive } = life;
      await drive.look(); // What nobody told is found by the next full look.
      await drive.pass(300_000);
      life.check();
      life.checkHistory();

      const said = drive.history.length;
      const done = drive.engine.steps.length;
      await drive.look();
      await drive.pass(300_000);
      await drive.restartAgent();
      await drive.pass(300_000);
      expect(drive.facts().slice(said)).toEqual([]);
      expect(drive.engine.steps.slice(done)).toEqual([]);
    }),
    { numRuns: 1_000 },
  );
});
