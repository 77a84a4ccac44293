import type { DefaultResources, Resources, VolumeWish } from "@eru/events";
import { parseVolume, type Settled, settle, VolumeTextError } from "@eru/resources";

/** Resources of which some are named. */
export type NamedResources = Omit<Resources, "cpu" | "memoryMib"> & {
  cpu?: number | undefined;
  memoryMib?: number | undefined;
};

/** Named resources with their volumes read; or the field that cannot be read and why. */
export type Read = { ok: true; named: NamedResources } | { ok: false; at: string[]; message: string };

/** Reads volumes that are written as text. */
export function readNamed({ volumes, ...rest }: DefaultResources): Read {
  const read: VolumeWish[] = [];
  for (const [index, volume] of (volumes ?? []).entries()) {
    const wish = readVolume(volume);
    if (typeof wish === "string") return { ok: false, at: ["volumes", String(index)], message: wish };
    read.push(wish);
  }
  return { ok: true, named: { ...rest, ...(volumes && { volumes: read }) } as NamedResources };
}

/** The volume, or why it cannot be read. */
function readVolume(volume: string | VolumeWish): VolumeWish | string {
  if (typeof volume !== "string") return volume;
  try {
    return parseVolume(volume);
  } catch (error) {
    if (error instanceof VolumeTextError) return error.message;
    throw error;
  }
}

/** What is not named takes the place of nothing. */
export const settleNamed = ({ cpu = 0, memoryMib = 0, ...rest }: NamedResources): Settled =>
  settle({ ...rest, cpu, memoryMib });
