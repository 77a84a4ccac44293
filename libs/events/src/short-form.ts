import { z } from "zod";
import type { AssignmentEvent } from "./assignment.ts";
import { DecisionEvent } from "./decision.ts";
import { Template } from "./deployment.ts";
import type { Cause, EruEvent, NewEvent } from "./message.ts";
import { DeploymentId, NodeName, PodName } from "./names.ts";
import { Resources } from "./resources.ts";
import { settledName, settledReader, settledText } from "./settled.ts";

// What a log holds most of is written short: orders to one node that differ in nothing but the number of the workload are
// one entry, their template stands once in the message, and a decision names runs of workloads instead of each. Readers see
// one event for each workload as ever: entries are unfolded where messages are decoded, with the index each event would have
// had by itself.

type Assigned = Extract<AssignmentEvent, { type: "WorkloadAssigned" }>;
type Placed = Extract<DecisionEvent, { type: "PlacementDecided" }>;

/** Orders of new workloads of one deployment to one node. */
const WorkloadsAssigned = z.strictObject({
  node: NodeName,
  pod: PodName,
  deployment: DeploymentId,
  /** Which of the message's templates. */
  template: z.int().min(0),
  /** The numbers of the workloads. */
  numbers: z.array(z.int().min(1)).min(1),
});

/** Workloads of a decision with consecutive numbers. */
const Runs = z.strictObject({
  /** The number of the first. */
  from: z.int().min(1),
  /** Nodes and how many each gets, in the order of the numbers. */
  nodes: z.array(z.tuple([NodeName, z.int().min(1)])).min(1),
});

/** An entry of a message as it is written. */
export type Entry = {
  type: string;
  v: number;
  correlationId: string;
  causationId: string;
  payload: Record<string, unknown>;
};

/** Which entries are unfolded. */
export const shortForms: ReadonlySet<string> = new Set(["WorkloadsAssigned", "PlacementsDecided"]);

/** The templates of one message, each once. */
export class Templates {
  readonly #places = new Map<string, number>();

  placeOf(template: Template): number {
    const text = settledText(Template, template);
    const known = this.#places.get(text);
    if (known !== undefined) return known;
    const place = this.#places.size;
    this.#places.set(text, place);
    return place;
  }

  /** As a member of the body; empty when there are none. */
  text(): string {
    return this.#places.size === 0 ? "" : `,"templates":[${[...this.#places.keys()].join(",")}]`;
  }
}

/** How many of the events from `at` on are one entry of orders; 0 when the first is none that can be written so. */
export function ordersAlike(events: readonly NewEvent[], at: number): number {
  const first = events[at];
  if (!first || numberOf(first.event) === 0) return 0;
  const { deployment, node, pod, template, resources } = first.event as Assigned;
  let many = 1;
  for (let next = events[at + many]; next && isSame(next.cause, first.cause); next = events[at + many]) {
    if (numberOf(next.event) === 0) break;
    const one = next.event as Assigned;
    if (one.deployment !== deployment || one.node !== node || one.pod !== pod) break;
    if (one.template !== template || one.resources !== resources) break;
    many++;
  }
  return many;
}

/** One entry for orders that are alike. Throws a ZodError for a bug in the writer. */
export function ordersText(alike: readonly NewEvent[], templates: Templates): string {
  const [{ event, cause }] = alike as readonly [NewEvent, ...NewEvent[]];
  const { node, pod, deployment, template, resources } = event as Assigned;
  const place = templates.placeOf(template);
  const numbers = alike.map((one) => numberOf(one.event));
  // Names are checked, numbers are what they are made of: nothing of it needs to be escaped.
  const names = `"node":"${checkedNode(node)}","pod":"${checkedPod(pod)}","deployment":"${checkedDeployment(deployment)}"`;
  const what = `"template":${place},"numbers":[${numbers.join(",")}],"resources":${settledText(Resources, resources)}`;
  return entryText("WorkloadsAssigned", cause, `{${names},${what}}`);
}

