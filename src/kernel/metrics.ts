import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

export interface Metrics {
  readonly registry: Registry
  counter(name: string, help: string, labels?: readonly string[]): Counter
  /** `collect` sets the values when somebody looks. */
  gauge(name: string, help: string, labels?: readonly string[], collect?: (gauge: Gauge) => void): Gauge
  histogram(name: string, help: string, labels: readonly string[], buckets: readonly number[]): Histogram
}

/** One registry per process; asking twice for a name gives the same metric. */
export function createMetrics(withDefaults = true): Metrics {
  const registry = new Registry()
  if (withDefaults) collectDefaultMetrics({ register: registry })
  const known = <T>(name: string, make: () => T): T => (registry.getSingleMetric(name) as T | undefined) ?? make()
  return {
    registry,
    counter: (name, help, labels = []) => known(name, () => new Counter({ name, help, labelNames: [...labels], registers: [registry] })),
    gauge: (name, help, labels = [], collect) =>
      known(name, () => {
        const gauge: Gauge = new Gauge({
          name,
          help,
          labelNames: [...labels],
          registers: [registry],
          ...(collect && { collect: () => collect(gauge) }),
        })
        return gauge
      }),
    histogram: (name, help, labels, buckets) =>
      known(name, () => new Histogram({ name, help, labelNames: [...labels], buckets: [...buckets], registers: [registry] })),
  }
}
