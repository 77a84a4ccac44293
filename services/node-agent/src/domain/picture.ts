import type { Addressing } from "./endpoints.ts";
import type { Entry } from "./entry.ts";
import type { Lanes } from "./lanes.ts";
import type { Reach } from "./reach.ts";

/** What an agent knows of its workloads and does about them. */
export type Picture = {
  readonly node: string;
  readonly addressing: Addressing;
  readonly entries: ReadonlyMap<string, Readonly<Entry>>;
  readonly lanes: Pick<Lanes<Entry>, "inFlight">;
  /** Ports and addresses in use and at rest. */
  readonly reach: Pick<Reach, "counts">;
};
