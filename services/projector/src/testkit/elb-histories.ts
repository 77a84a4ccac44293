import { type EruEvent, rulesFrom, subjects } from "@eru/events";
import type { Choose } from "./histories.ts";
import { userActor, type World } from "./world.ts";

const words = ["ElbLeaveRequested", "ElbJoinRequested", "ElbForgotten"] as const;

const oneOf = (choose: Choose): string => (choose(2) === 0 ? "e1" : "e2");

/** A load balancer says what it did with its table. */
export function elbReportsStep(world: World, choose: Choose): void {
  const elb = oneOf(choose);
  const applied = { appliedSeq: world.seq, changedPools: 1, changedHosts: choose(2) };
  const said: EruEvent[] = [
    { type: "RouteTableApplied", elb, bootId: "b1", ...applied, group: "default" },
    { type: "RouteRejected", elb, host: "shop.localhost", reason: "too long" },
  ];
  const gone = world.workloads.find((one) => one.going === "draining");
  if (gone) said.push({ type: "EndpointDrained", elb, workload: gone.id, inFlight: 0 });
  world.append(subjects.elb(elb), `elb:${elb}`, said.slice(choose(said.length)));
}

/** An operator says what a load balancer shall do. */
export function elbWordStep(world: World, choose: Choose): void {
  const elb = oneOf(choose);
  world.append(subjects.balancer(elb), userActor, [{ type: words[choose(3)] ?? words[0], elb }]);
}

/** A change of a route is staged, judged or ended. */
export function stageStep(world: World, choose: Choose): void {
  const host = "shop.localhost";
  const elb = oneOf(choose);
  const stage = `s${choose(2)}`;
  const content = { rules: rulesFrom([{ app: "shop", entrypoint: "web" }]) };
  const staged = { host, stage, elbs: [elb], content, ...(choose(2) === 0 && { promoteAfterMs: 5_000 }) };
  const steps: (() => void)[] = [
    () => void world.append(subjects.route(host), userActor, [{ type: "RouteStaged", ...staged }]),
    () =>
      void world.append(subjects.elb(elb), `elb:${elb}`, [
        { type: "RouteStageJudged", elb, host, stage, passed: choose(2) === 0, detail: "0 of 9" },
      ]),
    () =>
      void world.append(subjects.route(host), userActor, [
        { type: "RouteStageEnded", host, stage, because: "failed", detail: "refused" },
      ]),
  ];
  steps[choose(steps.length)]?.();
}
