import type { Books } from "@eru/resources";
import type { Amounts } from "./amounts.ts";
import { subsetsMax } from "./limits.ts";
import type { Workload } from "./zone.ts";

/** Who goes on one node for one place: the lowest priority first, of the same the youngest first. */
export type Victims = readonly Workload[];

const priorityOf = ({ deployment }: Workload): number => deployment.turn.priority;

/** Who goes first: the lowest priority, then the youngest. */
const inOrder = (a: Workload, b: Workload): number =>
  priorityOf(a) - priorityOf(b) ||
  b.placedSeq - a.placedSeq ||
  b.n - a.n ||
  (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);

/** The numbers from the smallest, to be compared one after the other: the larger is better. */
const agesOf = (victims: Victims): number[] => victims.map((one) => one.placedSeq).sort((a, b) => a - b);

/**
 * Negative when it is better to displace `a` than `b`: the fewest; then those whose highest priority is lower, then whose
 * priorities are lower in sum; then the youngest, the oldest of them first; then the first node by name.
 */
export function byHarm(a: Victims, b: Victims): number {
  const highest = (all: Victims): number => Math.max(...all.map(priorityOf));
  const sum = (all: Victims): number => all.reduce((total, one) => total + priorityOf(one), 0);
  if (a.length !== b.length) return a.length - b.length;
  const lower = highest(a) - highest(b) || sum(a) - sum(b);
  if (lower !== 0) return lower;
  const ages = [agesOf(a), agesOf(b)] as const;
  const at = ages[0].findIndex((seq, n) => seq !== ages[1][n]);
  if (at >= 0) return (ages[1][at] ?? 0) - (ages[0][at] ?? 0);
  const [one, other] = [a[0]?.node.name ?? "", b[0]?.node.name ?? ""];
  if (one !== other) return one < other ? -1 : 1;
  return a.map((victim, n) => inOrder(victim, b[n] ?? victim)).find((order) => order !== 0) ?? 0;
}

/**
 * Who has to go on a node so that one more of the demand fits; undefined when that does not help, or takes more than `most`.
 * `books` is what is booked there, to be tried in: it is the same afterwards. Found by trying all sets of few, up to a limit
 * of tries; where that is passed, by taking one after the other and leaving out whom it does not need.
 */
export function victimsOn(
  books: Books,
  candidates: readonly Workload[],
  { amounts, most }: { amounts: Amounts; most: number },
): Victims | undefined {
  const sorted = candidates.toSorted(inOrder);
  const enough = oneByOne(books, sorted, amounts);
  if (!enough || enough.length === 0) return undefined;
  const search = new Search(books, sorted, amounts);
  for (let size = 1; size <= enough.length; size++) {
    const found = search.best(size);
    if (found) return withinOf(search.spent && byHarm(enough, found) < 0 ? enough : found, most);
    if (search.spent) break;
  }
  return withinOf(enough, most);
}

const withinOf = (victims: Victims, most: number): Victims | undefined =>
  victims.length > most ? undefined : victims;

const fits = (books: Books, amounts: Amounts): boolean => books.room(amounts, 1) > 0;
const giveBack = (books: Books, { amounts, booked }: Workload): void => books.giveBack(amounts, booked);
const book = (books: Books, { amounts, booked }: Workload): void => books.book(amounts, booked);

/** Takes one after the other until it fits, then lets those stay who need not go, the highest priority and the oldest first. */
function oneByOne(books: Books, sorted: readonly Workload[], amounts: Amounts): Victims | undefined {
  const gone: Workload[] = [];
  for (const one of sorted) {
    if (fits(books, amounts)) break;
    giveBack(books, one);
    gone.push(one);
  }
  const enough = fits(books, amounts);
  const needed = new Set(gone);
  for (const one of enough ? gone.toReversed() : []) {
    book(books, one);
    if (fits(books, amounts)) needed.delete(one);
    else giveBack(books, one);
  }
  const victims = enough ? gone.filter((one) => needed.has(one)) : gone;
  for (const one of victims) book(books, one);
  return enough ? victims : undefined;
}

/** Tries all sets of one size after the other. Of workloads that are alike only the youngest are tried. */
class Search {
  /** It has tried as often as it may. */
  spent = false;
  readonly #books: Books;
  readonly #sorted: readonly Workload[];
  readonly #amounts: Amounts;
  /** For each of them the one before it that is like it, if any. */
  readonly #younger: readonly (Workload | undefined)[];
  readonly #chosen: Workload[] = [];
  #tries = 0;
  #best: Victims | undefined;

  constructor(books: Books, sorted: readonly Workload[], amounts: Amounts) {
    this.#books = books;
    this.#sorted = sorted;
    this.#amounts = amounts;
    const last = new Map<string, Workload>();
    this.#younger = sorted.map((one) => {
      const key = likenessOf(one);
      const before = last.get(key);
      last.set(key, one);
      return before;
    });
  }

  /** The best set of so many; undefined when there is none, or none was found in time. */
  best(size: number): Victims | undefined {
    this.#try(size, 0);
    return this.#best;
  }

  #try(left: number, from: number): void {
    if (left === 0) {
      this.#tries++;
      if (this.#tries >= subsetsMax) this.spent = true;
      if (fits(this.#books, this.#amounts)) this.#keep();
      return;
    }
    for (let at = from; at <= this.#sorted.length - left && !this.spent; at++) {
      const one = this.#sorted[at];
      const younger = this.#younger[at];
      if (!one || (younger && !this.#chosen.includes(younger))) continue;
      giveBack(this.#books, one);
      this.#chosen.push(one);
      this.#try(left - 1, at + 1);
      this.#chosen.pop();
      book(this.#books, one);
    }
  }

  #keep(): void {
    const found = [...this.#chosen];
    if (!this.#best || byHarm(found, this.#best) < 0) this.#best = found;
  }
}

/** Workloads of one deployment that book the same, and no part in particular, make the same room. */
const likenessOf = ({ id, deployment, amounts, booked }: Workload): string =>
  Object.keys(booked).length > 0 ? id : `${deployment.id} ${JSON.stringify(amounts)}`;
