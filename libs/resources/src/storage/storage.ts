import type { Demand } from "../demand.ts";
import { type ResourceKind, times } from "../kind.ts";
import { size as sizeText } from "../text.ts";

/** Disk space of a node in MiB; without a size, until its user said one. */
export type StorageFree = { size: number | undefined; booked: number };

/** A node without a size has no room for files that are asked for by name, and does not count volumes. */
const left = ({ size, booked }: StorageFree, { ownStorageMib }: Demand): number =>
  size === undefined ? (ownStorageMib > 0 ? 0 : Number.MAX_SAFE_INTEGER) : size - booked;

/** Disk space: of the containers' own files and, as in Eru, of their volumes. Counted, not enforced. */
export const storage: ResourceKind<StorageFree> = {
  name: "storage",
  asks: ({ storageMib }) => storageMib > 0,
  open: ({ storageMib }) => ({ size: storageMib, booked: 0 }),
  copy: (free) => ({ ...free }),
  room: (free, demand, most) => times(left(free, demand), demand.storageMib, most),
  why: (free, demand) =>
    `storage: ${sizeText(demand.storageMib)} wanted, ${
      free.size === undefined
        ? "nobody has said how much the node has"
        : `${sizeText(Math.max(0, left(free, demand)))} of ${sizeText(free.size)} free`
    }`,
  lacks: (free, demand) => {
    const missing = demand.storageMib - left(free, demand);
    return missing > 0
      ? { text: `${sizeText(missing)} more storage`, part: missing / demand.storageMib }
      : undefined;
  },
  chooses: () => false,
  choose: () => [],
  book: (free, { storageMib }, _granted, many) => {
    free.booked += storageMib * many;
  },
  load: ({ size = 0, booked }, { storageMib }) => ({ size, booked, each: storageMib }),
  weight: () => 1,
  lines: ({ size, booked }) =>
    size === undefined ? [] : [{ kind: "storage", name: "storage", unit: "MiB", size, booked }],
  // Docker bounds a container's disk on few file systems and refuses it on the others.
  engine: () => ({}),
};
