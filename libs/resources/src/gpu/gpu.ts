import type { Demand } from "../demand.ts";
import type { Line, ResourceKind } from "../kind.ts";

/** The cards of a product, and how many workloads have each: also of cards that the node no longer has. */
type Cards = { ids: readonly string[]; taken: Map<string, number> };

/** Cards by product. */
export type GpuFree = Map<string, Cards>;

const freeOf = (free: GpuFree, product: string): string[] => {
  const cards = free.get(product);
  return cards ? cards.ids.filter((id) => !cards.taken.has(id)) : [];
};

const scarce = (free: GpuFree, { gpus }: Demand): (readonly [string, number])[] =>
  gpus.filter(([product, count]) => freeOf(free, product).length < count);

/** Graphics cards by product. A placement names the cards: an engine that was told a number gives everyone the same. */
export const gpu: ResourceKind<GpuFree> = {
  name: "gpu",
  asks: ({ gpus }) => gpus.length > 0,
  open: ({ gpus = {} }) =>
    new Map(
      Object.entries(gpus).map(([product, ids]): [string, Cards] => [product, { ids, taken: new Map() }]),
    ),
  copy: (free) =>
    new Map([...free].map(([product, { ids, taken }]) => [product, { ids, taken: new Map(taken) }])),
  room: (free, { gpus }, most) =>
    gpus.reduce(
      (least, [product, count]) => Math.min(least, Math.floor(freeOf(free, product).length / count)),
      most,
    ),
  why: (free, demand) =>
    `gpu: ${scarce(free, demand)
      .map(
        ([product, count]) =>
          `${count} ${product} wanted, ${freeOf(free, product).length} of ${free.get(product)?.ids.length ?? 0} free`,
      )
      .join("; ")}`,
  lacks: (free, demand) => {
    const [first] = scarce(free, demand);
    if (!first) return undefined;
    const [product, count] = first;
    const missing = count - freeOf(free, product).length;
    return { text: `${missing} more ${product}`, part: missing / count };
  },
  chooses: ({ gpus }) => gpus.length > 0,
  choose: (free, { gpus }, many, held) => {
    const open = new Map(
      gpus.map(([product]) => [product, heldFirst(freeOf(free, product), held?.gpus?.[product])]),
    );
    return Array.from({ length: many }, (_, index) =>
      gpus.length === 0
        ? {}
        : {
            gpus: Object.fromEntries(
              gpus.map(([product, count]) => [
                product,
                (open.get(product) ?? []).slice(index * count, (index + 1) * count),
              ]),
            ),
          },
    );
  },
  book: (free, _demand, { gpus = {} }, many) => {
    for (const [product, ids] of Object.entries(gpus)) {
      const cards = free.get(product) ?? { ids: [], taken: new Map<string, number>() };
      free.set(product, cards);
      for (const id of ids) {
        const count = (cards.taken.get(id) ?? 0) + many;
        if (count > 0) cards.taken.set(id, count);
        else cards.taken.delete(id);
      }
    }
  },
  load: (free, { gpus }) => ({
    size: [...free.values()].reduce((sum, { ids }) => sum + ids.length, 0),
    booked: [...free.values()].reduce((sum, { taken }) => sum + taken.size, 0),
    each: gpus.reduce((sum, [, count]) => sum + count, 0),
  }),
  weight: () => 1,
  lines: (free) =>
    [...free].map(
      ([product, { ids, taken }]): Line => ({
        kind: "gpu",
        name: product,
        unit: "cards",
        size: ids.length,
        booked: [...taken.values()].reduce((sum, count) => sum + count, 0),
      }),
    ),
  engine: ({ granted: { gpus = {} } }) => {
    const DeviceIDs = Object.values(gpus).flat();
    return DeviceIDs.length > 0 ? { DeviceRequests: [{ DeviceIDs, Capabilities: [["gpu"]] }] } : {};
  },
};

const heldFirst = (ids: readonly string[], held: readonly string[] = []): string[] => [
  ...held.filter((id) => ids.includes(id)),
  ...ids.filter((id) => !held.includes(id)),
];
