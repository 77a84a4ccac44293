import { InvalidArgumentError } from "commander";

// Parsers of option values. What they throw, commander prints with the name of the option and the value given.

const memoryUnits: Readonly<Record<string, number>> = { k: 1 / 1024, m: 1, g: 1024, t: 1024 * 1024 };

/** Whole MiB from `32M`, `32MiB`, `1.5G`, or `0`. Units are powers of 1024, as Docker reads them; a bare number is refused. */
export function parseMemory(text: string): number {
  if (text === "0") return 0; // No bound, nothing booked: it needs no unit.
  const [, amount, unit] = /^(\d+(?:\.\d+)?)([kmgt])(?:i?b|i)?$/i.exec(text) ?? [];
  const factor = memoryUnits[unit?.toLowerCase() ?? ""];
  if (amount === undefined || factor === undefined)
    throw new InvalidArgumentError("Write an amount with its unit: 32M, 512MiB, 1.5G.");
  const mib = Number(amount) * factor;
  if (!Number.isInteger(mib))
    throw new InvalidArgumentError("Memory is booked in whole MiB: 1M, 2048K, 1.5G.");
  return mib;
}

/** Cores from `0.1`, `2` or `100m` (thousandths of a core). */
export function parseCpu(text: string): number {
  const [, amount, milli] = /^(\d+(?:\.\d{1,3})?)(m?)$/.exec(text) ?? [];
  if (amount === undefined || (milli && amount.includes(".")))
    throw new InvalidArgumentError("Write cores with at most three decimals, as 0.1 or 100m.");
  return milli ? Number(amount) / 1000 : Number(amount);
}

const durationUnits: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds from `500ms`, `90s`, `2m`, `1h30m`. */
export function parseDuration(text: string): number {
  if (!/^(\d+(\.\d+)?(ms|s|m|h))+$/.test(text))
    throw new InvalidArgumentError("Write a time with its unit: 500ms, 90s, 2m, 1h30m.");
  return [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)].reduce(
    (sum, [, amount, unit]) => sum + Number(amount) * (durationUnits[unit ?? ""] ?? 0),
    0,
  );
}

/** A whole number in a range, both ends included. */
export const parseWhole =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value < least || value > most)
      throw new InvalidArgumentError(`Write a whole number from ${least} to ${most}.`);
    return value;
  };

/** `KEY=value` pairs of a repeatable option. */
export function collectPair(text: string, before: Readonly<Record<string, string>> = {}) {
  const at = text.indexOf("=");
  if (at < 1) throw new InvalidArgumentError("Write KEY=value.");
  return { ...before, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Values of a repeatable option; commas separate too. */
export function collectNames(text: string, before: readonly string[] = []): string[] {
  const names = text.split(",").map((name) => name.trim());
  if (names.some((name) => name === ""))
    throw new InvalidArgumentError("Write one name, or names with commas.");
  return [...before, ...names];
}

/** Collects lines of a repeatable option, as they are. */
export const collectLines = (text: string, before: readonly string[] = []): string[] => [...before, text];

/** Cores as people write them: `0.1`. */
export const showCpu = (cores: number): string => String(Number(cores.toFixed(3)));

/** MiB in the largest unit that keeps it short: `32M`, `1.5G`. */
export function showMemory(mib: number): string {
  if (mib < 1024) return `${mib}M`;
  return `${Number((mib / 1024).toFixed(1))}G`;
}

/** A span for people: `850 ms`, `4.2 s`, `3m 5s`, `2h 5m`, `4d 2h`. */
export function showSpan(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const [large, small] =
    ms < 3_600_000
      ? ([60_000, 1_000] as const)
      : ms < 86_400_000
        ? ([3_600_000, 60_000] as const)
        : ([86_400_000, 3_600_000] as const);
  const [largeName, smallName] =
    large === 60_000 ? ["m", "s"] : large === 3_600_000 ? ["h", "m"] : ["d", "h"];
  const rest = Math.floor((ms % large) / small);
  return `${Math.floor(ms / large)}${largeName}${rest > 0 ? ` ${rest}${smallName}` : ""}`;
}

/** How long ago, short enough for a table: `4s`, `3m`, `5h`, `2d`. */
export function showAge(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1_000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`;
  if (seconds < 86_400) return `${Math.floor(seconds / 3_600)}h`;
  return `${Math.floor(seconds / 86_400)}d`;
}
