import type { EngineNetwork } from "../src/domain/addresses.ts";
import { type Container, label } from "../src/domain/container.ts";
import type { ContainerSpec } from "../src/domain/container-spec.ts";
import type { Amounts } from "../src/domain/realloc.ts";
import {
  type ContainerUpdate,
  type Engine,
  type EngineEvent,
  type EngineFacts,
  EngineRefusedError,
  EngineUnreachableError,
  type ExecLimits,
  type ExecResult,
  ImageMissingError,
  type InContainer,
  NotCopiedError,
} from "../src/engine.ts";
import { bounded } from "./sim-bounds.ts";
import { Subscriber } from "./sim-subscriber.ts";

/** A step that can be made to fail. */
export type SimStep =
  | "inspect"
  | "pull"
  | "create"
  | "copy"
  | "start"
  | "update"
  | "exec"
  | "stop"
  | "remove";

/** What the process of a container does when it is started: nothing absent, or it ends at once. */
export type SimProcess = { exitCode: number; outOfMemory?: boolean } | undefined;

export type SimEngineOptions = {
  node: string;
  /** Wall clock, milliseconds. */
  now: () => number;
  /** Images on the machine; others must be pulled. */
  images?: readonly string[];
  /** Images that the registry has. */
  registry?: readonly string[] | "any";
};

/**
 * A container engine in memory, for tests and the simulation. Deterministic: no timers, no chance; what happens to
 * containers besides the agent's own steps is told to it by the test.
 */
export class SimEngine implements Engine {
  readonly #node: string;
  readonly #now: () => number;
  readonly #images: Set<string>;
  readonly #registry: Set<string> | "any";
  readonly #containers = new Map<string, Container>();
  readonly #subscribers = new Set<Subscriber>();
  readonly #failures = new Map<SimStep, string[]>();
  readonly #lateAnswers = new Set<SimStep>();
  #ids = 0;
  #addresses = 0;
  #lastStartMs = 0;
  #reachable = true;
  /** Every step that was asked for, in order: `create eru-w-1-g1`. */
  readonly steps: string[] = [];
  /** What the process does when a container starts. */
  process: (container: Container) => SimProcess = () => undefined;
  /** What a command does that is run in a container. */
  command: (container: Container, command: readonly string[]) => ExecResult = () => ({
    exitCode: 0,
    output: "",
  });
  /** The size of a file that every container has. */
  fileBytes: (path: string) => number | undefined = () => undefined;
  /** The sizes of files, by `<container>:<path>`. */
  readonly files = new Map<string, number>();
  /** Ports of the machine that something else has. */
  readonly takenPorts = new Set<number>();
  /** Addresses of the containers' network that something else has. */
  readonly takenAddresses = new Set<string>();
  /** Of the containers' network; without one it gives addresses as it likes. */
  subnet: Pick<EngineNetwork, "subnet" | "gateway" | "taken"> = {};
  /** Memory that a running container uses. */
  usedBytes: (container: Container) => number = () => 0;
  /** Awaited before each step: a test can hold an answer back. */
  before: (step: SimStep, name: string) => Promise<void> = async () => {};
  version = "20.10.24";
  cpus = 2;
  memoryBytes = 4 * 1024 ** 3;

  constructor(options: SimEngineOptions) {
    this.#node = options.node;
    this.#now = options.now;
    this.#images = new Set(options.images ?? []);
    this.#registry = options.registry === "any" ? "any" : new Set(options.registry ?? []);
  }

  async ping(): Promise<void> {
    this.#reach();
  }

  async facts(): Promise<EngineFacts> {
    this.#reach();
    const cores = Array.from({ length: this.cpus }, (_, core) => String(core));
    return { version: this.version, cpus: this.cpus, memoryBytes: this.memoryBytes, cores, numa: [] };
  }

  async network(name: string): Promise<EngineNetwork> {
    this.#reach();
    return { name, ...this.subnet };
  }

