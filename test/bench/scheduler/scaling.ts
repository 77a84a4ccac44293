import { Fleet } from "./fleet.ts";
import { elapsedMs } from "./timing.ts";

/** How long it takes to place a thousand more. */
export type Scale = {
  nodes: number;
  before: number;
  placed: number;
  passMs: number;
  perNodeUs: number;
  memoryMib: number;
};

const resources = { cpu: 0.02, memoryMib: 8 };
const deploymentOf = 1_000;

/** Places `deploymentOf` workloads on so many nodes with so many workloads on them; the middle of `rounds`. */
export function scaling(sizes: readonly { nodes: number; before: number }[], rounds: number): Scale[] {
  return sizes.map(({ nodes, before }) => {
    const wanted = before + deploymentOf * rounds;
    const fleet = new Fleet().nodes(nodes, {
      cpu: Math.ceil((wanted * resources.cpu * 1.5) / nodes) + 1,
      memoryMib: 16_777_216,
    });
    for (let left = before; left > 0; left -= deploymentOf)
      fleet.request({ app: `old${left}`, count: Math.min(left, deploymentOf), resources });
    fleet.passes();
    let placed = 0;
    const took = Array.from({ length: rounds }, (_, round) => {
      fleet.request({ app: `new${round}`, count: deploymentOf, resources });
      return elapsedMs(() => {
        placed += fleet.passes();
      });
    }).sort((a, b) => a - b);
    const passMs = took[Math.floor(took.length / 2)] ?? Number.NaN;
    return {
      ...{ nodes, before, placed },
      passMs: Number(passMs.toFixed(2)),
      perNodeUs: Number(((passMs * 1_000) / nodes).toFixed(2)),
      memoryMib: Math.round(process.memoryUsage().heapUsed / 1024 / 1024),
    };
  });
}
