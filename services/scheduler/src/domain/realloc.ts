import type { Granted } from "@eru/events";
import { demandOf, reallocated } from "@eru/resources";
import { type Amounts, amountsOf, union } from "./amounts.ts";
import { leavingText } from "./dissociated.ts";
import type { Decided, Draft } from "./draft.ts";
import { type Deployment, type Node, templateAt, type Workload } from "./zone.ts";

/** Gives workloads the resources that users ask for while they run, where their nodes have room for the difference. */
export function reallocate(draft: Draft, deployment: Deployment): void {
  for (const workload of deployment.workloads.values()) {
    const { wished, realloc, going } = workload;
    // One at a time: the next when the agent has answered the one before.
    const due = realloc ? realloc.failure !== undefined && !going : wished !== undefined;
    if (!due) continue;
    if (draft.affordable(1) < 1) {
      draft.unfinished.add(deployment);
      return;
    }
    if (realloc) goBack(draft, workload);
    else answer(draft, workload);
  }
}

function answer(draft: Draft, workload: Workload): void {
  const { wished, deployment, node, id } = workload;
  if (!wished) return;
  const { whole, seq: requestSeq, cause } = wished;
  const settled = reallocated(whole ?? workload.resources, wished.amounts);
  const resources = settled.ok ? settled.resources : workload.resources;
  const amounts = amountsOf(resources, templateAt(deployment, workload.version));
  const parts = settled.ok ? partsFor(draft, workload, amounts) : { lack: settled.message };
  const detail = "lack" in parts ? parts.lack : refusalOf(draft, workload, amounts);
  if (detail !== undefined || "lack" in parts) {
    draft.spend(1);
    const of = { deployment: deployment.id, workload: id, node: node.name };
    draft.decide({ type: "ReallocRefused", ...of, resources, requestSeq, detail: detail ?? "" }, cause);
  } else if (draft.livenessOf(node) === "alive") {
    const { granted } = parts;
    draft.exchange(workload, union(workload, { amounts, granted }));
    order(draft, workload, { resources, granted, requestSeq, because: "asked", detail: "" }, cause);
  }
}

/** Its node could not do it: the order that everything stays as it was, so that no later container gets it either. */
function goBack(draft: Draft, workload: Workload): void {
  const { realloc } = workload;
  if (realloc?.failure === undefined) return;
  const { before, requestSeq, failure, cause } = realloc;
  const detail = failure.slice(0, detailMax);
  const { resources, granted } = before;
  order(draft, workload, { resources, granted, requestSeq, because: "not_done", detail }, cause);
}

/** Characters of an agent's error that the decision repeats; the fact has them all. */
const detailMax = 1_000;

type Wanted = Pick<
  Extract<Decided["event"], { type: "ReallocDecided" }>,
  "resources" | "granted" | "requestSeq" | "because" | "detail"
>;

function order(draft: Draft, workload: Workload, wanted: Wanted, cause: Decided["cause"]): void {
  const { deployment, node, id } = workload;
  const revision = workload.revision + 1;
  draft.spend(1);
  const decision = draft.decide(
    {
      type: "ReallocDecided",
      deployment: deployment.id,
      workload: id,
      node: node.name,
      revision,
      ...wanted,
    },
    cause,
  );
  const { resources, granted } = wanted;
  draft.order(
    {
      ...{ type: "WorkloadReallocAssigned", node: node.name, workload: id, revision, resources },
      ...(granted && { granted }),
    },
    decision,
  );
}

/** Why it will not be done. */
function refusalOf(draft: Draft, workload: Workload, amounts: Amounts): string | undefined {
  const { deployment, node, going } = workload;
  if (deployment.removed || going || draft.going.has(workload)) return leavingText(workload);
  if (draft.livenessOf(node) === "lost")
    return `node ${node.name} is lost: its workloads are replaced elsewhere`;
  if (amounts.pieces > 0 && workload.granted.numa !== undefined && amounts.mib > workload.amounts.mib)
    return `its memory is on NUMA node ${workload.granted.numa} with its cores and cannot grow while it runs: deploy it anew`;
  return withoutRoom(draft, node, workload.amounts, amounts);
}

/**
 * The parts of its node that it has then. Of them only cores may be others: of those it is bound to, it keeps as many as it
 * can. Not within the room that there is, when there is none.
 */
function partsFor(
  draft: Draft,
  { node, amounts: has, granted, booked, realloc }: Workload,
  { milli, mib, pieces }: Amounts,
): { granted: Granted } | { lack: string } {
  const { cores: _cores, numa, ...others } = granted;
  if (pieces === 0) return { granted: others };
  if (!realloc && pieces === has.pieces && mib <= has.mib) return { granted };
  const books = draft.booksOf(node).copy();
  books.giveBack(has, booked);
  const demand = demandOf({ cpu: milli / 1_000, memoryMib: mib, bind: true });
  if (books.rejects("cpu", demand))
    return {
      lack: `${node.name} has no cores to bind it to: ${books.why("cpu", demand)}. It would help to free ${books
        .lacks(demand)
        .map(({ text }) => text)
        .join(" and ")} there, or to ask for fewer`,
    };
  const [chosen = {}] = books.choose(demand, 1, granted);
  if (numa !== undefined && chosen.numa !== undefined && chosen.numa !== numa)
    return {
      lack: `its memory is on NUMA node ${numa}, and the cores that are free are on ${chosen.numa}: deploy it anew`,
    };
  return { granted: { ...others, ...chosen } };
}

const difference = (has: Amounts, wanted: Amounts): Amounts =>
  demandOf({
    cpu: Math.max(0, wanted.milli - has.milli) / 1_000,
    memoryMib: Math.max(0, wanted.mib - has.mib),
  });

/** What the node lacks for the difference, and what would help. */
function withoutRoom(draft: Draft, node: Node, has: Amounts, wanted: Amounts): string | undefined {
  const books = draft.booksOf(node);
  const more = difference(has, wanted);
  const short = (["cpu", "memory"] as const).filter((kind) => books.rejects(kind, more));
  if (short.length === 0) return undefined;
  const free = (kind: "cpu" | "memory"): number => {
    const line = books.lines().find((one) => one.kind === kind && one.name === kind);
    return Math.max(0, (line?.size ?? 0) - (line?.booked ?? 0));
  };
  const most = {
    cpu: () => `cpu ${Number((has.milli / 1_000 + free("cpu")).toFixed(3))}`,
    memory: () => `memory ${has.mib + free("memory")} MiB`,
  };
  const whys = short.map((kind) => books.why(kind, more)).join("; ");
  const lacks = books.lacks(more).map(({ text }) => text);
  return `${node.name} has no room for what is more than it has: ${whys}. It would help to free ${lacks.join(" and ")} there, or to ask for at most ${short.map((kind) => most[kind]()).join(" and ")}`;
}