  async list(): Promise<readonly Container[]> {
    this.#reach();
    return [...this.#containers.values()].filter((one) => one.labels[label.node] === this.#node);
  }

  async others(): Promise<readonly string[]> {
    this.#reach();
    const all = [...this.#containers.values()];
    return all.filter(({ labels }) => !(label.node in labels)).map(({ name }) => name);
  }

  async inspect(ref: string): Promise<Container | undefined> {
    this.#reach();
    this.#refuse("inspect");
    return this.#find(ref);
  }

  async pull(image: string): Promise<void> {
    await this.#step("pull", image);
    if (this.#registry !== "any" && !this.#registry.has(image))
      throw new EngineRefusedError(`manifest for ${image} not found`);
    this.#images.add(image);
    this.#answer("pull");
  }

  async create(spec: ContainerSpec): Promise<Container> {
    await this.#step("create", spec.name);
    if (!this.#images.has(spec.Image)) throw new ImageMissingError(`No such image: ${spec.Image}`);
    const there = this.#find(spec.name);
    if (there && there.labels[label.spec] !== spec.Labels[label.spec])
      throw new EngineRefusedError(`the container name "/${spec.name}" is already in use by ${there.id}`);
    const cpus = spec.HostConfig.CpusetCpus ?? "";
    const made = there ?? this.#put({ name: spec.name, labels: { ...spec.Labels }, cpus, ...askedIn(spec) });
    if (!there) this.#bound(made, spec.HostConfig);
    this.#answer("create");
    return this.#find(made.id) ?? made;
  }

  async copy(from: InContainer, to: InContainer, bytesMax: number): Promise<number> {
    const [source, target] = [this.#find(from.id), this.#find(to.id)];
    await this.#step("copy", `${source?.name ?? from.id}:${from.path} ${target?.name ?? to.id}:${to.path}`);
    const bytes = source && (this.files.get(`${source.name}:${from.path}`) ?? this.fileBytes(from.path));
    if (bytes === undefined)
      throw new NotCopiedError(`there is no ${from.path} in ${source?.name ?? from.id}`);
    if (bytes > bytesMax) throw new NotCopiedError(`${from.path} is larger than ${bytesMax} bytes`);
    if (target) this.files.set(`${target.name}:${to.path}`, bytes);
    this.#answer("copy");
    return bytes;
  }

  async start(id: string): Promise<void> {
    const container = this.#find(id);
    await this.#step("start", container?.name ?? id);
    const taken = container?.bound?.find(({ hostPort }) => this.takenPorts.has(hostPort));
    if (taken)
      throw new EngineRefusedError(`Bind for 0.0.0.0:${taken.hostPort} failed: port is already allocated`);
    if (this.takenAddresses.has(container?.fixedAddress ?? ""))
      throw new EngineRefusedError("Address already in use");
    if (container && container.state !== "running") this.#run(container);
    this.#answer("start");
  }

  async update(id: string, { CpusetCpus: cpus, ...amounts }: ContainerUpdate): Promise<void> {
    const container = this.#find(id);
    await this.#step("update", container?.name ?? id);
    if (container) {
      const used = this.usedBytes(container);
      if (container.state === "running" && used > (amounts.Memory ?? used))
        throw new EngineRefusedError(`it uses ${used} bytes of memory now`);
      this.#bound(container, { ...amounts, ...(cpus !== undefined && { CpusetCpus: cpus }) });
    }
    this.#answer("update");
  }

  async stop(id: string, _graceSeconds: number): Promise<void> {
    const container = this.#find(id);
    await this.#step("stop", container?.name ?? id);
    if (container?.state === "running") this.exit(container.name, 0);
    this.#answer("stop");
  }

  async exec(id: string, command: readonly string[], _limits: ExecLimits): Promise<ExecResult> {
    const container = this.#find(id);
    await this.#step("exec", container?.name ?? id);
    if (container?.state !== "running")
      throw new EngineRefusedError(`container ${container?.name ?? id} is not running`);
    const result = this.command(container, command);
    this.#answer("exec");
    return result;
  }

  async remove(id: string): Promise<void> {
    const container = this.#find(id);
    await this.#step("remove", container?.name ?? id);
    if (container?.state === "running")
      throw new EngineRefusedError(`cannot remove running ${container.name}`);
    if (container) this.removeByHand(container.name);
    this.#answer("remove");
  }

  async events(signal: AbortSignal): Promise<AsyncIterable<EngineEvent>> {
    this.#reach();
    const subscriber = new Subscriber();
    this.#subscribers.add(subscriber);
    signal.addEventListener("abort", () => subscriber.end(), { once: true });
    return subscriber.drain();
  }

  /** The container of this name as it is. */
  container(name: string): Container | undefined {
    return this.#find(name);
  }

  /** Cores, in billionths, and bytes of memory that a container may use. */
  amounts(id: string): { NanoCpus: number; Memory: number } {
    const { NanoCpus = 0, Memory = 0 } = this.#containers.get(id)?.bounds ?? {};
    return { NanoCpus, Memory };
  }

  /** Somebody gives a container other bounds behind the agent's back: no event tells of it. */
  boundByHand(name: string, amounts: Amounts): void {
    const container = this.#find(name);
    if (!container) throw new RangeError(`there is no ${name}`);
    this.#containers.set(container.id, bounded(container, amounts));
  }

  /** All containers, also foreign ones. */
  containers(): readonly Container[] {
    return [...this.#containers.values()];
  }

  /** The process of a running container ends by itself. */
  exit(name: string, exitCode: number, outOfMemory = false): void {
    const container = this.#find(name);
    if (container?.state !== "running") throw new RangeError(`${name} does not run`);
    this.#replace({ ...container, state: "exited", exitCode, outOfMemory, ports: [] });
  }

  /** Somebody removes a container behind the agent's back. */
  removeByHand(name: string): void {
    const container = this.#find(name);
    if (!container) throw new RangeError(`there is no ${name}`);
    this.#containers.delete(container.id);
    this.#tell(container);
  }

  /** Somebody restarts a container behind the agent's back: it gets another address. */
  restartByHand(name: string): void {
    const container = this.#find(name);
    if (!container) throw new RangeError(`there is no ${name}`);
    this.#run(container);
  }

  /** Somebody gives a running container another address, without restarting it. */
  moveByHand(name: string, address: string): void {
    const container = this.#find(name);
    if (container?.state !== "running") throw new RangeError(`${name} does not run`);
    this.#replace({ ...container, address });
  }

  /** A running container that the agent did not make. */
  addForeign(name: string, labels: Record<string, string> = {}): Container {
    return this.#run(this.#put({ name, labels }));
  }

  /** The next step of this kind is refused with this text; repeated calls queue up. */
  failNext(step: SimStep, error: string): void {
    this.#failures.set(step, [...(this.#failures.get(step) ?? []), error]);
  }

  /** The next step of this kind is done, but the connection breaks before the answer. */
  loseAnswer(step: SimStep): void {
    this.#lateAnswers.add(step);
  }

  get reachable(): boolean {
    return this.#reachable;
  }

  /** While unreachable every call fails; its event streams end. Containers go on. */
  setReachable(reachable: boolean): void {
    this.#reachable = reachable;
    if (reachable) return;
    for (const subscriber of this.#subscribers) subscriber.end();
    this.#subscribers.clear();
  }

  /** The engine is killed and comes back without live-restore: it ends what still ran. */
  restart(): void {
    this.setReachable(false);
    for (const one of [...this.#containers.values()])
      if (one.state === "running") this.#replace({ ...one, state: "exited", exitCode: 137 });
    this.setReachable(true);
  }

  async #step(step: SimStep, name: string): Promise<void> {
    this.#reach();
    this.steps.push(`${step} ${name}`);
    await this.before(step, name);
    this.#reach();
    this.#refuse(step);
  }

  #refuse(step: SimStep): void {
    const error = this.#failures.get(step)?.shift();
    if (error !== undefined) throw new EngineRefusedError(error);
  }

  #answer(step: SimStep): void {
    if (this.#lateAnswers.delete(step)) throw new EngineUnreachableError(`connection lost during ${step}`);
    this.#reach();
  }

  #reach(): void {
    if (!this.#reachable) throw new EngineUnreachableError("connect ENOENT docker.sock");
  }

  #find(ref: string): Container | undefined {
    return this.#containers.get(ref) ?? this.#containers.values().find((one) => one.name === ref);
  }

  #put(asked: Pick<Container, "name" | "labels" | "cpus" | "bound" | "fixedAddress">): Container {
    const id = `c${++this.#ids}`;
    const fixed = { id, state: "created", outOfMemory: false, ports: [] } as const;
    const container: Container = { cpus: "", bound: [], ...asked, ...fixed };
    this.#replace(container);
    return container;
  }

  #run(container: Container): Container {
    const { exitCode: _exitCode, ...rest } = container;
    const address = container.fixedAddress ?? `10.0.0.${(this.#addresses++ % 250) + 2}`;
    // Two starts never bear the same time, as on a real clock; the step is too small to be ahead of it.
    this.#lastStartMs = Math.max(this.#now(), this.#lastStartMs + 0.001);
    const running: Container = {
      ...rest,
      state: "running",
      startedAtMs: this.#lastStartMs,
      address,
      ports: rest.bound ?? [],
    };
    this.#replace(running);
    const ends = this.process(running);
    if (ends) this.exit(container.name, ends.exitCode, ends.outOfMemory);
    return running;
  }

  #bound(container: Container, amounts: Amounts): void {
    this.#replace(bounded(container, amounts));
  }

  #replace(container: Container): void {
    this.#containers.set(container.id, container);
    this.#tell(container);
  }

  #tell({ id, labels }: Container): void {
    const workload = labels[label.workload];
    if (workload === undefined || labels[label.node] !== this.#node) return;
    for (const subscriber of this.#subscribers) subscriber.push({ workload, containerId: id });
  }
}

/** Ports and address that the engine is told. */
function askedIn({ HostConfig, NetworkingConfig }: ContainerSpec): Pick<Container, "bound" | "fixedAddress"> {
  const bound = Object.entries(HostConfig.PortBindings).flatMap(([port, [first]]) => {
    const hostPort = Number(first?.HostPort);
    return hostPort > 0 ? [{ port: Number.parseInt(port, 10), hostPort }] : [];
  });
  const [fixed] = Object.values(NetworkingConfig?.EndpointsConfig ?? {});
  return { bound, ...(fixed && { fixedAddress: fixed.IPAMConfig.IPv4Address }) };
}
