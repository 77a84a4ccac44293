import type { VolumeWish } from "@eru/events";
import type { Demand } from "../demand.ts";
import type { EngineOrder, EngineSettings } from "../engine.ts";
import { type Lack, type Line, type ResourceKind, times } from "../kind.ts";
import { size } from "../text.ts";
import { chooseOne } from "./choose.ts";
import { bookPart, copyVolumes, ioLines, openVolumes, type Part, type VolumeFree } from "./free.ts";

/** Workloads that are tried one after the other where amounts alone do not tell; Eru's own limit. */
const triedMax = 10_000;

/** Volumes that the scheduler chooses, on disks whose reading and writing is booked as well. */
export const volume: ResourceKind<VolumeFree> = {
  name: "volume",
  asks: ({ volumes }) => volumes.length > 0,
  open: openVolumes,
  copy: copyVolumes,
  room,
  why: (free, demand) => {
    const wish = failing(free, demand);
    if (!wish) return "volume: there is room";
    return `volume: ${wanted(wish)} wanted, ${left(free, wish)}`;
  },
  lacks: (free, demand): Lack | undefined => {
    const wish = failing(free, demand);
    if (!wish) return undefined;
    const most = mostFree(free, wish);
    const missing = wish.sizeMib - most;
    return wish.alone || missing <= 0
      ? { text: `a volume for ${wanted(wish)}`, part: 1 }
      : { text: `${size(missing)} more on a volume for ${wish.to}`, part: missing / wish.sizeMib };
  },
  chooses: ({ volumes }) => volumes.length > 0,
  choose: (free, { volumes }, many, held) => {
    const draft = copyVolumes(free);
    return Array.from({ length: many }, () => {
      const { parts } = chooseOne(draft, volumes, held?.volumes);
      return parts && parts.length > 0 ? { volumes: parts } : {};
    });
  },
  book: (free, { volumes }, granted, many) => {
    for (const part of granted.volumes ?? []) bookPart(free, part, wishFor(volumes, part), many);
  },
  load: (free, { volumes }) => {
    const all = [...free.volumes.values()];
    return {
      size: all.reduce((sum, one) => sum + one.size, 0),
      booked: all.reduce((sum, one) => sum + one.booked, 0),
      each: volumes.reduce((sum, { sizeMib }) => sum + sizeMib, 0),
    };
  },
  weight: () => 1,
  lines: (free) => [
    ...[...free.volumes.values()].map(
      ({ path, size: whole, booked }): Line => ({
        kind: "volume",
        name: path,
        unit: "MiB",
        size: whole,
        booked,
      }),
    ),
    ...ioLines(free).map(
      ({ device, name, size: limit, booked }): Line => ({
        kind: "volume",
        name: `${device} ${name}`,
        unit: name.endsWith("Iops") ? "IOPS" : "bytes/s",
        size: limit,
        booked,
      }),
    ),
  ],
  engine,
};

const wishFor = (wishes: readonly VolumeWish[], { to }: Part): VolumeWish | undefined =>
  wishes.find((wish) => wish.to === to);

/** One volume of a size and nothing else divides evenly; everything else is tried on a copy. */
function room(free: VolumeFree, { volumes }: Demand, most: number): number {
  const [only] = volumes;
  const even =
    volumes.length === 1 &&
    only !== undefined &&
    !only.alone &&
    only.sizeMib > 0 &&
    [only.readIops, only.writeIops, only.readBps, only.writeBps].every((each) => (each ?? 0) === 0);
  if (even)
    return [...free.volumes.values()].reduce(
      (sum, { alone, size: whole, booked }) =>
        Math.min(most, sum + (alone > 0 ? 0 : times(whole - booked, only.sizeMib, most))),
      0,
    );
  const draft = copyVolumes(free);
  const tries = Math.min(most, triedMax);
  for (let count = 0; count < tries; count++) if (chooseOne(draft, volumes).failed) return count;
  return tries;
}

const failing = (free: VolumeFree, { volumes }: Demand): VolumeWish | undefined =>
  chooseOne(copyVolumes(free), volumes).failed;

const wanted = ({ sizeMib, to, alone }: VolumeWish): string =>
  `${sizeMib > 0 ? `${size(sizeMib)} for ${to}` : to}${alone ? " alone" : ""}`;

/** On one volume that the wish may use. */
const mostFree = ({ volumes }: VolumeFree, { alone }: VolumeWish): number =>
  [...volumes.values()]
    .filter((one) => (alone ? one.users === 0 : one.alone === 0))
    .reduce((most, { size: whole, booked }) => Math.max(most, whole - booked), 0);

function left(free: VolumeFree, wish: VolumeWish): string {
  if (free.volumes.size === 0) return "the node has no volumes";
  const most = mostFree(free, wish);
  if (wish.alone) {
    const unused = [...free.volumes.values()].filter(({ users }) => users === 0).length;
    return unused === 0
      ? `none of ${free.volumes.size} volumes is unused`
      : `the largest of ${unused} unused volumes has ${size(most)}`;
  }
  return most >= wish.sizeMib
    ? `no disk has the reads and writes left that it asks for`
    : `at most ${size(most)} free on one of ${free.volumes.size} volumes`;
}

const throttles = {
  readIops: "BlkioDeviceReadIOps",
  writeIops: "BlkioDeviceWriteIOps",
  readBps: "BlkioDeviceReadBps",
  writeBps: "BlkioDeviceWriteBps",
} as const;

/**
 * Volumes as bind mounts. Of a volume that the scheduler chose a workload gets a directory of its own: others may be on it.
 * Reads and writes are bounded per disk, so what several volumes on one disk may do is added up.
 */
function engine({ resources: { volumes = [] }, granted, workload }: EngineOrder): EngineSettings {
  const parts = new Map(granted.volumes?.map((part) => [part.to, part]));
  const binds = volumes.flatMap(({ from, to, readOnly }) => {
    const path = parts.get(to)?.path;
    const source = from ?? (path === undefined ? undefined : `${path === "/" ? "" : path}/${workload}${to}`);
    return source === undefined ? [] : [`${source}:${to}:${readOnly ? "ro" : "rw"}`];
  });
  const settings: EngineSettings = binds.length > 0 ? { Binds: binds } : {};
  for (const [name, setting] of Object.entries(throttles)) {
    const rates = new Map<string, number>();
    for (const wish of volumes) {
      const device = parts.get(wish.to)?.device;
      const rate = wish[name as keyof typeof throttles] ?? 0;
      if (device !== undefined && rate > 0) rates.set(device, (rates.get(device) ?? 0) + rate);
    }
    if (rates.size > 0) settings[setting] = [...rates].map(([Path, Rate]) => ({ Path, Rate }));
  }
  return settings;
}
