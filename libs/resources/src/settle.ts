import type { ReallocAmounts, Resources } from "@eru/events";
import { milliOf } from "./demand.ts";

/** A request as it is recorded, or the field that cannot be and why. */
export type Settled = { ok: true; resources: Resources } | { ok: false; at: string; message: string };

/**
 * Makes bookings and bounds agree, in Eru's order: a bound without a booking is also the booking; a bound below the booking
 * is raised to it; what is bound to cores may use exactly what it books. Refuses what contradicts itself.
 */
export function settle(asked: Resources): Settled {
  const bound = boundsOf(asked);
  const { bind, volumes, gpus, ports, storageMib } = asked;
  const resources: Resources = {
    ...bound,
    ...(bind && { bind }),
    ...(storageMib && { storageMib }),
    ...(volumes && volumes.length > 0 && { volumes }),
    ...(gpus && Object.keys(gpus).length > 0 && { gpus }),
    ...(ports && ports.length > 0 && { ports }),
  };
  const wrong = contradictionIn(resources);
  return wrong ? { ok: false, ...wrong } : { ok: true, resources };
}

/** What a workload has after other amounts were named. */
export const reallocated = (
  has: Resources,
  { cpu = has.cpu, memoryMib = has.memoryMib, cpuLimit, memoryLimitMib, bind }: ReallocAmounts,
): Settled =>
  settle({
    ...has,
    cpu,
    memoryMib,
    ...(bind !== undefined && { bind }),
    ...(cpuLimit !== undefined && { cpuLimit }),
    ...(memoryLimitMib !== undefined && { memoryLimitMib }),
  });

function boundsOf({ cpu, cpuLimit, bind, memoryMib, memoryLimitMib }: Resources) {
  const cores = cpu === 0 && cpuLimit !== undefined ? cpuLimit : cpu;
  const mib = memoryMib === 0 && memoryLimitMib !== undefined ? memoryLimitMib : memoryMib;
  const cpuMost = raised(cpuLimit, cores);
  const booked = bind && cpuMost !== undefined ? Math.max(cores, cpuMost) : cores;
  const mibMost = raised(memoryLimitMib, mib);
  return {
    cpu: booked,
    memoryMib: mib,
    // Equal to the booking is what is meant when there is none.
    ...(!bind && cpuMost !== undefined && cpuMost !== booked && { cpuLimit: cpuMost }),
    ...(mibMost !== undefined && mibMost !== mib && { memoryLimitMib: mibMost }),
  };
}

/** 0 stays 0: no bound. */
const raised = (limit: number | undefined, booking: number): number | undefined =>
  limit === undefined || limit === 0 ? limit : Math.max(limit, booking);

function contradictionIn(resources: Resources): { at: string; message: string } | undefined {
  const { cpu, bind, volumes = [], ports = [] } = resources;
  if (bind && cpu === 0)
    return { at: "cpu", message: "a bound workload books cores: give cpu above 0, or leave bind out" };
  if (bind && milliOf(cpu) % 10 !== 0)
    return { at: "cpu", message: `a bound workload books hundredths of a core, as 1.3 or 0.25, not ${cpu}` };
  const twice = repeated(volumes.map(({ to }) => to));
  if (twice !== undefined)
    return { at: "volumes", message: `two volumes at ${twice}: give each its own place` };
  const mount = volumes.find(
    ({ from, alone, sizeMib, readIops, writeIops, readBps, writeBps }) =>
      from !== undefined &&
      (alone || [sizeMib, readIops, writeIops, readBps, writeBps].some((each) => (each ?? 0) > 0)),
  );
  if (mount)
    return {
      at: "volumes",
      message: `${mount.from} is mounted as it is: a size, reads and writes, and m are for AUTO volumes`,
    };
  const port = repeated(ports.map(({ hostPort }) => hostPort));
  return port === undefined ? undefined : { at: "ports", message: `port ${port} of the node is named twice` };
}

const repeated = <T>(all: readonly T[]): T | undefined =>
  all.find((one, index) => all.indexOf(one) !== index);
