import { existsSync, readdirSync, rmdirSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { removeContainers } from "./containers.ts";
import { endProcesses } from "./end.ts";
import { LocalError } from "./errors.ts";
import { Home } from "./home.ts";
import { takeMutex } from "./mutex.ts";
import { removeNetworks } from "./networks.ts";
import { endNginx } from "./nginx.ts";
import { type Plan, readPlan, rigName, rigNetDefault } from "./plan.ts";
import { probe } from "./probe.ts";
import { nodesOf, type RigEngine, rig } from "./rig.ts";
import { runningProcesses } from "./running.ts";

const supervisorStopMs = 10_000;
const processStopMs = 15_000;
const engineStopMs = 30_000;

/** How an installation is ended. */
export type DownOptions = {
  home: string;
  /** Also removes all it keeps: the log, the views, the nodes' disks, the secrets. */
  purge?: boolean;
  tell?: (text: string) => void;
};

/**
 * Ends everything of an installation, whatever state it is in, and removes containers, namespaces, links, firewall rules
 * and cgroups. What it keeps on disk stays unless purged. Repeating it does nothing.
 */
export async function down({ home: path, purge = false, tell = () => {} }: DownOptions): Promise<void> {
  const home = new Home(path);
  if (!existsSync(home.path)) return;
  const release = await takeMutex("operation", home.path);
  if (!release) throw new LocalError(`another up or down of ${home.path} is under way: wait for it`);
  try {
    await endProcesses(home, ["supervisor"], supervisorStopMs, tell); // First: it would start again what ends.
    const plan = planOrNothing(home, tell);
    // Nobody may decide or heal anything while the machines go.
    await endProcesses(home, ["command-api", "scheduler"], processStopMs, tell);
    await endProcesses(home, namesLike(home, "agent-"), processStopMs, tell);
    const left = plan ? await removeAllContainers(home, plan, tell) : [];
    await endProcesses(home, namesLike(home, "engine-"), engineStopMs, tell);
    await endProcesses(home, [...namesLike(home, "router-sync"), "projector"], processStopMs, tell);
    if (await endNginx(home)) tell("nginx ended");
    await endProcesses(home, ["nats"], engineStopMs, tell);
    await endProcesses(home, [...runningProcesses(home).keys()], processStopMs, tell);
    const engine = plan?.engine ?? rigIfAny(home);
    if (engine?.kind === "rig") {
      await rig(home, engine, "sweep");
      tell("nodes, links and rules are removed");
    }
    for (const part of [home.state, dirname(home.pidFile("any"))])
      rmSync(part, { recursive: true, force: true });
    if (purge) tell(removeHome(home));
    // A node's containers ended with it; those of the machine's own engine are still there.
    if (plan?.engine.kind === "own" && left.length > 0) throw new LocalError(left.join("; "));
  } finally {
    release();
  }
}

/** A damaged plan must not keep anyone from ending what runs. */
function planOrNothing(home: Home, tell: (text: string) => void): Plan | undefined {
  try {
    return readPlan(home);
  } catch (error) {
    if (!(error instanceof LocalError)) throw error;
    tell(error.message);
    return undefined;
  }
}

/** What the plan would say of its nodes, from what they left on disk. */
const rigIfAny = (home: Home): RigEngine | undefined =>
  existsSync(join(home.rig, "n1")) ? { kind: "rig", name: rigName(home), net: rigNetDefault } : undefined;

/** Removes what an installation consists of, and nothing that somebody else put beside it. */
function removeHome(home: Home): string {
  for (const part of home.parts) rmSync(part, { recursive: true, force: true });
  const left = readdirSync(home.path);
  if (left.length > 0) return `${home.path} stays: ${left.slice(0, 5).join(", ")} in it is not Eru's`;
  rmdirSync(home.path);
  return `${home.path} is removed`;
}

const namesLike = (home: Home, prefix: string): string[] =>
  [...runningProcesses(home).keys()].filter((name) => name.startsWith(prefix));

/** With their networks. What could not be done, in sentences. */
async function removeAllContainers(home: Home, plan: Plan, tell: (text: string) => void): Promise<string[]> {
  const answers = await Promise.all(
    nodesOf(home, plan).map(async ({ name, socket }) => {
      // Without an engine there is nobody to ask.
      if (!existsSync(socket) || (await probe({ kind: "unix", socket, path: "/_ping" })) !== undefined)
        return [];
      try {
        const count = await removeContainers(socket, name);
        if (count > 0) tell(`${count} containers of ${name} are removed`);
        for (const said of await removeNetworks(socket, name)) tell(said);
        return [];
      } catch (error) {
        if (!(error instanceof Error)) throw error;
        return [`the containers of ${name} could not be removed: ${error.message}`];
      }
    }),
  );
  return answers.flat();
}
