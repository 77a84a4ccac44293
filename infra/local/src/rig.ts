import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { LocalError } from "./errors.ts";
import { type Home, repository } from "./home.ts";
import type { Plan } from "./plan.ts";

const run = promisify(execFile);

/** The script that makes nodes; infra/rig/README.md describes it. */
export const rigScript = join(repository, "infra/rig/rig");

/** A plan whose nodes are namespaces. */
export type RigEngine = Extract<Plan["engine"], { kind: "rig" }>;

/** What tells one rig from another. */
export const rigEnv = (home: Home, { name, net }: RigEngine): Record<string, string> => ({
  RIG: home.rig,
  RIG_NAME: name,
  RIG_NET: net,
});

/** Runs one of its commands to the end. @throws LocalError with what it said */
export async function rig(home: Home, engine: RigEngine, ...args: string[]): Promise<void> {
  try {
    await run(rigScript, args, { env: { ...process.env, ...rigEnv(home, engine) } });
  } catch (error) {
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    throw new LocalError(`rig ${args.join(" ")} failed: ${said}`, { cause: error });
  }
}

/** One node as the rest of the program sees it. */
export type NodeAt = {
  name: string;
  /** Where its agent and published ports are. */
  address: string;
  /** The API of its engine. */
  socket: string;
  /** For its containers; absent: the engine chooses. */
  subnet?: string;
};

/** The nodes of an installation, n1 first. */
export function nodesOf(home: Home, { engine, nodes }: Plan): NodeAt[] {
  if (engine.kind === "own") return [{ name: "n1", address: "127.0.0.1", socket: engine.socket }];
  return Array.from({ length: nodes }, (_, at) => ({
    name: `n${at + 1}`,
    address: `${engine.net}.0.${11 + at}`,
    socket: join(home.rig, `n${at + 1}`, "docker.sock"),
    subnet: `${engine.net}.${101 + at}.128/25`,
  }));
}

/** Where everything that nodes must reach listens. */
export const sharedAddress = ({ engine }: Plan): string =>
  engine.kind === "own" ? "127.0.0.1" : `${engine.net}.0.1`;
