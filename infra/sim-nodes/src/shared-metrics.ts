import { createMetrics, type Metrics } from "@eru/service";

/**
 * One set of metrics for thousands of agents in one process: counters and histograms are theirs together, a gauge that is
 * asked is the sum of all answers. Gauges that each agent sets for itself would overwrite each other, so nobody sees them.
 */
export function sharedMetrics(service: string): Metrics {
  const own = createMetrics(service);
  const aside = createMetrics(service);
  const known = new Map<string, unknown>();
  const readers = new Map<string, ((gauge: never) => number | undefined)[]>();
  const once = <T>(name: string, make: () => T): T => {
    if (!known.has(name)) known.set(name, make());
    // The name is registered with one kind of metric: a second kind would be refused by a process of its own, too.
    return known.get(name) as T;
  };
  return {
    registry: own.registry,
    counter: (name, help, labels) => once(name, () => own.counter(name, help, labels)),
    histogram: (name, help, buckets, labels) => once(name, () => own.histogram(name, help, buckets, labels)),
    gauge: (name, help, labels, read) => {
      if (!read) return once(name, () => aside.gauge(name, help, labels));
      const all = readers.get(name) ?? [];
      readers.set(name, all);
      all.push(read);
      return once(name, () =>
        own.gauge(name, help, labels, (gauge) =>
          all.reduce((sum, one) => sum + (one(gauge as never) ?? 0), 0),
        ),
      );
    },
  };
}
