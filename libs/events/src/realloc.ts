import { z } from "zod";
import { Resources } from "./resources.ts";

const { cpu, memoryMib } = Resources.shape;
const Cpu = cpu.refine((cores) => cores > 0, "above 0: a running container cannot be set free of its bound");
const Memory = memoryMib.min(4, "4 MiB or more: a running container cannot be set free of its bound");

/** What can be changed of a running workload's resources. Absolute amounts; what is absent stays. */
export const ReallocAmounts = z.strictObject({
  cpu: Cpu.optional(),
  memoryMib: Memory.optional(),
  cpuLimit: Cpu.optional(),
  memoryLimitMib: Memory.optional(),
  /** Cores for itself, or the cores that are shared by all that are not bound. */
  bind: z.boolean().optional(),
});
export type ReallocAmounts = z.infer<typeof ReallocAmounts>;
