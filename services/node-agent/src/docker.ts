import type { Readable } from "node:stream";
import Docker from "dockerode";
import type { DockerEvent, Engine5 } from "./docker-api.ts";
import { fixedIn, mappings, toContainer } from "./docker-container.ts";
import { copyBetween, NoProgressError, TooMuchError } from "./docker-copy.ts";
import { runExec } from "./docker-exec.ts";
import { inspectedNetwork, newNetwork } from "./docker-network.ts";
import type { EngineNetwork } from "./domain/addresses.ts";
import { type Container, label } from "./domain/container.ts";
import type { ContainerSpec } from "./domain/container-spec.ts";
import {
  type ContainerUpdate,
  type Engine,
  type EngineEvent,
  type EngineFacts,
  EngineRefusedError,
  EngineTimeoutError,
  EngineUnreachableError,
  type ExecLimits,
  type ExecResult,
  ImageMissingError,
  type InContainer,
  NotCopiedError,
} from "./engine.ts";
import { jsonLines } from "./json-lines.ts";
import { machineLayout } from "./machine.ts";

/** How long the engine may take, in milliseconds. Starting waits for the engine's own queue on a busy machine. */
const usualTimes = {
  ping: 3_000,
  /** One of many: the engine says nothing about a container while it is at work on it. */
  glance: 5_000,
  look: 15_000,
  create: 60_000,
  start: 120_000,
  remove: 60_000,
  /** A copy, too. */
  copySilence: 60_000,
  /** A pull may take as long as it shows progress. */
  pullSilence: 120_000,
};
/** On top of the grace: the engine kills and cleans up. */
const stopMarginMs = 30_000;
/** Inspections at once while listing. */
const inspectsMax = 8;
/** Longest text of the engine that is kept, in characters. */
const textMax = 8_192;
/** Events after which a container is looked at again. */
const telling = ["start", "die", "destroy", "pause", "unpause", "rename"];

/** Which engine, as which node. */
export type DockerOptions = { socketPath: string; node: string; timesMs?: Partial<typeof usualTimes> };

/** Docker on one machine, through its socket. The only place that knows Docker's API. */
export class DockerEngine implements Engine {
  readonly #docker: Engine5;
  readonly #socketPath: string;
  readonly #ours: string;
  readonly #timesMs: typeof usualTimes;

  /** `timesMs` is for tests that cannot wait for the usual ones. */
  constructor({ socketPath, node, timesMs }: DockerOptions) {
    this.#docker = new Docker({ socketPath }) as unknown as Engine5;
    this.#socketPath = socketPath;
    this.#ours = `${label.node}=${node}`;
    this.#timesMs = { ...usualTimes, ...timesMs };
  }

  async ping(): Promise<void> {
    await this.#call("ping", this.#timesMs.ping, (abortSignal) => this.#docker.ping({ abortSignal }));
  }

