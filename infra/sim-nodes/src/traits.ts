import { createHash } from "node:crypto";

/** From the least to the most, both included. */
export type Range = readonly [least: number, most: number];

/** What a machine is like. */
export type NodeTraits = {
  /** Whole cores. */
  cpus: number;
  memoryMib: number;
  /** Milliseconds from the order to start a container to a running process. */
  startMs: number;
};

/** What all the simulated machines have in common. */
export type TraitRanges = { cpus: Range; memoryMib: Range; startMs: Range };

/** What the machine of this name is like: the same seed and name make the same machine, in any order and on any day. */
export function traitsOf(seed: number, name: string, { cpus, memoryMib, startMs }: TraitRanges): NodeTraits {
  return {
    cpus: between(cpus, chance(seed, name, "cpus")),
    memoryMib: between(memoryMib, chance(seed, name, "memory")),
    startMs: between(startMs, chance(seed, name, "start")),
  };
}

/** From 0 up to, not including, 1; decided by what it is about. */
export function chance(seed: number, ...about: readonly string[]): number {
  const digest = createHash("sha256")
    .update([seed, ...about].join("\0"))
    .digest();
  return digest.readUInt32BE(0) / 2 ** 32;
}

const between = ([least, most]: Range, at: number): number => least + Math.floor(at * (most - least + 1));
