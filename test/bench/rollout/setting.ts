/** Workloads of one kind. */
export const count = 50;
/** How many are replaced at a time, new ones first. */
export const batch = 10;
/** Calls to one engine at once: the agent's own bound. */
export const atOnce = 16;
/** Memory of one, in MiB. */
export const memoryMib = 8;
/** What the plain containers carry, so that leftovers can be told. */
export const labelled = { "eru-bench": "plain" };
