import {
  type InventoryFault,
  type InventoryReply,
  type UsageDifference,
  type UsageFault,
  type UsageLine,
  type UsageNode,
  usageDetail,
} from "@eru/events";
import { Books, type Line } from "@eru/resources";
import type { Amounts } from "./amounts.ts";
import { capacityOf, type Node, type Pod, type Workload } from "./zone.ts";

/** What is booked on a node, and by whom: equal accounts have equal texts. */
export type Account = { readonly lines: readonly Line[]; readonly text: string };

/** The accounts of a pod's nodes, or of one of them. */
export function accountsOf(pod: Pod | undefined, only?: string): Map<string, Account> {
  const accounts = new Map<string, Account>();
  for (const node of pod?.nodes.values() ?? []) {
    if (only !== undefined && node.name !== only) continue;
    const lines = node.books.lines();
    const who = [...node.workloads]
      .map(({ id, generation, phase, revision, stopping }) => [id, generation, phase, revision, stopping])
      .sort(([one], [other]) => (String(one) < String(other) ? -1 : 1));
    accounts.set(node.name, { lines, text: JSON.stringify([lines, who]) });
  }
  return accounts;
}

/** Whether the accounts of any node differ, or one has a node that the other has not. */
export const accountsDiffer = (
  one: ReadonlyMap<string, Account>,
  other: ReadonlyMap<string, Account>,
): boolean => one.size !== other.size || [...one].some(([node, { text }]) => other.get(node)?.text !== text);

/** What an agent answered, or why it did not. */
export type Answered = Exclude<InventoryReply, { error: string }> | { error: string };

/** What tells a difference from others of its node. */
export const keyOf = ({ what, workload, container }: UsageDifference): string =>
  `${what} ${workload ?? ""} ${container ?? ""}`;

type Compared = {
  /** A node of the zone as the whole log tells it. */
  node: Node;
  /** What the scheduler that decides has booked there. */
  live: Account | undefined;
  inventory: Answered;
  /** Only these differences count, because they were seen before; absent: all. */
  known?: ReadonlySet<string> | undefined;
};

/** A node in three accounts, with everything of which they differ. What is on its way is no difference. */
export function compare({ node, live, inventory, known }: Compared): UsageNode {
  if ("error" in inventory)
    return {
      ...{ node: node.name, lines: linesOf(node, live, undefined), differences: [], onTheWay: 0 },
      unanswered: inventory.error,
    };
  const found = new Found(node, inventory);
  found.look();
  const differences = found.differences.filter((one) => known?.has(keyOf(one)) ?? true);
  const lines = linesOf(node, live, nodeBooks(node, differences, found.beyond));
  return {
    ...{ node: node.name, lines, differences, others: inventory.others },
    ...(inventory.reach && { reach: inventory.reach }),
    onTheWay: found.onTheWay + found.differences.length - differences.length,
  };
}

/** What is compared of one node. */
class Found {
  readonly differences: UsageDifference[] = [];
  /** Per difference, what is used beyond what is booked. */
  readonly beyond = new Map<string, { milli: number; mib: number }>();
  onTheWay = 0;
  readonly #node: Node;
  readonly #inventory: Exclude<Answered, { error: string }>;

  constructor(node: Node, inventory: Exclude<Answered, { error: string }>) {
    this.#node = node;
    this.#inventory = inventory;
  }

  look(): void {
    const { asOrdered, busy, faults, faultsTotal, atSeq } = this.#inventory;
    const booked = new Map([...this.#node.workloads].map((one) => [one.id, one]));
    const named = new Set<string>();
    for (const id of [...asOrdered, ...busy]) named.add(id);
    for (const fault of faults) {
      if (fault.workload !== undefined) named.add(fault.workload);
      this.#fault(fault, fault.workload === undefined ? undefined : booked.get(fault.workload));
    }
    // Its agent heard of it before the log was read so far, or has not been told that it is over.
    for (const id of asOrdered)
      if (!booked.has(id))
        this.#add("not_booked", { workload: id }, "its agent runs it, and nothing is booked for it");
    this.onTheWay += busy.length;
    if (faultsTotal > faults.length) return; // What is not named may be among the rest.
    for (const workload of booked.values()) if (!named.has(workload.id)) this.#unheard(workload, atSeq);
  }

  #fault(fault: InventoryFault, workload: Workload | undefined): void {
    const { what, detail, cpuMilli = 0, memoryMib = 0, lasting } = fault;
    const of = {
      ...(fault.workload !== undefined && { workload: fault.workload }),
      ...(fault.container !== undefined && { container: fault.container }),
    };
    const settles = workload !== undefined && inMotion(workload);
    if (what === "missing" && workload && !claimsToRun(workload)) {
      // Given up or stopped, the log says so as well; else one is being made.
      if (workload.phase !== "failed" && workload.phase !== "stopped") this.onTheWay++;
      return;
    }
    if (settles && what !== "foreign") {
      this.onTheWay++;
      return;
    }
    const beyond = { milli: cpuMilli, mib: memoryMib };
    this.#add(what, of, detail, { beyond, lasting: lasting === true });
  }

  /** Its agent said nothing about it: it has not heard of it yet, has taken it away just now, or lost its order. */
  #unheard(workload: Workload, atSeq: number): void {
    const { placedSeq, going, stopping, phase, adopting, parting } = workload;
    if (going || stopping || adopting || parting || placedSeq >= atSeq || phase === "assigned")
      this.onTheWay++;
    else this.#add("not_known", { workload: workload.id }, "its agent knows of no order for it");
  }

