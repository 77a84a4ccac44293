import { VolumeWish } from "@eru/events";

/** What a volume may look like, for people. */
const form = "from:to[:flags[:size[:readIOPS:writeIOPS:readBPS:writeBPS]]]";

/** A volume string that cannot be read, and why. */
export class VolumeTextError extends Error {}

const units: Readonly<Record<string, number>> = { "": 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 };

function bytes(text: string, what: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([kmgt]?)(?:i?b)?$/i.exec(text) ?? [];
  const factor = units[unit?.toLowerCase() ?? ""];
  if (amount === undefined || factor === undefined)
    throw new VolumeTextError(`${what} is an amount such as 512M or 10G, not "${text}"`);
  return Math.round(Number(amount) * factor);
}

function whole(text: string, what: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new VolumeTextError(`${what} is a whole number, not "${text}"`);
  return Number(text);
}

function mibOf(text: string): number {
  if (text === "" || text === "0") return 0;
  const mib = bytes(text, "the size") / 1024 ** 2;
  if (!Number.isInteger(mib)) throw new VolumeTextError(`the size is in whole MiB, not "${text}"`);
  return mib;
}

/**
 * Reads Eru's volume string. `AUTO` or nothing before the first colon: the scheduler chooses a volume of the node.
 * Flags are `rw` or `ro`, with `m` for a volume of its own. Size 0 or none: as much as there is.
 * @throws VolumeTextError
 */
export function parseVolume(text: string): VolumeWish {
  const parts = text.split(":");
  if (![2, 3, 4, 8].includes(parts.length))
    throw new VolumeTextError(`a volume is written ${form}, not "${text}"`);
  const [from = "", to = "", flags = "rw", size = "0", ...io] = parts;
  const chosen = from === "" || from.endsWith("AUTO");
  if (!/^(rw|ro)?m?$/.test(flags))
    throw new VolumeTextError(`flags are rw or ro, with m for a volume of its own, not "${flags}"`);
  const [readIops, writeIops, readBps, writeBps] = io;
  const limits = {
    readIops: whole(readIops ?? "0", "readIOPS"),
    writeIops: whole(writeIops ?? "0", "writeIOPS"),
    readBps: bytes(readBps ?? "0", "readBPS"),
    writeBps: bytes(writeBps ?? "0", "writeBPS"),
  };
  const wish = VolumeWish.safeParse({
    ...(!chosen && { from }),
    to,
    ...(flags.startsWith("ro") && { readOnly: true }),
    ...(flags.endsWith("m") && { alone: true }),
    sizeMib: mibOf(size),
    ...Object.fromEntries(Object.entries(limits).filter(([, limit]) => limit > 0)),
  });
  if (wish.success) return wish.data;
  const [issue] = wish.error.issues;
  throw new VolumeTextError(`${issue?.path.join(".")} of "${text}": ${issue?.message}`);
}

/** The volume as people write it, as short as it can be. */
export function volumeText(wish: VolumeWish): string {
  const { from = "AUTO", to, readOnly, alone, sizeMib, readIops, writeIops, readBps, writeBps } = wish;
  const flags = `${readOnly ? "ro" : "rw"}${alone ? "m" : ""}`;
  const io = [readIops, writeIops, readBps, writeBps].map((each) => String(each ?? 0));
  const size = sizeMib === 0 ? "0" : sizeMib % 1024 === 0 ? `${sizeMib / 1024}G` : `${sizeMib}M`;
  const all = [from, to, flags, size, ...io];
  if (io.some((each) => each !== "0")) return all.join(":");
  return all.slice(0, sizeMib > 0 ? 4 : flags !== "rw" ? 3 : 2).join(":");
}
