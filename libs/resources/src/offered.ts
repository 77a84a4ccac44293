import type { GivenResources, NodeResources } from "@eru/events";

/**
 * What may be booked on a node: the user's word and, where the user said nothing, the agent's. Undefined until one of them
 * has said cores and memory.
 */
export function offered(
  given: GivenResources | undefined,
  observed: NodeResources | undefined,
): NodeResources | undefined {
  const cpu = given?.cpu ?? observed?.cpu;
  const memoryMib = given?.memoryMib ?? observed?.memoryMib;
  if (cpu === undefined || memoryMib === undefined) return undefined;
  return { ...observed, ...given, cpu, memoryMib };
}

/** Whether cores and memory have been said. */
export const isOffered = (given: GivenResources | undefined, observed: NodeResources | undefined): boolean =>
  (given?.cpu ?? observed?.cpu) !== undefined && (given?.memoryMib ?? observed?.memoryMib) !== undefined;
