import { GivenResources, Resources, VolumeWish } from "@eru/events";
import { parseVolume, settle, VolumeTextError } from "@eru/resources";
import { z } from "zod";

/** `AUTO` lets the scheduler choose a volume of the node. */
const VolumeText = z
  .string()
  .max(4_096)
  .describe("from:to:flags:size:readIOPS:writeIOPS:readBPS:writeBPS, from on the node or AUTO");

const Asked = z.strictObject({
  ...Resources.shape,
  volumes: z
    .array(z.union([VolumeText, VolumeWish]))
    .max(64, "at most 64 volumes")
    .optional(),
});

/** What a workload asks for, as a user may write it; comes out as it is recorded. */
export const WishedResources = Asked.transform(({ volumes, ...rest }, { addIssue }): Resources => {
  const read: VolumeWish[] = [];
  for (const [index, volume] of (volumes ?? []).entries()) {
    const wish = readVolume(volume);
    if (typeof wish !== "string") read.push(wish);
    else {
      addIssue({ code: "custom", path: ["volumes", index], message: wish, input: volume });
      return z.NEVER;
    }
  }
  const asked = { ...rest, ...(volumes && { volumes: read }) };
  const settled = settle(asked);
  if (settled.ok) return settled.resources;
  addIssue({ code: "custom", path: [settled.at], message: settled.message, input: asked });
  return z.NEVER;
});

/** The volume, or why it cannot be read. */
function readVolume(volume: string | VolumeWish): VolumeWish | string {
  if (typeof volume !== "string") return volume;
  try {
    return parseVolume(volume);
  } catch (error) {
    if (error instanceof VolumeTextError) return error.message;
    throw error;
  }
}

const repeated = <T>(all: readonly T[]): T | undefined =>
  all.find((one, index) => all.indexOf(one) !== index);

type Faulty = { [K in keyof GivenResources]?: GivenResources[K] | null };

/** What no node can have, each with its field. */
function faultIn({ volumes, disks, numa, gpus }: Faulty): { at: string; message: string } | undefined {
  const volume = repeated(volumes?.map(({ path }) => path) ?? []);
  if (volume !== undefined) return { at: "volumes", message: `volume ${volume} is named twice` };
  const disk = repeated(disks?.map(({ device }) => device) ?? []);
  if (disk !== undefined) return { at: "disks", message: `disk ${disk} is named twice` };
  const core = repeated(numa?.flatMap(({ cores }) => cores) ?? []);
  if (core !== undefined) return { at: "numa", message: `core ${core} belongs to two NUMA nodes` };
  const card = repeated(Object.values(gpus ?? {}).flat());
  return card === undefined ? undefined : { at: "gpus", message: `card ${card} is named twice` };
}

const checked = <T extends z.ZodType<Faulty>>(schema: T): T =>
  schema.superRefine((given, { addIssue }) => {
    const fault = faultIn(given);
    if (fault) addIssue({ code: "custom", path: [fault.at], message: fault.message, input: given });
  });

/** What may be booked on a node, as a user says it. */
export const Offer = checked(GivenResources);

const { shape } = GivenResources;

/** What shall be different; null: as the agent reports it. */
export const OfferChange = checked(
  z.strictObject({
    cpu: shape.cpu.nullable(),
    memoryMib: shape.memoryMib.nullable(),
    cores: shape.cores.nullable(),
    cutCoresMax: shape.cutCoresMax.nullable(),
    numa: shape.numa.nullable(),
    storageMib: shape.storageMib.nullable(),
    volumes: shape.volumes.nullable(),
    disks: shape.disks.nullable(),
    gpus: shape.gpus.nullable(),
  }),
);
