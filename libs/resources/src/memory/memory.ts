import { type ResourceKind, times } from "../kind.ts";

/** Memory of a node in MiB. */
export type MemoryFree = { size: number; booked: number };

const bytesPerMib = 1024 * 1024;

/** Memory, one amount of a node. */
export const memory: ResourceKind<MemoryFree> = {
  name: "memory",
  asks: ({ mib }) => mib > 0,
  open: ({ memoryMib }) => ({ size: memoryMib, booked: 0 }),
  copy: (free) => ({ ...free }),
  room: ({ size, booked }, { mib }, most) => times(size - booked, mib, most),
  why: ({ size, booked }, { mib }) =>
    `memory: ${mib} MiB wanted, ${Math.max(0, size - booked)} of ${size} MiB free`,
  lacks: ({ size, booked }, { mib }) => {
    const missing = mib - (size - booked);
    return missing > 0 ? { text: `${missing} MiB more memory`, part: missing / mib } : undefined;
  },
  chooses: () => false,
  choose: () => [],
  book: (free, { mib }, _granted, many) => {
    free.booked += mib * many;
  },
  load: ({ size, booked }, { mib }) => ({ size, booked, each: mib }),
  weight: () => 1,
  lines: ({ size, booked }) => [{ kind: "memory", name: "memory", unit: "MiB", size, booked }],
  engine: ({ resources: { memoryMib, memoryLimitMib = memoryMib } }) => ({
    // Equal amounts mean no swap: a workload over its limit is ended, not slowed.
    ...(memoryLimitMib > 0 && {
      Memory: memoryLimitMib * bytesPerMib,
      MemorySwap: memoryLimitMib * bytesPerMib,
    }),
    // What the kernel leaves to it when memory runs short on the machine.
    ...(memoryLimitMib !== memoryMib && memoryMib > 0 && { MemoryReservation: memoryMib * bytesPerMib }),
  }),
};
