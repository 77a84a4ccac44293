import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { promisify } from "node:util";
import { probe } from "./probe.ts";

const run = promisify(execFile);
const usualSocket = "/var/run/docker.sock";
/** Exists where systemd is the first process. */
const systemdMark = "/run/systemd/system";

/**
 * The socket of the machine's own engine, where DOCKER_HOST says or in the usual place, when it answers. An engine that
 * systemd keeps and that is not running is started.
 */
export async function ownEngine(
  env: Readonly<Record<string, string | undefined>> = process.env,
): Promise<string | undefined> {
  const named = env["DOCKER_HOST"];
  const socket = named?.startsWith("unix://") ? named.slice("unix://".length) : usualSocket;
  if (await answers(socket)) return socket;
  if (socket !== usualSocket || !existsSync(systemdMark)) return undefined;
  // Fails where there is no such unit, or for a user who may not: then there is no own engine.
  await run("systemctl", ["start", "docker.service"]).catch(() => undefined);
  return (await answers(socket)) ? socket : undefined;
}

const answers = async (socket: string): Promise<boolean> =>
  existsSync(socket) && (await probe({ kind: "unix", socket, path: "/_ping" })) === undefined;
