import { AppError } from "@eru/events";
import type { EngineNetwork } from "./domain/addresses.ts";
import type { Container } from "./domain/container.ts";
import type { ContainerSpec } from "./domain/container-spec.ts";
import type { Amounts } from "./domain/realloc.ts";
import type { Layout } from "./machine.ts";

/** Nothing answers at the engine's socket, or it broke off: whether a step was done is unknown. */
export class EngineUnreachableError extends AppError {
  readonly code = "engine_unreachable";
  readonly retryable = true;
}

/** The engine took a request and did not answer it in time. */
export class EngineTimeoutError extends AppError {
  readonly code = "engine_timeout";
  readonly retryable = true;
}

/** The engine said no. The message is its whole text. */
export class EngineRefusedError extends AppError {
  readonly code = "engine_refused";
  readonly retryable = true;
}

/** What shall be copied is not there, is larger than it may be, or cannot be where it shall: that stays so. */
export class NotCopiedError extends AppError {
  readonly code = "not_copied";
  readonly retryable = false;
}

/** The image is not on this machine: it has to be pulled. */
export class ImageMissingError extends AppError {
  readonly code = "image_missing";
  readonly retryable = true;
}

/** What the engine says about itself, and what is known of its machine. */
export type EngineFacts = { version: string; cpus: number; memoryBytes: number } & Layout;

/** How long a command may take, and how much of what it writes is kept. */
export type ExecLimits = { timeoutMs: number; outputBytesMax: number };

/** What became of a command. Without an exit code it was not over in time: `ended` says whether it is now. */
export type ExecResult = { output: string } & ({ exitCode: number } | { ended: boolean });

/** Settings that a container can be given anew; what is absent stays. */
export type ContainerUpdate = Amounts & { CpusetCpus?: string };

/** A path inside a container. */
export type InContainer = { id: string; path: string };

/** Something happened to a container that carries our labels. */
export type EngineEvent = { workload: string; containerId: string };

/**
 * A container engine, as far as the agent uses it. Every method may throw EngineUnreachableError and EngineTimeoutError;
 * what the engine refuses is an EngineRefusedError. Each step may be repeated: what is already so is success.
 */
export interface Engine {
  /** Answers as soon as the engine does. */
  ping(): Promise<void>;
  facts(): Promise<EngineFacts>;
  /** The network of this name as it is; made when there is none, with this subnet or one that the engine chooses. */
  network(name: string, subnet?: string): Promise<EngineNetwork>;
  /** Every container that carries this node's label, also stopped ones. */
  list(): Promise<readonly Container[]>;
  /** The names of all others, which are none of Eru's business. */
  others(): Promise<readonly string[]>;
  /** One container by id or name; undefined when there is none. */
  inspect(ref: string): Promise<Container | undefined>;
  /** Resolves when the image is there. */
  pull(image: string): Promise<void>;
  /**
   * The new container, or the one that has the name already when its labels say that it was made by the same order.
   * @throws ImageMissingError
   */
  create(spec: ContainerSpec): Promise<Container>;
  /**
   * A file, or a directory with all below it, from one container to another, running or not, with owners and modes.
   * Directories that are missing above it are made. Returns the bytes.
   * @throws NotCopiedError
   */
  copy(from: InContainer, to: InContainer, bytesMax: number): Promise<number>;
  /** Resolves when the process runs. A container that is not there is for `inspect` to tell. */
  start(id: string): Promise<void>;
  /**
   * Other settings for a container as it is, running or not. Less memory than it uses now is refused: the kernel would end
   * it.
   */
  update(id: string, settings: ContainerUpdate): Promise<void>;
  /** The stop signal, after the grace the kill signal. Resolves when the process has ended. */
  stop(id: string, graceSeconds: number): Promise<void>;
  /**
   * Runs a command inside a running container, without a shell, for at most so long; then it is ended, where that can be
   * done. Only the first bytes of what it writes are kept.
   */
  exec(id: string, command: readonly string[], limits: ExecLimits): Promise<ExecResult>;
  /** With its anonymous volumes. Refused while it runs. */
  remove(id: string): Promise<void>;
  /**
   * What happens to containers of this node from now on; resolves when nothing can be missed any more. Ends when the
   * engine ends it or the signal aborts. A hint only: the engine forgets events when it restarts.
   */
  events(signal: AbortSignal): Promise<AsyncIterable<EngineEvent>>;
}
