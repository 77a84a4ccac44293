import type { Granted, Resources } from "@eru/events";
import { volumeText } from "@eru/resources";
import { showCpu, showMemory } from "../quantities.ts";

/** Everything a workload asks for: `1.3 cpu bound, 64M (at most 128M), volume AUTO:/data:rw:10G`. */
export function resourcesText(resources: Resources): string {
  const {
    cpu,
    cpuLimit,
    bind,
    memoryMib,
    memoryLimitMib,
    storageMib,
    volumes = [],
    gpus = {},
    ports = [],
  } = resources;
  return [
    `${showCpu(cpu)} cpu${bind ? " bound" : ""}${most(cpuLimit, showCpu)}`,
    `${showMemory(memoryMib)}${most(memoryLimitMib, showMemory)}`,
    ...(storageMib ? [`storage ${showMemory(storageMib)}`] : []),
    ...volumes.map((volume) => `volume ${volumeText(volume)}`),
    ...Object.entries(gpus).map(([product, count]) => `${count} ${product}`),
    ...ports.map(({ hostPort, port }) => `port ${hostPort}${hostPort === port ? "" : ` (${port} inside)`}`),
  ].join(", ");
}

const most = (limit: number | undefined, show: (value: number) => string): string =>
  limit === undefined ? "" : limit === 0 ? " (no bound)" : ` (at most ${show(limit)})`;

/** The parts of its node that a workload got; undefined when none in particular. */
export function grantedText(granted: Granted | null): string | undefined {
  if (!granted) return undefined;
  const { cores = {}, numa, volumes = [], gpus = {}, ports = [] } = granted;
  const named = Object.entries(cores).map(
    ([core, pieces]) => `${core}${pieces === 100 ? "" : ` (${showCpu(pieces / 100)})`}`,
  );
  return [
    ...(named.length > 0
      ? [`core ${named.join(", ")}${numa === undefined ? "" : ` of NUMA node ${numa}`}`]
      : []),
    ...volumes.map(({ to, path }) => `${to} on ${path}`),
    ...Object.entries(gpus).map(([product, ids]) => `${product} ${ids.join(", ")}`),
    ...(ports.length > 0 ? [`port ${ports.join(", ")}`] : []),
  ].join("; ");
}
