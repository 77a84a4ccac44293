import { ServerTooOldError } from "../errors.ts";

/** The oldest releases with whole atomic batches, by line; below them batches are stored singly or mixed up. */
const floors = [
  { major: 2, minor: 12, patch: 14 },
  { major: 2, minor: 14, patch: 4 },
] as const;
const wanted = "2.15 or newer (at least 2.12.14 or 2.14.4)";

/**
 * Refuses a server that would silently ignore what the log depends on.
 * @throws ServerTooOldError
 */
export function checkServerVersion(version: string): void {
  const parts = /^v?(\d+)\.(\d+)\.(\d+)/.exec(version);
  if (!parts) throw new ServerTooOldError(JSON.stringify(version), wanted);
  const [major, minor, patch] = parts.slice(1).map(Number) as [number, number, number];
  const newest = floors[floors.length - 1] ?? floors[0];
  const newer = major > newest.major || (major === newest.major && minor > newest.minor);
  const patched = floors.some(
    (floor) => floor.major === major && floor.minor === minor && patch >= floor.patch,
  );
  if (!newer && !patched) throw new ServerTooOldError(version, wanted);
}
