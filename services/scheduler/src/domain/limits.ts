/** Replacements of failed workloads in a row, none of which has stayed healthy, before a deployment is halted. */
export const failuresMax = 5;

/** Workloads on their way in place of those on one draining node, at a time. */
export const movesMax = 5;

/** Workloads of others placed in its pod while a deployment waits, before a node is held for it. */
export const passedOverMax = 20;

/** Deployments in the forecast of a drain, the oldest first: it travels in one message. */
export const forecastMax = 50;

/** Most one node is said to hold of a request that books nothing: no deployment can ask for more. */
export const capacityMax = 1_000_000;

/** Nodes that one deployment displaces others from in one pass, and workloads that it displaces; what lacks more waits for the next. */
export const placesMax = 50;
export const victimsMax = 100;

/** Nodes on which victims are looked for at a time: where there are more, those on which the least must become free. */
export const examinedMax = 200;

/** Sets of victims that are tried on one node, before it is good enough that none of them is needless. */
export const subsetsMax = 500;

/** Nodes that are told beside those on which somebody is displaced. */
export const displacedOthersMax = 5;

/** Entries of the lists a decision keeps; the totals count all. */
export const scoresMax = 20;
export const runnersUpMax = 5;
export const rejectedMax = 20;
export const helpMax = 5;

/**
 * Bytes of assignment that count as one action of a pass: what keeps a batch at a few MiB however large templates are.
 */
export const actionBytes = 8 * 1024;

/** Room for the placed workloads of one decision in its message, and what each takes beside the parts it gets. */
export const placedBytesMax = 160 * 1024;
export const placedBytes = 160;

/** The largest template that fits into one message together with the names around it. */
export const templateBytesMax = 240 * 1024;

/**
 * Actions (a workload placed or removed) of one decision: it is stored with its orders, one message for each node, in one
 * batch, and a batch holds a thousand messages.
 */
export const decisionActionsMax = 900;

/**
 * Nodes that are looked at for the cost of one action: thousands of requests for a single workload shall not keep a pass
 * busy for longer than one for thousands.
 */
export const nodesPerAction = 100;

/** Actions in one pass: what is planned before the next look at the log. */
export const actionsMax = 40_000;

/** Places in the order of candidates that are told: each costs a look at all of them. */
export const rankMax = 100;
