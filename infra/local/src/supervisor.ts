import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { type Home, readIfThere, writeWhole } from "./home.ts";
import { rotateLog } from "./log-file.ts";
import { isOutside, Supervised, type UnitState } from "./supervised.ts";
import { phases, type UnitSpec } from "./unit.ts";

/** While something is not ready, and when all is well. */
const busyLookMs = 50;
const calmLookMs = 250;
const rotateEveryMs = 5_000;

/** What the supervisor last saw, for `status`, `up` and people. */
const State = z.object({
  units: z.array(
    z.object({
      name: z.string(),
      phase: z.enum(phases),
      pid: z.number().optional(),
      restarts: z.number(),
      since: z.string(),
      lastEnd: z.string().optional(),
      detail: z.string().optional(),
    }),
  ),
});

/** The state as it was last written, undefined when there is none or it is not whole. */
export function readState(home: Home): { units: UnitState[] } | undefined {
  try {
    const parsed = State.safeParse(JSON.parse(readIfThere(home.state) ?? ""));
    return parsed.success ? (parsed.data as { units: UnitState[] }) : undefined;
  } catch {
    return undefined;
  }
}

/** What the supervisor needs to know and may be told. */
export type SupervisorDeps = {
  home: Home;
  /** What to keep going; asked at the start and whenever `reloads` grows. */
  specs: () => readonly UnitSpec[];
  reloads: () => number;
  say: (text: string) => void;
  signal: AbortSignal;
};

/**
 * Keeps everything going until the signal aborts. What it started goes on then: `down` ends it, the next supervisor adopts
 * it.
 */
export async function runSupervisor({ home, specs, reloads, say, signal }: SupervisorDeps): Promise<void> {
  const units = new Map<string, Supervised>();
  let reloadsSeen = -1;
  let written = "";
  let rotateAtMs = 0;
  let bug: unknown;
  while (!signal.aborted) {
    if (reloadsSeen !== reloads()) {
      reloadsSeen = reloads();
      for (const spec of specs())
        if (!units.has(spec.name)) units.set(spec.name, new Supervised(spec, home, say));
    }
    const all = [...units.values()];
    const looks = all.map((unit) =>
      unit.look(unit.spec.after.every((name) => units.get(name)?.ready)).catch((error: unknown) => {
        bug ??= error;
      }),
    );
    // A look may take as long as a start; the others must not wait for it.
    await Promise.race([Promise.all(looks), sleep(busyLookMs)]);
    if (bug !== undefined) throw bug;
    const text = JSON.stringify({ units: all.map((unit) => unit.state) }, undefined, 2);
    if (text !== written && attempt(() => writeWhole(home.state, `${text}\n`), say)) written = text;
    if (performance.now() > rotateAtMs) {
      for (const name of ["supervisor", ...units.keys()]) attempt(() => rotateLog(home.logFile(name)), say);
      rotateAtMs = performance.now() + rotateEveryMs;
    }
    await pause(all.every((unit) => unit.ready) ? calmLookMs : busyLookMs, signal);
  }
}

/** A full disk must not end the one process that keeps the others going. */
function attempt(write: () => void, say: (text: string) => void): boolean {
  try {
    write();
    return true;
  } catch (error) {
    if (!isOutside(error)) throw error;
    say(`cannot write: ${error.message}`);
    return false;
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
