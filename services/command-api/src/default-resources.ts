import type { AppSpec } from "@eru/events";
import { readNamed, settleNamed } from "./domain/named-resources.ts";
import type { Contradiction } from "./unpublished.ts";

/** Default resources of entrypoints that cannot be, whatever a deployment names beside them. */
export function faultyDefaults({ entrypoints }: AppSpec): Contradiction[] {
  return Object.entries(entrypoints).flatMap(([name, { resources }]): Contradiction[] => {
    if (!resources) return [];
    const at = ["entrypoints", name, "resources"];
    const read = readNamed(resources);
    if (!read.ok) return [{ path: [...at, ...read.at.map(numbered)], message: read.message }];
    // Bound to cores without a number of them: a deployment may name it.
    const { bind, ...rest } = read.named;
    const settled = settleNamed(read.named.cpu === undefined ? rest : { ...rest, ...(bind && { bind }) });
    return settled.ok ? [] : [{ path: [...at, settled.at], message: settled.message }];
  });
}

const numbered = (step: string): string | number => (/^\d+$/.test(step) ? Number(step) : step);
