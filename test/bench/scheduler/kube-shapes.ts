import { Fleet, type Wanted } from "./fleet.ts";
import { elapsedMs } from "./timing.ts";

/** One of kube-scheduler's benchmark shapes. */
export type Shape = {
  name: string;
  nodes: number;
  workloads: number;
  /** Workloads that found a place: all. */
  placed: number;
  /** Placements a second when each workload is a request of its own, which is what a pod is to kube-scheduler. */
  oneByOne: number;
  /** Placements a second when they are one request. */
  together: number;
  /** Its own gate or figure on 5,000 nodes, placements a second. */
  kube: number;
};

/** Where the figures of kube-scheduler come from; on Kubernetes 1.20 its basic shape was measured at 62 to 71 here. */
export const kubeSource =
  "gates in the scheduler_perf configurations of the Kubernetes tree, 2025-26 and before: scheduler, API server and etcd together, no kubelets";

const machine = { cpu: 4, memoryMib: 32_768 };
const resources = { cpu: 0.1, memoryMib: 500 };
const zones = ["a", "b", "c"];

const shapes: readonly { name: string; kube: number; filter: Wanted["filter"]; nodesLimit?: number }[] = [
  { name: "basic", kube: 680, filter: {} },
  {
    name: "node affinity",
    kube: 220,
    filter: { constraints: [{ label: "zone", op: "in", values: ["a", "b"] }] },
  },
  {
    name: "pod affinity, in the zone of another",
    kube: 35,
    filter: { affinity: [{ to: { app: "friend" }, rule: "must", over: "zone" }] },
  },
  {
    name: "pod anti-affinity, on no node with another",
    kube: 60,
    filter: { affinity: [{ to: { app: "friend" }, rule: "must_not" }] },
    nodesLimit: 1,
  },
  { name: "topology spread", kube: 460, filter: { spread: { label: "zone" } } },
];

/** Places the workloads of each shape on nodes on which another app runs here and there. */
export function kubeShapes(size: { nodes: number; workloads: number }): Shape[] {
  return shapes.map(({ name, kube, filter, nodesLimit = 0 }) => {
    const wanted = { resources, nodesLimit, filter: filter ?? {} };
    const single = placedBy(
      size.nodes,
      Array.from({ length: size.workloads }, () => ({ ...wanted, count: 1 })),
    );
    const together = placedBy(size.nodes, [{ ...wanted, count: size.workloads }]);
    return {
      ...{ name, ...size },
      placed: Math.min(single.placed, together.placed),
      ...{ oneByOne: single.rate, together: together.rate, kube },
    };
  });
}

function placedBy(nodes: number, wishes: readonly Wanted[]): { rate: number; placed: number } {
  const fleet = new Fleet().nodes(nodes, machine, (n) => ({ zone: zones[n % zones.length] ?? "" }));
  fleet.request({ app: "friend", count: Math.ceil(nodes / 10), resources });
  fleet.passes();
  for (const wish of wishes) fleet.request(wish);
  let placed = 0;
  const ms = elapsedMs(() => {
    placed = fleet.passes();
  });
  return { rate: Math.round((placed / ms) * 1_000), placed };
}
