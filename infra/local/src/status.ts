import { Home } from "./home.ts";
import { type Installation, installationOf } from "./installation.ts";
import { nodeIdentity } from "./launch.ts";
import { readPlan } from "./plan.ts";
import { probe } from "./probe.ts";
import { runningProcesses } from "./running.ts";
import { readSecrets } from "./secrets.ts";
import { unitSpecs } from "./specs.ts";
import { readState } from "./supervisor.ts";
import type { Phase, UnitSpec } from "./unit.ts";

/** One part of an installation, asked now. */
export type UnitStatus = {
  name: string;
  /** `ended`: it does not run, and nobody is there to start it. */
  phase: Phase | "ended";
  pid?: number;
  /** Starts after the first, since the supervisor runs. */
  restarts: number;
  /** Since when it is in this phase, ISO 8601, as the supervisor saw it. */
  since?: string;
  /** How it ended last. */
  lastEnd?: string;
  /** Why it cannot work now. */
  fault?: string;
  logFile: string;
};

/** An installation as it is now. */
export type Status = {
  /** `absent`: never made, or purged; `up`: everything can work; `down`: nothing runs; `partly`: anything between. */
  phase: "absent" | "up" | "down" | "partly";
  home: string;
  /** Where it answers when it is up; not for `absent`. */
  installation?: Installation;
  /** The supervisor's process, when it runs. */
  supervisorPid?: number;
  units: readonly UnitStatus[];
};

/** Looks at an installation and asks each of its parts. Changes nothing. */
export async function status({ home: path }: { home: string }): Promise<Status> {
  const home = new Home(path);
  const plan = readPlan(home);
  const secrets = readSecrets(home);
  if (!plan || !secrets) return { phase: "absent", home: home.path, units: [] };
  const supervisorPid = runningProcesses(home).get("supervisor")?.pid;
  const specs = unitSpecs(home, plan, secrets, { path: "" });
  const units = await Promise.all(specs.map((spec) => unitStatus(home, spec, supervisorPid !== undefined)));
  const up = supervisorPid !== undefined && units.every(({ phase }) => phase === "ready");
  const down = supervisorPid === undefined && units.every(({ phase }) => phase === "ended");
  return {
    phase: up ? "up" : down ? "down" : "partly",
    home: home.path,
    installation: installationOf(home, plan),
    ...(supervisorPid === undefined ? {} : { supervisorPid }),
    units,
  };
}

async function unitStatus(home: Home, spec: UnitSpec, supervised: boolean): Promise<UnitStatus> {
  const { name } = spec;
  const logFile = home.logFile(name);
  const seen = readState(home)?.units.find((unit) => unit.name === name);
  const pid = pidOf(home, spec);
  const past = {
    restarts: seen?.restarts ?? 0,
    ...(seen ? { since: seen.since } : {}),
    ...(seen?.lastEnd === undefined ? {} : { lastEnd: seen.lastEnd }),
  };
  if (pid === undefined) {
    const last = supervised ? (seen?.phase ?? "waiting") : "ended";
    // It has just ended, and the supervisor has not looked since.
    const phase = last === "ready" && spec.kind !== "task" ? "ended" : last;
    return { name, phase, ...past, logFile };
  }
  const fault = spec.ready ? await probe(spec.ready) : undefined;
  if (fault === undefined) return { name, phase: "ready", pid, ...past, logFile };
  return { name, phase: seen?.phase === "starting" ? "starting" : "unready", pid, ...past, fault, logFile };
}

/** Its process, also when no supervisor is there to say. */
function pidOf(home: Home, { name, kind, pidFile }: UnitSpec): number | undefined {
  switch (kind) {
    case "process":
      return runningProcesses(home).get(name)?.pid;
    case "node":
      return nodeIdentity(pidFile ?? "")?.pid;
    case "task":
      return undefined;
    default:
      return kind satisfies never;
  }
}
