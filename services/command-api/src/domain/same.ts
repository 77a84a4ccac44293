/** A text that is equal for equal values, whatever the order of their keys; fields that are undefined do not count. */
export const canonical = (value: unknown): string => JSON.stringify(sorted(value));

/** Whether two values of plain data are equal. */
export const same = (one: unknown, other: unknown): boolean => canonical(one) === canonical(other);

// Pairs instead of objects: an object would treat a key such as `__proto__` specially.
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return {
    pairs: Object.entries(value)
      .filter(([, field]) => field !== undefined)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([key, field]) => [key, sorted(field)]),
  };
};
