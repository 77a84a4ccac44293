/** A text that is equal for equal values of plain data, whatever the order of their keys. */
export const canonical = (value: unknown): string => JSON.stringify(sorted(value));

// Pairs instead of objects: an object would treat a key such as `__proto__` specially.
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  const pairs = Object.entries(value).filter(([, field]) => field !== undefined);
  return {
    pairs: pairs.sort(([one], [other]) => (one < other ? -1 : 1)).map(([key, field]) => [key, sorted(field)]),
  };
};
