import { type EruEvent, subjects } from "@eru/events";
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
