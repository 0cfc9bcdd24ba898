// The Prometheus text of this process: prom-client's registry and exposition over our own cells. prom-client is loaded at
// the first scrape and never touched on a request's path.
import type { Metric, Registry } from 'prom-client'
import { ISTIO_LABELS } from './istio-labels.ts'
import { HISTOGRAM_BOUNDS, type Series, SeriesHistogram } from './series.ts'
import type { StandardMetrics } from './standard-metrics.ts'

/** One value of a gauge or counter that is read at each scrape. */
export interface Sample {
  readonly labels?: Readonly<Record<string, string>>
  readonly value: number
}

/** A metric of the mesh itself (xDS connected, ACKs, dropped log lines), read by callback at each scrape. */
export interface CallbackMetric {
  /** Prometheus name; a counter's ends in `_total`. */
  readonly name: string
  readonly help: string
  readonly type: 'gauge' | 'counter'
  read(): Sample | readonly Sample[]
}

export interface PrometheusOptions {
  readonly metrics: StandardMetrics
  /** Tag of `istio_build{component="proxy"}`. */
  readonly version: string
  readonly callbacks?: readonly CallbackMetric[]
}

/** The exposition of one mesh. */
export class Prometheus {
  /** Of the text that renderMetrics gives. */
  static readonly contentType: string = 'text/plain; version=0.0.4; charset=utf-8'
  readonly #options: PrometheusOptions
  #registry: Promise<Registry> | null = null

  constructor(options: PrometheusOptions) {
    this.#options = options
  }

  /** The metrics as Prometheus text, format 0.0.4. */
  async renderMetrics(): Promise<string> {
    this.#registry ??= this.#createRegistry()
    const registry = await this.#registry
    return registry.metrics()
  }

  async #createRegistry(): Promise<Registry> {
    const loaded = await import('prom-client')
    const registry = new loaded.Registry()
    const { metrics, version, callbacks = [] } = this.#options
    for (const collector of [
      requestsTotal(metrics),
      ...HISTOGRAMS.map((histogram) => histogramCollector(metrics, histogram)),
      callbackCollector({
        name: 'istio_build',
        help: 'Version of this data plane.',
        type: 'gauge',
        read: () => ({ labels: { component: 'proxy', tag: version }, value: 1 }),
      }),
      ...callbacks.map(callbackCollector),
    ])
      registry.registerMetric(collector as unknown as Metric)
    return registry
  }
}

interface Value {
  readonly metricName?: string
  readonly labels: Readonly<Record<string, string | number>>
  readonly sharedLabels?: Readonly<Record<string, string>>
  readonly value: number
}

/** The part of prom-client's metric objects that its registry calls. */
interface Collector {
  readonly name: string
  readonly help: string
  readonly type: 'gauge' | 'counter' | 'histogram'
  readonly aggregator: 'sum'
  get(): { name: string; help: string; type: string; aggregator: string; values: Value[] }
  getForPromString(): ReturnType<Collector['get']>
  reset(): void
}

function collector(name: string, help: string, type: Collector['type'], values: () => Value[]): Collector {
  const get: Collector['get'] = () => ({ name, help, type, aggregator: 'sum', values: values() })
  // Our cells count from the start of the process; a registry cannot set them back.
  return { name, help, type, aggregator: 'sum', get, getForPromString: get, reset() {} }
}

function requestsTotal(metrics: StandardMetrics): Collector {
  return collector('istio_requests_total', 'Requests completed.', 'counter', () => {
    const values: Value[] = []
    for (const series of metrics.series())
      values.push({ labels: NO_LABELS, sharedLabels: labelsOf(series), value: series.requests })
    return values
  })
}

function histogramCollector(metrics: StandardMetrics, { name, help, cells }: HistogramMetric): Collector {
  const bucketName = `${name}_bucket`
  const sumName = `${name}_sum`
  const countName = `${name}_count`
  return collector(name, help, 'histogram', () => {
    const values: Value[] = []
    for (const series of metrics.series()) {
      const sharedLabels = labelsOf(series)
      let count = 0
      for (let i = 0; i < BUCKET_LABELS.length; i++) {
        count += series.bucket(cells, i)
        values.push({
          metricName: bucketName,
          labels: BUCKET_LABELS[i] as Readonly<Record<string, string>>,
          sharedLabels,
          value: count,
        })
      }
      values.push({ metricName: sumName, labels: NO_LABELS, sharedLabels, value: series.sum(cells) })
      values.push({ metricName: countName, labels: NO_LABELS, sharedLabels, value: count })
    }
    return values
  })
}

function callbackCollector(metric: CallbackMetric): Collector {
  return collector(metric.name, metric.help, metric.type, () => {
    const samples = metric.read()
    const list: readonly Sample[] = Array.isArray(samples) ? samples : [samples as Sample]
    return list.map(({ labels = NO_LABELS, value }) => ({ labels, value }))
  })
}

/** The same object each time, because prom-client keeps the text of shared labels by their identity. */
function labelsOf(series: Series): Readonly<Record<string, string>> {
  let labels = labelObjects.get(series)
  if (labels === undefined) {
    labels = Object.fromEntries(ISTIO_LABELS.map((name, i) => [name, series.labels[i] as string]))
    labelObjects.set(series, labels)
  }
  return labels
}

interface HistogramMetric {
  readonly name: string
  readonly help: string
  readonly cells: SeriesHistogram
}

const labelObjects = new WeakMap<Series, Readonly<Record<string, string>>>()
const NO_LABELS: Readonly<Record<string, string>> = {}
const BUCKET_LABELS: readonly Readonly<Record<string, string>>[] = [
  ...HISTOGRAM_BOUNDS.map((bound) => ({ le: String(bound) })),
  { le: '+Inf' },
]
const HISTOGRAMS: readonly HistogramMetric[] = [
  {
    name: 'istio_request_duration_milliseconds',
    help: 'Milliseconds from the request head to completion.',
    cells: SeriesHistogram.Duration,
  },
  {
    name: 'istio_request_bytes',
    help: 'Bytes of requests, head and body.',
    cells: SeriesHistogram.RequestBytes,
  },
  {
    name: 'istio_response_bytes',
    help: 'Bytes of responses, head and body.',
    cells: SeriesHistogram.ResponseBytes,
  },
]
