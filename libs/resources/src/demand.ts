import type { Resources, VolumeWish } from "@eru/events";
import { coresNoun, size } from "./text.ts";

/** What one workload asks of its node, in whole numbers: sums of floating-point cores drift. */
export type Demand = {
  /** Thousandths of a core. */
  readonly milli: number;
  readonly mib: number;
  /** Hundredths of a core to be bound to; 0: not bound. */
  readonly pieces: number;
  /** Its own files and its scheduled volumes. */
  readonly storageMib: number;
  /** Only its own files: asked for by name. */
  readonly ownStorageMib: number;
  readonly volumes: readonly VolumeWish[];
  /** By product. */
  readonly gpus: readonly (readonly [product: string, count: number])[];
  /** Ports of the machine, each once, in order. */
  readonly ports: readonly number[];
};

/** 0.29 cores are 290 thousandths, although 0.29 * 1000 is not 290. */
export const milliOf = (cores: number): number => Math.round(cores * 1000);

/**
 * What a workload asks of its node. `listens` are the ports it takes on the host's network, where whatever it publishes
 * is a port of the machine.
 */
export function demandOf(resources: Resources, listens: readonly number[] = []): Demand {
  const { cpu, memoryMib, bind = false, storageMib = 0, volumes = [], gpus = {}, ports = [] } = resources;
  const milli = milliOf(cpu);
  const chosen = volumes.filter(({ from }) => from === undefined);
  return {
    milli,
    mib: memoryMib,
    pieces: bind ? Math.round(milli / 10) : 0,
    storageMib: chosen.reduce((sum, { sizeMib }) => sum + sizeMib, storageMib),
    ownStorageMib: storageMib,
    volumes: chosen,
    gpus: Object.entries(gpus).sort(([a], [b]) => (a < b ? -1 : 1)),
    ports: [...new Set([...ports.map(({ hostPort }) => hostPort), ...listens])].sort((a, b) => a - b),
  };
}

/** What is asked for, in a sentence: "2 cores and 64 MiB of memory". */
export function demandText({ milli, mib, pieces, ownStorageMib, volumes, gpus, ports }: Demand): string {
  const parts = [
    milli > 0 ? `${coresNoun(milli)}${pieces > 0 ? " to be bound" : ""}` : "",
    mib > 0 ? `${mib} MiB of memory` : "",
    ownStorageMib > 0 ? `${size(ownStorageMib)} of storage` : "",
    ...volumes.map(
      ({ to, sizeMib, alone }) =>
        `${alone ? "an unused volume" : "a volume"}${sizeMib > 0 ? ` of ${size(sizeMib)}` : ""} for ${to}`,
    ),
    ...gpus.map(([product, count]) => `${count} ${product}`),
    ports.length > 0 ? `port ${ports.join(", ")}` : "",
  ].filter((part) => part !== "");
  return parts.join(" and ");
}
