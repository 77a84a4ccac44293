import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** A service's Prometheus metrics; names begin with `eru_` and end with their unit. */
export type Metrics = {
  readonly registry: Registry;
  counter<L extends string>(name: string, help: string, labelNames?: readonly L[]): Counter<L>;
  /** With `read`, the value is asked for at every scrape; of a gauge with labels `read` sets the values itself. */
  gauge<L extends string>(
    name: string,
    help: string,
    labelNames?: readonly L[],
    read?: (gauge: Gauge<L>) => number | undefined,
  ): Gauge<L>;
  histogram<L extends string>(
    name: string,
    help: string,
    buckets: number[],
    labelNames?: readonly L[],
  ): Histogram<L>;
};

/** A registry of its own, with the process's default metrics. */
export function createMetrics(service: string): Metrics {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    counter: (name, help, labelNames = []) => new Counter({ name, help, labelNames, registers }),
    gauge: (name, help, labelNames = [], read) =>
      new Gauge({
        name,
        help,
        labelNames,
        registers,
        ...(read && {
          collect() {
            const value = read(this as Gauge);
            if (value !== undefined) this.set(value);
          },
        }),
      }),
    histogram: (name, help, buckets, labelNames = []) =>
      new Histogram({ name, help, buckets, labelNames, registers }),
  };
}
