import type { DefaultResources, GivenResources, PortWish } from "@eru/events";
import { parseVolume, VolumeTextError } from "@eru/resources";
import { InvalidArgumentError, Option } from "commander";
import { parseCpu, parseMemory, parseWhole } from "./quantities.ts";

// What workloads ask for and nodes offer besides cores and memory, as people write it.

const port = parseWhole(1, 65_535);
const rate = parseWhole(0, 1_000_000_000);

/** `80` or `80:8080`: a port of the machine and, when it differs, the port inside. */
export function collectPort(text: string, before: readonly PortWish[] = []): PortWish[] {
  const [host = "", inside = host, ...more] = text.split(":");
  if (more.length > 0) throw new InvalidArgumentError("Write the node's port and the container's: 80:8080.");
  return [...before, { hostPort: port(host), port: port(inside) }];
}

/** A volume as the server reads it; read here, too, so that a mistake is told at once. */
export function collectVolume(text: string, before: readonly string[] = []): string[] {
  try {
    parseVolume(text);
  } catch (error) {
    if (error instanceof VolumeTextError) throw new InvalidArgumentError(`${error.message}.`);
    throw error;
  }
  return [...before, text];
}

/** `<product>=<count>`. */
export function collectCards(text: string, before: Readonly<Record<string, number>> = {}) {
  const [product = "", count = "", ...more] = text.split("=");
  if (product === "" || more.length > 0)
    throw new InvalidArgumentError("Write a product and how many: nvidia-3090=2.");
  return { ...before, [product]: parseWhole(1, 1_000)(count) };
}

/** `<product>=<id>,<id>`. */
export function collectCardIds(text: string, before: Readonly<Record<string, string[]>> = {}) {
  const [product = "", ids = "", ...more] = text.split("=");
  if (product === "" || ids === "" || more.length > 0)
    throw new InvalidArgumentError("Write a product and the ids of its cards: nvidia-3090=0,1.");
  return { ...before, [product]: ids.split(",") };
}

/** `4`: that many whole cores, from 0; `0:100,1:150`: pieces of each. */
export function parseCores(text: string): Record<string, number> {
  if (/^\d+$/.test(text)) {
    const count = parseWhole(1, 1_024)(text);
    return Object.fromEntries(Array.from({ length: count }, (_, core) => [String(core), 100]));
  }
  return Object.fromEntries(
    text.split(",").map((part) => {
      const [, core, pieces] = /^(\d{1,4}):(\d{1,5})$/.exec(part) ?? [];
      if (core === undefined)
        throw new InvalidArgumentError("Write how many cores, or the pieces of each: 4, or 0:100,1:150.");
      return [core, Number(pieces)];
    }),
  );
}

/** `<path>:<size>`. */
export function collectNodeVolume(
  text: string,
  before: NonNullable<GivenResources["volumes"]> = [],
): NonNullable<GivenResources["volumes"]> {
  const [path = "", size = "", ...more] = text.split(":");
  if (!path.startsWith("/") || more.length > 0)
    throw new InvalidArgumentError("Write a path and its size: /mnt/a:100G.");
  return [...before, { path, sizeMib: parseMemory(size) }];
}

/** `<device>:<mount>,<mount>[:readIOPS:writeIOPS:readBPS:writeBPS]`; 0 is no limit. */
export function collectDisk(
  text: string,
  before: NonNullable<GivenResources["disks"]> = [],
): NonNullable<GivenResources["disks"]> {
  const [device = "", mounts = "", ...limits] = text.split(":");
  if (![0, 4].includes(limits.length) || !device.startsWith("/"))
    throw new InvalidArgumentError(
      "Write /dev/sda:/mnt/a,/mnt/b, with :readIOPS:writeIOPS:readBPS:writeBPS.",
    );
  const [readIops = 0, writeIops = 0, readBps = 0, writeBps = 0] = limits.map((limit, index) =>
    index < 2 ? rate(limit) : bytesOf(limit),
  );
  const said = Object.entries({ readIops, writeIops, readBps, writeBps }).filter(([, limit]) => limit > 0);
  return [...before, { device, mounts: mounts.split(","), ...Object.fromEntries(said) }];
}

const bytesOf = (text: string): number => parseMemory(text) * 1024 * 1024;

/** `<id>:<core>,<core>:<memory>`. */
export function collectNuma(
  text: string,
  before: NonNullable<GivenResources["numa"]> = [],
): NonNullable<GivenResources["numa"]> {
  const [id = "", cores = "", memory = "", ...more] = text.split(":");
  if (cores === "" || more.length > 0)
    throw new InvalidArgumentError("Write a NUMA node's number, its cores and its memory: 0:0,1,2,3:16G.");
  return [...before, { id, cores: cores.split(","), memoryMib: parseMemory(memory) }];
}

/** What a deployment asks for besides cores and memory. */
export type WishOptions = {
  cpuLimit?: number;
  bind?: true;
  memoryLimit?: number;
  storage?: number;
  volume?: string[];
  gpu?: Record<string, number>;
  hostPort?: PortWish[];
};

