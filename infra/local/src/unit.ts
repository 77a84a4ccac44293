import type { Probe } from "./probe.ts";

/** One thing the supervisor keeps going. */
export type UnitSpec = {
  name: string;
  /**
   * `process`: runs until it is stopped. `task`: done when it has ended well. `node`: a command that starts a node's
   * first process, which is then watched by the number it left in `pidFile`.
   */
  kind: "process" | "task" | "node";
  command: readonly [string, ...string[]];
  env: Readonly<Record<string, string>>;
  /** Started when these are ready. */
  after: readonly string[];
  /** Absent: running is ready. */
  ready?: Probe;
  /** The process that is seen outside is only the door to the one inside a node, which gets the signals. */
  inNode?: boolean;
  /** node: where its number is. */
  pidFile?: string;
  /** node: exists while a person has switched it off on purpose. */
  offFile?: string;
  /** How long it may take to end after SIGTERM, in milliseconds. */
  stopMs: number;
};

/** `waiting`: for what comes before; `starting`: runs and cannot work yet; `unready`: worked before and cannot now. */
export const phases = ["waiting", "starting", "ready", "unready", "backing-off", "off"] as const;
export type Phase = (typeof phases)[number];

/** The first restart comes at once, then slower and slower, but never not at all: what it waits for may come back. */
export const backOffMs = (failures: number): number =>
  failures === 0 ? 0 : Math.min(100 * 2 ** Math.min(failures - 1, 20), backOffMaxMs);
const backOffMaxMs = 10_000;

/** After so long ready, an end counts as the first. */
export const steadyMs = 20_000;

/** What decides about the next step of a unit. Times are of a clock that never jumps. */
export type Seen = {
  runs: boolean;
  off: boolean;
  afterReady: boolean;
  nowMs: number;
  notBeforeMs: number;
};

/** What to do now. Pure, so that its order of importance can be tested. */
export function nextStep(seen: Seen): "watch" | "start" | Extract<Phase, "off" | "waiting" | "backing-off"> {
  if (seen.runs) return "watch";
  if (seen.off) return "off";
  if (!seen.afterReady) return "waiting";
  return seen.nowMs < seen.notBeforeMs ? "backing-off" : "start";
}
