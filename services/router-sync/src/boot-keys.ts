import { open, rm } from "node:fs/promises";
import { join } from "node:path";
import { AppError } from "@eru/events";
import { certificateOwner, SealError, SealKeys } from "@eru/tls";
import type { Line } from "./domain/table.ts";

/**
 * Opens what is sealed for a certificate.
 * @throws AppError it cannot be opened here
 */
export type KeyOpener = (sealed: string, certificate: string) => string;

/** Opens with the seal keys of a file; without one everything is refused, and so are its hosts' certificates. */
export function keyOpener(file: string | undefined): KeyOpener {
  const keys = file === undefined ? undefined : SealKeys.read(file);
  return (sealed, certificate) => {
    if (!keys)
      throw new SealError("this machine has no seal keys: set ERU_SEAL_KEY_FILE and restart router-sync");
    return keys.open(sealed, certificateOwner(certificate));
  };
}

type Value = { name: string; sealed: string };

/** A line as nginx needs it: that of a certificate gets its private key. The table itself never holds one. */
export function withKey({ key, json }: Line, openKey: KeyOpener): Line {
  if (!key.startsWith("c:") || json === undefined) return json === undefined ? { key } : { key, json };
  const { name, sealed } = JSON.parse(json) as Value;
  return { key, json: `${json.slice(0, -1)},"key":${JSON.stringify(openKey(sealed, name))}}` };
}

/**
 * The private keys that a boot file's certificates need, by their sealed form, as JSON; undefined when it has none. What
 * cannot be opened is left out: its hosts are served the placeholder, the others must not wait for it.
 */
export function bootKeys(text: string, openKey: KeyOpener): string | undefined {
  const keys: Record<string, string> = {};
  const lines = text.match(/^\+\tc:.*$/gm) ?? [];
  for (const line of lines) {
    try {
      const { name, sealed } = JSON.parse(line.split("\t")[2] ?? "") as Value;
      keys[sealed] = openKey(sealed, name);
    } catch (error) {
      if (!(error instanceof AppError || error instanceof SyntaxError)) throw error;
    }
  }
  return lines.length === 0 ? undefined : JSON.stringify(keys);
}

/** Memory that looks like a file. */
const memoryDir = "/dev/shm";

/**
 * A text behind a descriptor that can be given to one child: in memory, and without a name by the time this returns.
 * @throws Error there is no such memory on this machine
 */
export async function openForOne(text: string): Promise<{ fd: number; close: () => Promise<void> }> {
  const path = join(memoryDir, `eru-${process.pid}-${process.hrtime.bigint()}`);
  const file = await open(path, "wx+", 0o600);
  try {
    await rm(path);
    await file.writeFile(text);
    return { fd: file.fd, close: () => file.close() };
  } catch (error) {
    await file.close();
    throw error;
  }
}
