import type { Deployment, Workload, Zone } from "../../services/scheduler/src/domain/zone.ts";
import type { SimElb } from "./sim-elb.ts";
import type { SimNode } from "./sim-node.ts";

/**
 * How everything stands, for people and for comparing two runs: what is wished and how far it is, what the log says of every
 * workload, what really runs on the machines, and where load balancers send requests. Not compared are what depends on the
 * order of things that are independent of each other: which number a workload got, which of several equal ones was taken away,
 * hence on which node the ones are that stayed; and how often somebody tried (generations, attempts, sequences).
 */
export function stateOf(zone: Zone, nodes: ReadonlyMap<string, SimNode>, elbs: readonly SimElb[]): string {
  const lines = [...zone.deployments.values()].map((one) => deploymentState(one, nodes, elbs));
  for (const { name, liveness, cordoned, drain } of zone.nodes.values()) {
    const drains = drain && (drain.paused ? ", drain paused" : ", draining");
    lines.push(`${name}: ${liveness}${cordoned === undefined ? "" : ", cordoned"}${drains ?? ""}`);
  }
  for (const problem of discrepancies(zone, nodes, elbs)) lines.push(`NOT RIGHT: ${problem}`);
  return lines.join("\n");
}

const releaseOf = ({ contents }: Deployment, version: number): string =>
  contents.get(version)?.template.release ?? "?";

function deploymentState(
  deployment: Deployment,
  nodes: ReadonlyMap<string, SimNode>,
  elbs: readonly SimElb[],
) {
  const { id, workloads, version, stableVersion, rollout, count, waiting, removed, halted } = deployment;
  const { dissociated } = deployment;
  const drained = (one: Workload) => (one.node.drain ? " on a draining node" : "");
  const runs = [...workloads.values()].map((one) => {
    const { cpu, memoryMib } = one.resources;
    const phase = one.going ? "going" : one.phase;
    return `${releaseOf(deployment, one.version)} ${phase} ${cpu}/${memoryMib}${drained(one)}`;
  });
  const is = rollout && `${rollout.number} ${rollout.step}${rollout.paused ? " paused" : ""}`;
  const said = [
    `${releaseOf(deployment, version)}, stable ${releaseOf(deployment, stableVersion)}`,
    `rollout ${is ?? "none"}`,
    `count ${count}${waiting > 0 ? `, ${waiting} waiting` : ""}${removed ? ", removed" : ""}${halted ? ", halted" : ""}`,
    runs.sort().join(", "),
    `${dissociated.size} out of Eru`,
    `${elbs.filter(({ on }) => on).map(({ endpoints }) => endpoints.size)} routed`,
    `${[...nodes.values()].reduce((sum, node) => sum + node.running().length, 0)} containers run`,
  ];
  return `${id}: ${said.join("; ")}`;
}

const isOut = (zone: Zone, workload: string, node: string): boolean =>
  zone.deployments.values().some(({ dissociated }) => dissociated.get(workload)?.node === node);

/** Where the log, the machines and the load balancers contradict each other: at rest nowhere. */
function discrepancies(zone: Zone, nodes: ReadonlyMap<string, SimNode>, elbs: readonly SimElb[]): string[] {
  const found: string[] = [];
  const containers = new Map<string, { node: string; state: string }>();
  for (const [node, machine] of nodes)
    for (const { labels, state } of machine.engine.containers()) {
      const workload = labels["eru.workload"] ?? "";
      if (containers.has(workload)) found.push(`${workload} has two containers`);
      containers.set(workload, { node, state });
    }
  for (const [id, { node, state }] of containers) {
    const workload = zone.workloads.get(id);
    if (nodes.get(node)?.on === false) continue;
    // Out of Eru it is nobody's concern but its own.
    if (!workload && isOut(zone, id, node)) continue;
    if (workload?.node.name !== node) found.push(`${id} is left on ${node}`);
    else if ((state === "running") !== (workload.phase === "healthy" || workload.phase === "unhealthy"))
      found.push(`${id} is ${workload.phase} in the log and ${state} on ${node}`);
  }
  for (const { id, phase, node } of zone.workloads.values())
    if (phase === "healthy" && node.liveness === "alive" && !containers.has(id))
      found.push(`${id} is healthy in the log and nowhere else`);
  for (const { name, on, endpoints } of elbs)
    for (const id of on ? endpoints : [])
      if (zone.workloads.get(id)?.phase !== "healthy")
        found.push(`${name} sends to ${id}, which is not healthy`);
  return found;
}
