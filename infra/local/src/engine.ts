import { existsSync } from "node:fs";
import { probe } from "./probe.ts";

const usualSocket = "/var/run/docker.sock";

/** The machine's own engine: where DOCKER_HOST or custom says, when it answers there. */
export async function ownEngine(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string | undefined> {
  const named = env["DOCKER_HOST"];
  const socket = named?.startsWith("unix://") ? named.slice("unix://".length) : usualSocket;
  if (!existsSync(socket)) return undefined;
  return (await probe({ kind: "unix", socket, path: "/_ping" })) === undefined ? socket : undefined;
}
