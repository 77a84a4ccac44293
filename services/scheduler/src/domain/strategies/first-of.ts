type By<T> = {
  /** Absent: all of them. */
  of?: (one: T) => boolean;
  /** An order in which no two are equal. */
  compare: (a: T, b: T) => number;
};

/** The first `many` of a list, without putting the rest in order. */
export function firstOf<T>(all: readonly T[], many: number, { of, compare }: By<T>): T[] {
  const first: T[] = [];
  for (const one of all) {
    if (of && !of(one)) continue;
    const last = first.at(-1);
    if (first.length === many && (last === undefined || compare(one, last) >= 0)) continue;
    let at = first.length;
    while (at > 0 && compare(one, first[at - 1] as T) < 0) at--;
    first.splice(at, 0, one);
    if (first.length > many) first.pop();
  }
  return first;
}