/** The entry of a decision whose workloads are consecutive and get no parts of their own; undefined for any other. */
export function placedText({ event, cause }: NewEvent): string | undefined {
  if (event.type !== "PlacementDecided") return undefined;
  const runs = runsOf(event);
  if (!runs) return undefined;
  const { type: _, placed: __, ...rest } = DecisionEvent.parse({ ...event, placed: [] }) as Placed;
  for (const [node] of runs.nodes) checkedNode(node);
  return entryText("PlacementsDecided", cause, JSON.stringify({ ...rest, runs }));
}

/** Whether an order is written short: its template stands in the message, and beside its like it is a number. */
export const isWrittenShort = (order: Assigned): boolean => numberOf(order) > 0;

const entryText = (type: string, { correlationId, causationId }: Cause, payload: string): string =>
  `{"type":"${type}","v":1,"correlationId":${JSON.stringify(correlationId)},"causationId":${JSON.stringify(causationId)},"payload":${payload}}`;

const isSame = (one: Cause, other: Cause): boolean =>
  one === other || (one.correlationId === other.correlationId && one.causationId === other.causationId);

/** The members of an order that is written short, in any order: one more says something that the entry would not. */
const plainMembers = 8;

/** The number of a workload that is ordered for the first time, without parts of its own; 0 for any other event. */
function numberOf(event: EruEvent): number {
  if (event.type !== "WorkloadAssigned" || event.generation !== 1) return 0;
  if (Object.keys(event).length !== plainMembers) return 0;
  return numberIn(event.workload, event.deployment);
}

/** `3` of `<deployment>-3`; 0 when it is named in another way. */
function numberIn(workload: string, deployment: string): number {
  const n = Number(workload.slice(deployment.length + 1));
  return Number.isSafeInteger(n) && n > 0 && workload === `${deployment}-${n}` ? n : 0;
}

function runsOf({ deployment, placed }: Placed): z.infer<typeof Runs> | undefined {
  const from = numberIn(placed[0]?.workload ?? "", deployment);
  if (from === 0) return undefined;
  const nodes: [string, number][] = [];
  for (const [index, { workload, node, granted, replaces }] of placed.entries()) {
    if (granted || replaces || workload !== `${deployment}-${from + index}`) return undefined;
    const last = nodes.at(-1);
    if (last?.[0] === node) last[1]++;
    else nodes.push([node, 1]);
  }
  return { from, nodes };
}

const checkedNode = settledName(NodeName);
const checkedPod = settledName(PodName);
const checkedDeployment = settledName(DeploymentId);

/** Reads the templates of a message. Throws a ZodError. */
export const readTemplate = settledReader(Template);
const readResources = settledReader(Resources);

/** The events of an entry in short form. Throws a ZodError, or a RangeError for a template that the message lacks. */
export function unfold(
  { type, v, payload }: Entry,
  kind: string,
  templates: readonly Template[],
): (AssignmentEvent | DecisionEvent)[] {
  if (v !== 1) throw new RangeError(`${type} has version ${v}, this program knows 1: deploy it first`);
  if (type === "WorkloadsAssigned" && kind === "assignment") return unfoldOrders(payload, templates);
  if (type === "PlacementsDecided" && kind === "decision") return [unfoldPlaced(payload)];
  throw new RangeError(`${type} is not of this history`);
}

function unfoldOrders(payload: Record<string, unknown>, templates: readonly Template[]): Assigned[] {
  const { resources: asked, ...rest } = payload;
  const resources = readResources(asked);
  const { node, pod, deployment, template: place, numbers } = WorkloadsAssigned.parse(rest);
  const template = templates[place];
  if (!template) throw new RangeError(`the message has no template ${place}`);
  return numbers.map((number) => ({
    type: "WorkloadAssigned",
    ...{ node, pod, workload: `${deployment}-${number}`, deployment, generation: 1, template, resources },
  }));
}

function unfoldPlaced(payload: Record<string, unknown>): Placed {
  const { runs, ...rest } = payload;
  const event = DecisionEvent.parse({ ...rest, type: "PlacementDecided", placed: [] }) as Placed;
  const { from, nodes } = Runs.parse(runs);
  let number = from;
  for (const [node, many] of nodes)
    for (let one = 0; one < many; one++)
      event.placed.push({ workload: `${event.deployment}-${number++}`, node });
  return event;
}
