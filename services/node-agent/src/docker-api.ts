import type { Readable } from "node:stream";
import type Docker from "dockerode";

type Abortable = { abortSignal: AbortSignal };
/** What dockerode 5 takes and its published types do not know yet. */
export type Engine5 = Omit<Docker, "ping" | "info" | "getEvents" | "getNetwork"> & {
  getNetwork(ref: string): {
    inspect(options: Abortable): Promise<Docker.NetworkInspectInfo>;
    remove(options: Abortable): Promise<unknown>;
  };
  ping(options: Abortable): Promise<unknown>;
  info(options: Abortable): Promise<{ ServerVersion: string; NCPU: number; MemTotal: number }>;
  getEvents(options: Abortable & { filters: Record<string, string[]> }): Promise<Readable>;
};

/** A line of the engine's events. */
export type DockerEvent = { Actor?: { ID?: string; Attributes?: Record<string, string> } };
