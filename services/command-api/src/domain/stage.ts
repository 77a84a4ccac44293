import {
  accept,
  type Decision,
  type ElbEvent,
  type RouteEvent,
  type RouteStage,
  refuse,
  unreachable,
} from "@eru/events";
import { type Declaration, declarationFault, type Route } from "./declaration.ts";
import { names, type Refusal } from "./refusal.ts";
import { same } from "./same.ts";

/** What a load balancer that has the change says of it. */
export type StageJudged = Extract<ElbEvent, { type: "RouteStageJudged" }>;

/** What may be asked of a staged change. */
export type StageCommand =
  | ({ type: "StageRoute"; stage: RouteStage } & Declaration)
  /** `known`: of what is staged. */
  | ({ type: "PromoteRouteStage"; host: string } & Omit<Declaration, "content" | "takeOver">)
  | { type: "AbortRouteStage"; host: string; because: "aborted" | "failed"; detail: string };

/** What becomes of it by itself; undefined: it waits. */
export function dueOf({ stage }: Route): "promote" | "abort" | undefined {
  if (!stage) return undefined;
  if (stage.failed !== undefined) return "abort";
  return stage.elbs.every((elb) => stage.passedBy.has(elb)) ? "promote" : undefined;
}

type StageEvent = Exclude<RouteEvent, { type: "RouteDeclared" | "RouteRemoved" }> | StageJudged;

/** What is declared stays as it is while a change is staged. */
export function evolveStage(state: Route, event: StageEvent): Route {
  const { stage, ...declared } = state;
  switch (event.type) {
    case "RouteStaged": {
      const { type: _, host: __, ...staged } = event;
      return { ...declared, stage: { ...staged, passedBy: new Set() } };
    }
    case "RouteStageEnded":
      return declared;
    case "RouteStageJudged": {
      // What somebody else says, or of another one, counts for nothing.
      if (!stage || stage.stage !== event.stage || !stage.elbs.includes(event.elb)) return state;
      const after = event.passed
        ? { ...stage, passedBy: new Set(stage.passedBy).add(event.elb) }
        : { ...stage, failed: stage.failed ?? `${event.elb}: ${event.detail}` };
      return { ...declared, stage: after };
    }
    default:
      return unreachable(event);
  }
}

/** One change at a time is staged for a host; promoted it is declared, checked like anything new. */
export function decideStage(state: Route, command: StageCommand): Decision<RouteEvent, Refusal> {
  const { host } = command;
  const { stage } = state;
  if (command.type === "StageRoute") {
    const { content } = command;
    if (stage)
      return same(stage.content, content) && same(stage.elbs, command.stage.elbs)
        ? accept()
        : refuse({ code: "route_staged", host, elbs: names(stage.elbs) });
    const fault = declarationFault(state, command);
    if (fault) return refuse(fault);
    if (state.phase === "declared" && same(state.content, content)) return accept();
    return accept({ type: "RouteStaged", host, ...command.stage, content });
  }
  if (!stage) return refuse({ code: "route_not_staged", host });
  const end = { type: "RouteStageEnded", host, stage: stage.stage } as const;
  if (command.type === "AbortRouteStage")
    return accept({ ...end, because: command.because, detail: command.detail });
  const { content } = stage;
  const fault = declarationFault(state, { ...command, content, takeOver: true });
  if (fault) return refuse(fault);
  return accept({ ...end, because: "promoted", detail: "" }, { type: "RouteDeclared", host, ...content });
}
