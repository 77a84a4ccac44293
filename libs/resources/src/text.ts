/** Thousandths of a core as people write cores: 290 is "0.29". */
export const cores = (milli: number): string => String(milli / 1000);

/** MiB as people write them: whole GiB and TiB by their name, everything else in MiB. */
export function size(mib: number): string {
  if (mib !== 0 && mib % 1_048_576 === 0) return `${mib / 1_048_576} TiB`;
  if (mib !== 0 && mib % 1024 === 0) return `${mib / 1024} GiB`;
  return `${mib} MiB`;
}

/** The one core or the many. */
export const coresNoun = (milli: number): string => `${cores(milli)} ${milli === 1000 ? "core" : "cores"}`;
