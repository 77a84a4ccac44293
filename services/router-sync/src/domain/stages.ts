import type { Cause, EruEvent, RecordedEvent, RouteEvent } from "@eru/events";

type Staged = Extract<RouteEvent, { type: "RouteStaged" }>;
type Declared = Extract<RouteEvent, { type: "RouteDeclared" }>;

/** A staged change that this load balancer has and others have not. */
export type StagedHere = Pick<Staged, "host" | "stage" | "promoteAfterMs" | "failuresMaxPercent"> & {
  readonly seq: number;
  readonly cause: Cause;
};

/**
 * Changes of routes that some load balancers get first, as one of them sees them: what is staged for it looks as if it
 * were declared, what is staged for others as if nothing had happened.
 */
export class Stages {
  readonly #elb: string;
  /** What is declared for everybody. */
  readonly #declared = new Map<string, Declared>();
  readonly #here = new Map<string, StagedHere>();

  constructor(elb: string) {
    this.#elb = elb;
  }

  /** By host, what is staged for this load balancer. */
  get here(): ReadonlyMap<string, StagedHere> {
    return this.#here;
  }

  /** The event as this load balancer has to take it; undefined: it changes nothing here. */
  seen({ event, seq, cause, id }: RecordedEvent): EruEvent | undefined {
    switch (event.type) {
      case "RouteDeclared":
        this.#declared.set(event.host, event);
        this.#here.delete(event.host);
        return event;
      case "RouteRemoved":
        this.#declared.delete(event.host);
        this.#here.delete(event.host);
        return event;
      case "RouteStaged": {
        const { host, stage, content, promoteAfterMs, failuresMaxPercent } = event;
        if (!event.elbs.includes(this.#elb)) return undefined;
        const limits = {
          ...(promoteAfterMs !== undefined && { promoteAfterMs }),
          ...(failuresMaxPercent !== undefined && { failuresMaxPercent }),
        };
        const of = { correlationId: cause.correlationId, causationId: id };
        this.#here.set(host, { host, stage, ...limits, seq, cause: of });
        return { type: "RouteDeclared", host, ...content };
      }
      case "RouteStageEnded":
        if (this.#here.get(event.host)?.stage !== event.stage) return undefined;
        this.#here.delete(event.host);
        return this.#declared.get(event.host) ?? { type: "RouteRemoved", host: event.host };
      default:
        return event;
    }
  }
}