  async facts(): Promise<EngineFacts> {
    const facts = await this.#call("describe itself", this.#timesMs.look, (abortSignal) =>
      this.#docker.info({ abortSignal }),
    );
    const { ServerVersion: version, NCPU: cpus, MemTotal: memoryBytes } = facts;
    return { version, cpus, memoryBytes, ...(await machineLayout(cpus)) };
  }

  async network(name: string, subnet?: string): Promise<EngineNetwork> {
    try {
      return await this.#lookAtNetwork(name);
    } catch (error) {
      if (status(error) !== 404) throw error;
    }
    await this.#makeNetwork(name, subnet ?? (await this.#freeSubnet(`${name}-probe`)));
    return await this.#lookAtNetwork(name);
  }

  /** Docker gives chosen addresses only on a network whose subnet it was told: one of its own choice is found first. */
  async #freeSubnet(probe: string): Promise<string | undefined> {
    const id = await this.#makeNetwork(probe, undefined);
    const { subnet } = await this.#lookAtNetwork(id);
    await this.#step("remove a network", this.#timesMs.look, (abortSignal) =>
      this.#docker.getNetwork(id).remove({ abortSignal }),
    );
    return subnet;
  }

  async #lookAtNetwork(ref: string): Promise<EngineNetwork> {
    return inspectedNetwork(
      await this.#call("inspect a network", this.#timesMs.look, (abortSignal) =>
        this.#docker.getNetwork(ref).inspect({ abortSignal }),
      ),
    );
  }

  async #makeNetwork(name: string, subnet: string | undefined): Promise<string> {
    const made = await this.#call("make a network", this.#timesMs.create, (abortSignal) =>
      this.#docker.createNetwork({ ...newNetwork(name, this.#ours, subnet), abortSignal }),
    );
    return made.id;
  }

  async list(): Promise<readonly Container[]> {
    const all = await this.#call("list containers", this.#timesMs.look, (abortSignal) =>
      this.#docker.listContainers({ all: true, filters: { label: [this.#ours] }, abortSignal }),
    );
    const found: Container[] = [];
    const rest = all.values();
    const inspectAll = async () => {
      for (const one of rest) {
        const container = await this.#glance(one);
        if (container) found.push(container);
      }
    };
    await Promise.all(Array.from({ length: inspectsMax }, inspectAll));
    return found;
  }

  async others(): Promise<readonly string[]> {
    const all = await this.#call("list containers", this.#timesMs.look, (abortSignal) =>
      this.#docker.listContainers({ all: true, abortSignal }),
    );
    const not = all.filter(({ Labels: labels }) => !(label.node in labels));
    return not.map(({ Id: id, Names: names }) => names[0]?.replace(/^\//, "") ?? id);
  }

  /** One stuck container must not hide all the others. */
  async #glance({
    Id: id,
    Names: names,
    Labels: labels,
  }: Docker.ContainerInfo): Promise<Container | undefined> {
    try {
      return await this.#inspect(id, this.#timesMs.glance);
    } catch (error) {
      if (!(error instanceof EngineTimeoutError)) throw error;
      await this.ping();
      const name = names[0]?.replace(/^\//, "") ?? "";
      return { id, name, labels, state: "unknown", outOfMemory: false, ports: [] };
    }
  }

  async inspect(ref: string): Promise<Container | undefined> {
    return await this.#inspect(ref, this.#timesMs.look);
  }

  async #inspect(ref: string, timeoutMs: number): Promise<Container | undefined> {
    try {
      return toContainer(
        await this.#call("inspect", timeoutMs, (abortSignal) =>
          this.#docker.getContainer(ref).inspect({ abortSignal }),
        ),
      );
    } catch (error) {
      if (status(error) === 404) return undefined;
      throw error;
    }
  }

  async pull(image: string): Promise<void> {
    const silence = new AbortController();
    const timer = setTimeout(() => silence.abort(), this.#timesMs.pullSilence);
    try {
      const stream = await this.#docker.pull(image, { abortSignal: silence.signal });
      for await (const line of jsonLines(stream as Readable)) {
        timer.refresh();
        const { error } = line as { error?: unknown };
        if (typeof error === "string") throw new RefusedError(error, 500);
      }
    } catch (error) {
      if (silence.signal.aborted)
        throw new EngineTimeoutError(
          `pulling ${image} made no progress for ${this.#timesMs.pullSilence / 1_000} s`,
        );
      throw this.#translate(error);
    } finally {
      clearTimeout(timer);
    }
  }

  async create(spec: ContainerSpec): Promise<Container> {
    const { name, ...body } = spec;
    try {
      // Said apart: dockerode would put the whole request into the address as well.
      const request = { _query: { name }, _body: body } as unknown as Docker.ContainerCreateOptions;
      const { id } = await this.#call("create", this.#timesMs.create, (abortSignal) =>
        this.#docker.createContainer({ ...request, abortSignal }),
      );
      return {
        id,
        name,
        labels: spec.Labels,
        state: "created",
        outOfMemory: false,
        ports: [],
        ...fixedIn(spec),
        bound: mappings(spec.HostConfig.PortBindings),
      };
    } catch (error) {
      if (status(error) === 404 && /no such image/i.test(String(error)))
        throw new ImageMissingError((error as Error).message, { cause: error });
      if (status(error) !== 409) throw error;
      const there = await this.inspect(name);
      if (there && sameOrder(there, spec)) return there;
      throw error;
    }
  }

  async copy(from: InContainer, to: InContainer, bytesMax: number): Promise<number> {
    const doing = `copying ${from.path} of the old container to ${to.path}`;
    const [source, target] = [this.#docker.getContainer(from.id), this.#docker.getContainer(to.id)];
    try {
      const limits = { silenceMs: this.#timesMs.copySilence, bytesMax };
      return await copyBetween(
        { container: source, path: from.path },
        { container: target, path: to.path },
        limits,
      );
    } catch (error) {
      if (error instanceof TooMuchError)
        throw new NotCopiedError(
          `${doing}: it is larger than the ${mibOf(bytesMax)} MiB that are left for copies; keep it on a volume`,
        );
      if (error instanceof NoProgressError)
        throw new EngineTimeoutError(`${doing} made no progress for ${this.#timesMs.copySilence / 1_000} s`);
      const known = this.#translate(error);
      throw known instanceof RefusedError ? new NotCopiedError(`${doing}: ${known.message}`) : known;
    }
  }

  async start(id: string): Promise<void> {
    await this.#step("start", this.#timesMs.start, (abortSignal) =>
      this.#docker.getContainer(id).start({ abortSignal }),
    );
  }

  async update(id: string, settings: ContainerUpdate): Promise<void> {
    const { Memory: bytes } = settings;
    const usedBytes = bytes === undefined ? 0 : await this.#memoryUsed(id);
    if (bytes !== undefined && usedBytes > bytes) throw new EngineRefusedError(belowUse(usedBytes, bytes));
    await this.#step("update", this.#timesMs.look, (abortSignal) =>
      this.#docker.getContainer(id).update({ ...settings, abortSignal }),
    );
  }

  /** Without what the kernel would give up at once; 0 when it does not run, or the engine does not say. */
  async #memoryUsed(id: string): Promise<number> {
    try {
      const { memory_stats: memory } = await this.#call("measure", this.#timesMs.look, (abortSignal) =>
        this.#docker
          .getContainer(id)
          .stats({ stream: false, "one-shot": true, abortSignal } as { stream: false }),
      );
      const { inactive_file = 0, total_inactive_file = inactive_file } = memory.stats ?? {};
      return Math.max(0, (memory.usage ?? 0) - total_inactive_file);
    } catch (error) {
      if (status(error) === 404) return 0;
      throw error;
    }
  }

  async stop(id: string, graceSeconds: number): Promise<void> {
    await this.#step("stop", graceSeconds * 1_000 + stopMarginMs, (abortSignal) =>
      this.#docker.getContainer(id).stop({ t: graceSeconds, abortSignal }),
    );
  }

  async exec(id: string, command: readonly string[], limits: ExecLimits): Promise<ExecResult> {
    const container = this.#docker.getContainer(id);
    const asked = { Cmd: [...command], AttachStdout: true, AttachStderr: true };
    const exec = await this.#call("prepare a command", this.#timesMs.look, (abortSignal) =>
      container.exec({ ...asked, abortSignal }),
    );
    const inspect = () =>
      this.#call("look at a command", this.#timesMs.look, (abortSignal) => exec.inspect({ abortSignal }));
    const mark = async () =>
      await this.#call("inspect", this.#timesMs.look, async (abortSignal) => {
        const { Config: config } = await container.inspect({ abortSignal });
        return config.Env.find((variable) => variable.startsWith("ERU_WORKLOAD="));
      });
    const start = (abortSignal: AbortSignal) => exec.start({ hijack: false, abortSignal });
    try {
      return await runExec({ start, inspect, mark }, limits);
    } catch (error) {
      throw this.#translate(error);
    }
  }

  async remove(id: string): Promise<void> {
    await this.#step("remove", this.#timesMs.remove, (abortSignal) =>
      this.#docker.getContainer(id).remove({ v: true, abortSignal }),
    );
  }

  async events(signal: AbortSignal): Promise<AsyncIterable<EngineEvent>> {
    try {
      const filters = { type: ["container"], label: [this.#ours], event: telling };
      const stream = await this.#docker.getEvents({ filters, abortSignal: signal });
      return this.#hints(stream, signal);
    } catch (error) {
      throw this.#translate(error);
    }
  }

  async *#hints(stream: Readable, signal: AbortSignal): AsyncGenerator<EngineEvent> {
    try {
      for await (const line of jsonLines(stream)) {
        const { Actor: actor } = line as DockerEvent;
        const workload = actor?.Attributes?.[label.workload];
        if (actor?.ID !== undefined && workload !== undefined) yield { workload, containerId: actor.ID };
      }
    } catch (error) {
      if (!signal.aborted) throw this.#translate(error);
    }
  }

  /** A step that may be done already: not modified and no such container are success. */
  async #step(
    doing: string,
    timeoutMs: number,
    run: (abortSignal: AbortSignal) => Promise<unknown>,
  ): Promise<void> {
    try {
      await this.#call(doing, timeoutMs, run);
    } catch (error) {
      if (status(error) === 304) return;
      // Starting also answers 404 for a missing network: only the container's own absence is for `inspect` to tell.
      if (status(error) === 404 && /no such container/i.test(String(error))) return;
      throw error;
    }
  }

  async #call<T>(
    doing: string,
    timeoutMs: number,
    run: (abortSignal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const signal = AbortSignal.timeout(timeoutMs);
    try {
      return await run(signal);
    } catch (error) {
      if (signal.aborted)
        throw new EngineTimeoutError(`the engine did not ${doing} within ${timeoutMs / 1_000} s`);
      throw this.#translate(error);
    }
  }

  /** An answer of the engine is a refusal; anything else means that it did not answer. */
  #translate(error: unknown): Error {
    if (error instanceof EngineRefusedError || !(error instanceof Error)) return error as Error;
    const { statusCode, json } = error as { statusCode?: number; json?: { message?: unknown } };
    const cause = { cause: error };
    if (statusCode === undefined)
      return new EngineUnreachableError(`no engine at ${this.#socketPath}: ${error.message}`, cause);
    const text = typeof json?.message === "string" ? json.message : error.message;
    return new RefusedError(clip(text.trim()), statusCode, cause);
  }
}

/** A refusal with Docker's own status, which decides what it means here. */
class RefusedError extends EngineRefusedError {
  readonly status: number;
  constructor(text: string, httpStatus: number, options?: ErrorOptions) {
    super(text, options);
    this.status = httpStatus;
  }
}

const status = (error: unknown): number | undefined =>
  error instanceof RefusedError ? error.status : undefined;

const clip = (text: string): string =>
  text.length <= textMax ? text : `${text.slice(0, textMax)} … (${text.length - textMax} more characters)`;

const identity = [label.workload, label.generation, label.node, label.spec] as const;
const sameOrder = (container: Container, spec: ContainerSpec): boolean =>
  identity.every((name) => container.labels[name] === spec.Labels[name]);

const mibOf = (bytes: number): number => Math.ceil(bytes / (1024 * 1024));

const belowUse = (usedBytes: number, bytes: number): string =>
  `it uses ${mibOf(usedBytes)} MiB of memory now and would be ended at ${mibOf(bytes)} MiB: give it more, or restart it first`;
