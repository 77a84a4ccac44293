import { Books } from "@eru/resources";
import type { Zone } from "./zone.ts";

/** Where two zones differ, and what is there. */
export type ZoneDifference = { at: string; one: unknown; other: unknown };

/** What passes note for themselves: a zone that was only folded has not seen any. */
export const passNotes: ReadonlySet<string> = new Set(["touched", "changed"]);

type Pair = { at: string; one: unknown; other: unknown };
type Plain = Record<string, unknown>;

/**
 * Compares two zones field by field, whatever fields they have, and maps, sets and lists in their order: two folds of the
 * same log are alike in that, too. What has a name is compared once, and where it is referred to by its name.
 */
export function zoneDifferences(
  one: Zone,
  other: Zone,
  { without = new Set<string>(), most = 20 }: { without?: ReadonlySet<string>; most?: number } = {},
): ZoneDifference[] {
  const found: ZoneDifference[] = [];
  const names = { one: namesIn(one), other: namesIn(other) };
  const compared = new Map<object, Set<object>>();
  const left: Pair[] = [{ at: "zone", one, other }];
  const isKnown = (a: object, b: object): boolean => {
    const before = compared.get(a) ?? new Set();
    compared.set(a, before);
    if (before.has(b)) return true;
    before.add(b);
    return false;
  };
  for (let pair = left.pop(); pair && found.length < most; pair = left.pop()) {
    const { at } = pair;
    const [a, b] = [pair.one, pair.other];
    if (!isObject(a) || !isObject(b)) {
      if (!Object.is(a, b)) found.push({ at, one: shown(a), other: shown(b) });
      continue;
    }
    const [nameA, nameB] = [names.one.get(a), names.other.get(b)];
    if (nameA !== nameB) found.push({ at, one: nameA ?? shown(a), other: nameB ?? shown(b) });
    else if (!isKnown(a, b)) left.push(...partsOf(nameA ?? at, a, b, without));
  }
  return found;
}

const isObject = (value: unknown): value is object => typeof value === "object" && value !== null;

/** What a zone keeps under a name of its own. */
function namesIn({ pods, nodes, agents, deployments, workloads }: Zone): Map<object, string> {
  const names = new Map<object, string>();
  for (const [kind, all] of Object.entries({
    pod: pods,
    node: nodes,
    agent: agents,
    deployment: deployments,
    workload: workloads,
  }))
    for (const [name, entity] of all) names.set(entity, `${kind} ${name}`);
  return names;
}

/** The parts of two objects side by side; one pair that differs when they are not of one kind or size. */
function partsOf(at: string, a: object, b: object, without: ReadonlySet<string>): Pair[] {
  const [one, other] = [entriesOf(a, without), entriesOf(b, without)];
  const keys = { one: one.map(([key]) => nameOf(key)), other: other.map(([key]) => nameOf(key)) };
  if (a.constructor !== b.constructor || keys.one.length !== keys.other.length)
    return [{ at, one: keys.one.join(", "), other: keys.other.join(", ") }];
  return one.flatMap(([key, value], index) => {
    const [otherKey, otherValue] = other[index] ?? [];
    const name = `${at}: ${nameOf(key)}`;
    // Keys may be objects themselves: of sets, the members are the keys.
    return isObject(key) || isObject(otherKey)
      ? [{ at: name, one: key, other: otherKey }]
      : Object.is(key, otherKey)
        ? [{ at: name, one: value, other: otherValue }]
        : [{ at: name, one: key, other: otherKey }];
  });
}

const nameOf = (key: unknown): string => (isObject(key) ? "member" : String(key));

function entriesOf(object: object, without: ReadonlySet<string>): [unknown, unknown][] {
  if (object instanceof Map) return [...object];
  if (object instanceof Set) return [...object].map((member) => [member, undefined]);
  if (object instanceof Books) return object.kept().map((kept, at) => [at, kept]);
  return Object.entries(object as Plain)
    .filter(([key]) => !without.has(key))
    .sort(([one], [other]) => (one < other ? -1 : 1));
}

const shown = (value: unknown): unknown => (isObject(value) ? value.constructor.name : value);
