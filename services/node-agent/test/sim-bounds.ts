import type { Bounds, Container } from "../src/domain/container.ts";
import type { Amounts } from "../src/domain/realloc.ts";

const unbounded: Bounds = {
  ...{ NanoCpus: 0, CpuShares: 0, CpusetCpus: "" },
  ...{ Memory: 0, MemorySwap: 0, MemoryReservation: 0 },
};

/** Only what is named changes, as at a real engine. */
export function bounded(container: Container, amounts: Amounts): Container {
  const named = Object.entries(amounts).filter(([key, value]) => key in unbounded && value !== undefined);
  const bounds: Bounds = { ...unbounded, ...container.bounds, ...Object.fromEntries(named) };
  return { ...container, bounds, cpus: bounds.CpusetCpus };
}
