import { DefaultResources, GivenResources } from "@eru/events";
import { z } from "zod";
import { type NamedResources, readNamed, settleNamed } from "../domain/named-resources.ts";

const Asked = z.strictObject({
  ...DefaultResources.shape,
  volumes: DefaultResources.shape.volumes.describe(
    "As text: from:to:flags:size:readIOPS:writeIOPS:readBPS:writeBPS, from on the node, or AUTO to let the scheduler choose",
  ),
});

/**
 * What a workload asks for, as a user may write it; comes out as it is recorded. What is not named is left to the
 * entrypoint's defaults.
 */
export const WishedResources = Asked.transform((asked, { addIssue }): NamedResources => {
  const read = readNamed(asked);
  if (!read.ok) {
    addIssue({ code: "custom", path: read.at, message: read.message, input: asked.volumes });
    return z.NEVER;
  }
  const { cpu, memoryMib } = read.named;
  // Only what is whole can contradict itself.
  if (cpu === undefined || memoryMib === undefined) return read.named;
  const settled = settleNamed(read.named);
  if (settled.ok) return settled.resources;
  addIssue({ code: "custom", path: [settled.at], message: settled.message, input: asked });
  return z.NEVER;
});

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
