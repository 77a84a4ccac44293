import { z } from "zod";
import { Port } from "./spec.ts";

const Cores = z
  .number()
  .min(0, "cpu must be zero or more cores")
  .max(1024, "cpu is at most 1024 cores")
  .refine((cores) => Number.isInteger(Number((cores * 1000).toFixed(6))), "cpu has at most three decimals");

const Mib = (what: string, most = 16_777_216) => z.int(`${what} is a whole number of MiB`).min(0).max(most);
/** Storage is larger than memory: up to 1 PiB. */
const storageMibMax = 1_073_741_824;

/** A core as the kernel numbers it. */
export const CoreId = z.string().regex(/^\d{1,4}$/, "a core is named by its number");

const Path = z
  .string()
  .max(1_024)
  .regex(/^\/[^:]*$/, "an absolute path without a colon")
  .refine((path) => !path.split("/").includes(".."), "a path has no `..`");

/** Operations and bytes a second; absent is no limit. */
const Io = {
  readIops: z.int().min(0).max(1_000_000_000).optional(),
  writeIops: z.int().min(0).max(1_000_000_000).optional(),
  readBps: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
  writeBps: z.int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
};

/** A volume that a workload wants; people write it `from:to:flags:size:readIOPS:writeIOPS:readBPS:writeBPS`. */
export const VolumeWish = z.strictObject({
  /** A path of the node that is mounted as it is. Absent (`AUTO`): a part of a volume that the scheduler chooses. */
  from: Path.optional(),
  /** Where it is inside the container. */
  to: Path,
  readOnly: z.boolean().optional(),
  /** The volume for itself: no other workload gets a part of it. */
  alone: z.boolean().optional(),
  /** 0 books nothing: as much as the volume has. */
  sizeMib: Mib("a volume's size", storageMibMax),
  ...Io,
});
export type VolumeWish = z.infer<typeof VolumeWish>;

const Product = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, "a product is letters, digits and . _ -");
const DeviceId = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/, "not a device id");

/** A port of the machine that leads to a port of the container; the same one when it is on the host's network. */
export const PortWish = z.strictObject({ hostPort: Port, port: Port });
export type PortWish = z.infer<typeof PortWish>;

const few = <T extends z.ZodType>(item: T, what: string, most = 64) =>
  z.array(item).max(most, `at most ${most} ${what}`);

/**
 * What a workload books on its node, and its bounds there. CPU in cores with three decimals (0.1 is a tenth of a core),
 * memory in MiB. 0 books nothing and sets no bound. What is absent is not asked for.
 */
export const Resources = z.strictObject({
  cpu: Cores,
  memoryMib: Mib("memoryMib"),
  /** What it may use at most; absent: what it books. 0: no bound. */
  cpuLimit: Cores.optional(),
  /** Whole cores for itself, and the fraction on one core that it shares with other bound workloads only. */
  bind: z.boolean().optional(),
  /** What it may use at most; absent: what it books. 0: no bound. */
  memoryLimitMib: Mib("memoryLimitMib").optional(),
  /** Disk for the container's own files and, with it, its volumes. */
  storageMib: Mib("storageMib", storageMibMax).optional(),
  volumes: few(VolumeWish, "volumes").optional(),
  /** Cards by product. */
  gpus: z.record(Product, z.int().min(1).max(1_000)).optional(),
  ports: few(PortWish, "ports").optional(),
});
export type Resources = z.infer<typeof Resources>;

/** Resources of which some are named, with volumes as people may write them. */
export const DefaultResources = z.strictObject({
  ...Resources.shape,
  cpu: Cores.optional(),
  memoryMib: Mib("memoryMib").optional(),
  volumes: few(z.union([z.string().max(4_096), VolumeWish]), "volumes").optional(),
});
export type DefaultResources = z.infer<typeof DefaultResources>;

const NodeVolume = z.strictObject({ path: Path, sizeMib: Mib("a volume's size", storageMibMax) });
const Disk = z.strictObject({
  /** `/dev/sda`. */
  device: Path,
  /** Directories that lie on it; a volume belongs to the disk with the longest of them above it. */
  mounts: few(Path, "mounts"),
  ...Io,
});
const Numa = z.strictObject({
  id: z.string().regex(/^\d{1,3}$/, "a NUMA node is named by its number"),
  cores: z.array(CoreId).min(1).max(1_024),
  memoryMib: Mib("memoryMib"),
});

/** Pieces of a core that can be booked: a whole core has as many, one with more is oversold. */
export const piecesPerCore = 100;

/** What may be booked on a node. What is absent is not there, or as the agent reports it. */
export const NodeResources = z.strictObject({
  /** Above the number of its real cores: oversold on purpose. */
  cpu: Cores,
  memoryMib: Mib("memoryMib"),
  /** The pieces of each core; 100 are a whole one. */
  cores: z.record(CoreId, z.int().min(0).max(10_000)).optional(),
  /** Most cores that may be cut into fragments. Absent: no limit. */
  cutCoresMax: z.int().min(0).max(1_024).optional(),
  /** Which cores and how much memory are close to each other. */
  numa: few(Numa, "NUMA nodes").optional(),
  storageMib: Mib("storageMib", storageMibMax).optional(),
  volumes: few(NodeVolume, "volumes", 256).optional(),
  disks: few(Disk, "disks", 256).optional(),
  /** Per product the cards, as the engine names them. */
  gpus: z.record(Product, z.array(DeviceId).min(1).max(256)).optional(),
});
export type NodeResources = z.infer<typeof NodeResources>;

/** What a user says may be booked on a node. What is absent is as its agent reports it. */
export const GivenResources = NodeResources.partial({ cpu: true, memoryMib: true });
export type GivenResources = z.infer<typeof GivenResources>;

/** Which parts of a node a workload gets, of everything that is not alike. Amounts are as it asked. */
export const Granted = z.strictObject({
  /** Pieces of each core it is bound to. */
  cores: z.record(CoreId, z.int().min(1)).optional(),
  /** The NUMA node that has all of the cores, and its memory. */
  numa: z.string().optional(),
  /** One for each volume that was not named: where it is on the node. */
  volumes: z
    .array(
      z.strictObject({
        to: Path,
        path: Path,
        sizeMib: Mib("sizeMib", storageMibMax),
        alone: z.boolean().optional(),
        /** The disk it lies on, when its reads and writes are bounded. */
        device: Path.optional(),
      }),
    )
    .optional(),
  /** Cards, by product. */
  gpus: z.record(Product, z.array(DeviceId)).optional(),
  /** Ports of the machine. */
  ports: z.array(Port).optional(),
});
export type Granted = z.infer<typeof Granted>;