  #add(
    what: UsageFault,
    of: Pick<UsageDifference, "workload" | "container">,
    detail: string,
    { beyond, lasting = false }: { beyond?: { milli: number; mib: number }; lasting?: boolean } = {},
  ): void {
    const remedy = lasting ? "left" : remedies[what];
    const difference = { what, ...of, detail: usageDetail(detail), remedy };
    this.differences.push(difference);
    if (beyond) this.beyond.set(keyOf(difference), beyond);
  }
}

/** What a correction does about each. */
const remedies: Readonly<Record<UsageFault, UsageDifference["remedy"]>> = {
  missing: "agent",
  limits: "ordered",
  unordered: "agent",
  foreign: "left",
  unseen: "agent",
  not_known: "left",
  not_booked: "left",
};

/** The log says that there is a container. */
const claimsToRun = ({ phase }: Workload): boolean =>
  phase === "started" || phase === "healthy" || phase === "unhealthy";

/** Something is being done about it by order. */
const inMotion = ({ going, stopping, realloc, wished, change, adopting, parting }: Workload): boolean =>
  [going, realloc, wished, change, adopting, parting].some((one) => one !== undefined) || stopping;

/** What the node has: what is booked for workloads whose containers are there, as the engine bounds them. */
function nodeBooks(
  node: Node,
  differences: readonly UsageDifference[],
  beyond: ReadonlyMap<string, { milli: number; mib: number }>,
): Books {
  const books = Books.open(capacityOf(node) ?? { cpu: 0, memoryMib: 0 });
  const gone = new Set<string>();
  const other = new Map<string, { milli: number; mib: number }>();
  for (const one of differences) {
    const more = beyond.get(keyOf(one));
    if ((one.what === "missing" || one.what === "not_known") && one.workload) gone.add(one.workload);
    if (one.what === "limits" && one.workload && more) other.set(one.workload, more);
    if (one.what === "unordered" && more) books.book({ ...nothing, ...more });
  }
  for (const { id, amounts, booked } of node.workloads) {
    if (gone.has(id)) continue;
    const more = other.get(id);
    books.book(more ? beyondOf(amounts, more) : amounts, booked);
  }
  return books;
}

const nothing: Amounts = {
  ...{ milli: 0, mib: 0, pieces: 0, storageMib: 0, ownStorageMib: 0 },
  ...{ volumes: [], gpus: [], ports: [] },
};

const beyondOf = (amounts: Amounts, { milli, mib }: { milli: number; mib: number }): Amounts => ({
  ...amounts,
  milli: Math.max(0, amounts.milli + milli),
  mib: Math.max(0, amounts.mib + mib),
});

/** Everything that can be booked there, side by side; cores and memory always, the rest where anything of it is booked. */
function linesOf(node: Node, live: Account | undefined, found: Books | undefined): UsageLine[] {
  const name = (line: Line): string => `${line.kind} ${line.name}`;
  const [scheduler, there] = [live?.lines ?? [], found?.lines()].map(
    (lines) => new Map((lines ?? []).map((line) => [name(line), line.booked])),
  );
  return node.books.lines().flatMap((line) => {
    const { kind, unit, size, booked: log } = line;
    const booked = scheduler?.get(name(line)) ?? 0;
    const has = found ? (there?.get(name(line)) ?? 0) : undefined;
    const whole = line.name === "cpu" || line.name === "memory";
    if (!whole && log === 0 && booked === 0 && (has ?? 0) === 0) return [];
    return [
      { kind, name: line.name, unit, size, scheduler: booked, log, ...(has !== undefined && { node: has }) },
    ];
  });
}

/** Whether any two accounts of a resource differ. */
const lineDiffers = ({ scheduler, log, node = log }: UsageLine): boolean => scheduler !== log || node !== log;

/** Whether anything of a node differs. */
export const nodeDiffers = ({ differences, lines }: UsageNode): boolean =>
  differences.length > 0 || lines.some(lineDiffers);
