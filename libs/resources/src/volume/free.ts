import type { Granted, NodeResources, VolumeWish } from "@eru/events";

/** What a disk does in a second; absent is no limit. */
const ioNames = ["readIops", "writeIops", "readBps", "writeBps"] as const;
type Io = Readonly<Partial<Record<(typeof ioNames)[number], number | undefined>>>;

type Disk = { device: string; mounts: readonly string[]; limits: Io; booked: Record<string, number> };

/** A volume of a node. */
export type Volume = {
  path: string;
  size: number;
  booked: number;
  /** Workloads' volumes on it, also those that book nothing. */
  users: number;
  /** It belongs to one workload. */
  alone: number;
  /** Its disk, by place; -1: not known, so that nothing bounds it. */
  disk: number;
};

/** Volumes of a node and the disks they lie on. */
export type VolumeFree = { volumes: Map<string, Volume>; disks: Disk[] };

/** One volume as it was granted. */
export type Part = NonNullable<Granted["volumes"]>[number];

/** A node's volumes, nothing booked. */
export function openVolumes({ volumes = [], disks = [] }: NodeResources): VolumeFree {
  const opened = disks.map(({ device, mounts, ...limits }): Disk => ({ device, mounts, limits, booked: {} }));
  return {
    disks: opened,
    volumes: new Map(
      volumes.map(({ path, sizeMib }) => [path, untouched(path, sizeMib, diskOf(path, opened))]),
    ),
  };
}

const untouched = (path: string, size: number, disk: number): Volume => ({
  path,
  size,
  booked: 0,
  users: 0,
  alone: 0,
  disk,
});

/** A volume belongs to the disk with the longest mount above it. */
function diskOf(path: string, disks: readonly Disk[]): number {
  const above = (mount: string): boolean =>
    mount === "/" || path === mount || path.startsWith(mount.endsWith("/") ? mount : `${mount}/`);
  let found = { disk: -1, length: -1 };
  for (const [disk, { mounts }] of disks.entries())
    for (const mount of mounts.filter(above))
      if (mount.length > found.length) found = { disk, length: mount.length };
  return found.disk;
}

/** A copy that shares nothing that changes. */
export const copyVolumes = ({ volumes, disks }: VolumeFree): VolumeFree => ({
  volumes: new Map([...volumes].map(([path, volume]) => [path, { ...volume }])),
  disks: disks.map((disk) => ({ ...disk, booked: { ...disk.booked } })),
});

/** Whether the disk under the volume has what the wish reads and writes. */
export function diskHasRoom({ disks }: VolumeFree, { disk }: Volume, wish: VolumeWish): boolean {
  const under = disks[disk];
  return (
    !under ||
    ioNames.every((name) => {
      const limit = under.limits[name];
      return limit === undefined || (under.booked[name] ?? 0) + (wish[name] ?? 0) <= limit;
    })
  );
}

/** The device of a volume whose reading and writing is to be bounded. */
export const deviceOf = ({ disks }: VolumeFree, { disk }: Volume, wish: VolumeWish): string | undefined =>
  ioNames.some((name) => (wish[name] ?? 0) > 0) ? disks[disk]?.device : undefined;

/** Books one granted volume; below zero gives it back. */
export function bookPart(free: VolumeFree, part: Part, wish: VolumeWish | undefined, many: number): void {
  const volume = free.volumes.get(part.path) ?? untouched(part.path, 0, diskOf(part.path, free.disks));
  // One that the node no longer has is remembered until it is given back.
  free.volumes.set(part.path, volume);
  volume.booked += part.sizeMib * many;
  volume.users += many;
  if (part.alone) volume.alone += many;
  const disk = free.disks[volume.disk];
  if (!disk || !wish) return;
  for (const name of ioNames) disk.booked[name] = (disk.booked[name] ?? 0) + (wish[name] ?? 0) * many;
}

/** What can be booked of the disks, for people. */
export const ioLines = ({ disks }: VolumeFree) =>
  disks.flatMap(({ device, limits, booked }) =>
    ioNames.flatMap((name) => {
      const size = limits[name];
      return size === undefined ? [] : [{ device, name, size, booked: booked[name] ?? 0 }];
    }),
  );