/** Options of a deployment. */
export const wishOptions = (): Option[] => [
  new Option(
    "--cpu-limit <cores>",
    "CPU a workload may use at most, 0 for no bound (default: what it books)",
  ).argParser(parseCpu),
  new Option("--bind", "cores of its own: whole ones, and the fraction on one that bound workloads share"),
  new Option(
    "--memory-limit <amount>",
    "memory a workload may use at most, 0 for no bound (default: what it books)",
  ).argParser(parseMemory),
  new Option("--storage <amount>", "disk space to book for a workload's own files").argParser(parseMemory),
  new Option(
    "--volume <volume>",
    "volume of the node, as AUTO:/data:rw:10G, AUTO:/data:rwm:10G for one of its own, AUTO:/data:rw:10G:<readIOPS>:<writeIOPS>:<readBPS>:<writeBPS>, or /srv/www:/www:ro to mount a path; repeatable",
  ).argParser(collectVolume),
  new Option("--gpu <product=count>", "graphics cards of a product; repeatable").argParser(collectCards),
  new Option(
    "--host-port <port[:port]>",
    "port of the node, and the container's when it differs; repeatable",
  ).argParser(collectPort),
];

/** A deployment's resources, for the server, which knows those that are not named. */
export function wishOf(cpu: number | undefined, memoryMib: number | undefined, options: WishOptions) {
  const { cpuLimit, bind, memoryLimit, storage, volume, gpu, hostPort } = options;
  return {
    ...(cpu !== undefined && { cpu }),
    ...(memoryMib !== undefined && { memoryMib }),
    ...(cpuLimit !== undefined && { cpuLimit }),
    ...(bind && { bind }),
    ...(memoryLimit !== undefined && { memoryLimitMib: memoryLimit }),
    ...(storage !== undefined && { storageMib: storage }),
    ...(volume && { volumes: volume }),
    ...(gpu && { gpus: gpu }),
    ...(hostPort && { ports: hostPort }),
  } satisfies DefaultResources;
}

/** What a node offers besides cores and memory. */
export type OfferOptions = {
  cpu?: number;
  memory?: number;
  cores?: Record<string, number>;
  cutCores?: number;
  numa?: NonNullable<GivenResources["numa"]>;
  storage?: number;
  volume?: NonNullable<GivenResources["volumes"]>;
  disk?: NonNullable<GivenResources["disks"]>;
  gpu?: Record<string, string[]>;
};

/** Options of what a node offers. */
export const offerOptions = (): Option[] => [
  new Option("--cpu <cores>", "CPU that may be booked; above its real cores it is oversold").argParser(
    parseCpu,
  ),
  new Option("--memory <amount>", "memory that may be booked, as 8G or 512M").argParser(parseMemory),
  new Option(
    "--cores <cores>",
    "cores that workloads can be bound to: how many, or the pieces of each, as 0:100,1:150",
  ).argParser(parseCores),
  new Option("--cut-cores <n>", "most cores that may be cut into fragments").argParser(parseWhole(0, 1_024)),
  new Option("--numa <id:cores:memory>", "a NUMA node, as 0:0,1,2,3:16G; repeatable").argParser(collectNuma),
  new Option("--storage <amount>", "disk space that may be booked").argParser(parseMemory),
  new Option("--volume <path:size>", "volume that may be booked, as /mnt/a:100G; repeatable").argParser(
    collectNodeVolume,
  ),
  new Option(
    "--disk <device:mounts>",
    "disk under volumes, as /dev/sdb:/mnt/a,/mnt/b, with :<readIOPS>:<writeIOPS>:<readBPS>:<writeBPS>; repeatable",
  ).argParser(collectDisk),
  new Option(
    "--gpu <product=ids>",
    "graphics cards as the engine names them, as nvidia-3090=0,1; repeatable",
  ).argParser(collectCardIds),
];

/** What a node offers, for the server; only what was named. */
export function offerOf(options: OfferOptions): GivenResources {
  const { cpu, memory, cores, cutCores, numa, storage, volume, disk, gpu } = options;
  return {
    ...(cpu !== undefined && { cpu }),
    ...(memory !== undefined && { memoryMib: memory }),
    ...(cores && { cores }),
    ...(cutCores !== undefined && { cutCoresMax: cutCores }),
    ...(numa && { numa }),
    ...(storage !== undefined && { storageMib: storage }),
    ...(volume && { volumes: volume }),
    ...(disk && { disks: disk }),
    ...(gpu && { gpus: gpu }),
  };
}

/** What `--unset` takes, and the field of each. */
export const offerFields = {
  cpu: "cpu",
  memory: "memoryMib",
  cores: "cores",
  "cut-cores": "cutCoresMax",
  numa: "numa",
  storage: "storageMib",
  volume: "volumes",
  disk: "disks",
  gpu: "gpus",
} as const satisfies Record<string, keyof GivenResources>;
