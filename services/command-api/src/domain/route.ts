import { accept, type Decider, type RouteEvent, refuse } from "@eru/events";
import { type Declaration, declarationFault, type Route } from "./declaration.ts";
import { names, type Refusal } from "./refusal.ts";
import { same } from "./same.ts";
import { decideStage, evolveStage, type StageCommand, type StageJudged } from "./stage.ts";

/** What may be asked of a route, with what must be known about its neighbours. */
export type RouteCommand =
  | ({
      type: "DeclareRoute";
      /** The release whose `elb` section this is, when it is one. */
      section?: string;
      /** The declaration that is repeated, when this is an undo. */
      restores?: number;
    } & Declaration)
  | { type: "RemoveRoute"; host: string }
  | StageCommand;

/** Declaring replaces everything declared for the host. */
export const route: Decider<Route, RouteCommand, RouteEvent, Refusal> & {
  evolve: (state: Route, event: RouteEvent | StageJudged) => Route;
} = {
  initial: { phase: "absent" },

  evolve: (state, event) => {
    switch (event.type) {
      case "RouteDeclared": {
        const { type: _, host: __, section, restores: ___, ...content } = event;
        return { phase: "declared", content, section: section !== undefined };
      }
      case "RouteRemoved":
        return { phase: "removed" };
      default:
        return evolveStage(state, event);
    }
  },

  decide: (state, command) => {
    const { host } = command;
    // Whoever staged something looks at it, and would not know what was promoted.
    if (state.stage && (command.type === "DeclareRoute" || command.type === "RemoveRoute"))
      return refuse({ code: "route_staged", host, elbs: names(state.stage.elbs) });
    switch (command.type) {
      case "DeclareRoute": {
        const { content, section, restores } = command;
        const fault = declarationFault(state, command);
        if (fault) return refuse(fault);
        const asBefore =
          state.phase === "declared" &&
          same(state.content, content) &&
          state.section === (section !== undefined);
        if (asBefore) return accept();
        return accept({
          type: "RouteDeclared",
          host,
          ...content,
          ...(section !== undefined && { section }),
          ...(restores !== undefined && { restores }),
        });
      }
      case "RemoveRoute":
        if (state.phase === "removed") return accept();
        if (state.phase === "absent") return refuse({ code: "route_unknown", host });
        return accept({ type: "RouteRemoved", host });
      default:
        return decideStage(state, command);
    }
  },
};
