import type { VolumeWish } from "@eru/events";
import { bookPart, deviceOf, diskHasRoom, type Part, type Volume, type VolumeFree } from "./free.ts";

/** Where the volumes of one workload come to lie, or the one that fits nowhere. */
export type Choice = { parts: Part[]; failed?: never } | { failed: VolumeWish; parts?: never };

/**
 * Chooses for one workload and books it in `free`, which is of no use any more when it fails: those that want a volume for
 * themselves share one that nobody uses, the smallest that is large enough; then the others, the smallest first, each
 * on the fullest volume in use that has room, else on the smallest unused one; at last those without a size, where the
 * most is free. A volume that was `held` is taken again when it has room.
 */
export function chooseOne(
  free: VolumeFree,
  wishes: readonly VolumeWish[],
  held: readonly Part[] = [],
): Choice {
  const parts: Part[] = [];
  const heldPath = ({ to }: VolumeWish): string | undefined => held.find((part) => part.to === to)?.path;
  const alone = wishes.filter((wish) => wish.alone);
  if (alone.length > 0) {
    const volume = volumeAlone(free, alone, heldPath);
    if (!volume) return { failed: alone.reduce((most, one) => (one.sizeMib > most.sizeMib ? one : most)) };
    for (const part of divided(free, volume, alone)) parts.push(part);
    for (const part of parts) bookPart(free, part, wishOf(alone, part), 1);
  }
  const shared = wishes.filter((wish) => !wish.alone);
  const sized = shared.filter((wish) => !isUnlimited(wish)).toSorted((a, b) => a.sizeMib - b.sizeMib);
  for (const [some, choose] of [
    [sized, volumeFor],
    [shared.filter(isUnlimited), emptiest],
  ] as const)
    for (const wish of some) {
      const kept = free.volumes.get(heldPath(wish) ?? "");
      const volume = kept && fits(free, kept, wish) ? kept : choose(free, wish);
      if (!volume) return { failed: wish };
      const part = partOf(free, volume, wish, wish.sizeMib);
      parts.push(part);
      bookPart(free, part, wish, 1);
    }
  return { parts };
}

/** No size and no bounds: as much as there is. */
const isUnlimited = ({ sizeMib, readIops, writeIops, readBps, writeBps }: VolumeWish): boolean =>
  [sizeMib, readIops, writeIops, readBps, writeBps].every((each) => (each ?? 0) === 0);

const wishOf = (wishes: readonly VolumeWish[], { to }: Part): VolumeWish | undefined =>
  wishes.find((wish) => wish.to === to);

const partOf = (free: VolumeFree, volume: Volume, wish: VolumeWish, sizeMib: number): Part => {
  const device = deviceOf(free, volume, wish);
  return {
    to: wish.to,
    path: volume.path,
    sizeMib,
    ...(wish.alone && { alone: true }),
    ...(device !== undefined && { device }),
  };
};

const fits = (free: VolumeFree, volume: Volume, wish: VolumeWish): boolean =>
  volume.alone === 0 && volume.size - volume.booked >= wish.sizeMib && diskHasRoom(free, volume, wish);

const least = (volumes: readonly Volume[], order: (volume: Volume) => number): Volume | undefined =>
  volumes.toSorted((a, b) => order(a) - order(b) || (a.path < b.path ? -1 : 1))[0];

const all = ({ volumes }: VolumeFree): Volume[] => [...volumes.values()];

/** The fullest in use, else the smallest unused. */
function volumeFor(free: VolumeFree, wish: VolumeWish): Volume | undefined {
  const open = all(free).filter((volume) => fits(free, volume, wish));
  return (
    least(
      open.filter(({ users }) => users > 0),
      ({ size, booked }) => size - booked,
    ) ??
    least(
      open.filter(({ users }) => users === 0),
      ({ size }) => size,
    )
  );
}

/** Where the most is free; it may be nothing. */
const emptiest = (free: VolumeFree): Volume | undefined =>
  least(
    all(free).filter(({ alone, size }) => alone === 0 && size > 0),
    ({ size, booked }) => booked - size,
  );

/** The smallest that nobody uses and that has room for all of them together. */
function volumeAlone(
  free: VolumeFree,
  wishes: readonly VolumeWish[],
  heldPath: (wish: VolumeWish) => string | undefined,
): Volume | undefined {
  const together = wishes.reduce((sum, { sizeMib }) => sum + sizeMib, 0);
  const sum = (name: "readIops" | "writeIops" | "readBps" | "writeBps"): number =>
    wishes.reduce((total, wish) => total + (wish[name] ?? 0), 0);
  const wish: VolumeWish = {
    to: "/",
    sizeMib: together,
    readIops: sum("readIops"),
    writeIops: sum("writeIops"),
    readBps: sum("readBps"),
    writeBps: sum("writeBps"),
  };
  const open = all(free).filter((one) => one.users === 0 && one.size > 0 && fits(free, one, wish));
  const [first] = wishes;
  return open.find(({ path }) => first && path === heldPath(first)) ?? least(open, ({ size }) => size);
}

/** The whole volume, divided in proportion to what was asked for; equally when no sizes were. */
function divided(free: VolumeFree, volume: Volume, wishes: readonly VolumeWish[]): Part[] {
  const together = wishes.reduce((sum, { sizeMib }) => sum + sizeMib, 0);
  let left = volume.size;
  return wishes.map((wish, index) => {
    const share = together > 0 ? wish.sizeMib / together : 1 / wishes.length;
    const sizeMib = index === wishes.length - 1 ? left : Math.floor(volume.size * share);
    left -= sizeMib;
    return partOf(free, volume, wish, sizeMib);
  });
}
