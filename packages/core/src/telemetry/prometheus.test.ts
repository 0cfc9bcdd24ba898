import { expect, test } from 'vitest'
import type { Cluster } from '../cluster/cluster.ts'
import { Exchange } from '../exchange/exchange.ts'
import { RequestHead, ResponseHead } from '../exchange/head.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import { unknownPeer } from '../exchange/peer.ts'
import { silentLogger } from '../runtime/log.ts'
import { ISTIO_LABELS } from './istio-labels.ts'
import { type CallbackMetric, Prometheus } from './prometheus.ts'
import { HISTOGRAM_BOUNDS } from './series.ts'
import { StandardMetrics } from './standard-metrics.ts'

interface Line {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

interface Exposition {
  readonly types: Map<string, string>
  readonly helps: Set<string>
  readonly lines: Line[]
}

/** A reader of format 0.0.4 of its own: any line it can't read fails the test. */
function parse(text: string): Exposition {
  const types = new Map<string, string>()
  const helps = new Set<string>()
  const lines: Line[] = []
  for (const line of text.split('\n')) {
    if (line === '') continue
    const comment = /^# (HELP|TYPE) ([a-z_:]+) (.+)$/.exec(line)
    if (comment !== null) {
      const [, kind, name, rest] = comment as unknown as [string, string, string, string]
      if (kind === 'HELP') helps.add(name)
      else types.set(name, rest)
      continue
    }
    const sample = /^([a-z_:]+)(?:\{(.*)\})? (\S+)$/.exec(line)
    if (sample === null) throw new Error(`not a sample: ${line}`)
    const labels: Record<string, string> = {}
    let rest = sample[2] ?? ''
    while (rest !== '') {
      const label = /^([a-zA-Z_]+)="((?:[^"\\]|\\.)*)",?/.exec(rest)
      if (label === null) throw new Error(`not labels: ${rest}`)
      labels[label[1] as string] = (label[2] as string).replace(/\\(.)/g, (_, c: string) => (c === 'n' ? '\n' : c))
      rest = rest.slice(label[0].length)
    }
    lines.push({ name: sample[1] as string, labels, value: Number(sample[3]) })
  }
  return { types, helps, lines }
}

const cluster = { name: 'c', service: { host: 'a"b\\c\nd', name: 'a', namespace: 'n' } } as unknown as Cluster

function metricsWith(durations: readonly number[]): StandardMetrics {
  const metrics = new StandardMetrics({ self: { ...unknownPeer, workload: 'w' }, log: silentLogger })
  for (const duration of durations) {
    const x = new Exchange('outbound', new RequestHead('GET', 'http', 'a', '/', new HeaderMap()), null, 1, 0)
    x.cluster = cluster
    x.response = new ResponseHead(duration > 1_000 ? 503 : 200, new HeaderMap())
    x.completedAt = 1 + duration
    metrics.record(x)
  }
  return metrics
}

test('each metric has its help and type', async () => {
  const { types, helps } = parse(await new Prometheus({ metrics: metricsWith([1]), version: '1.2.3' }).renderMetrics())
  expect(Object.fromEntries(types)).toEqual({
    istio_requests_total: 'counter',
    istio_request_duration_milliseconds: 'histogram',
    istio_request_bytes: 'histogram',
    istio_response_bytes: 'histogram',
    istio_build: 'gauge',
  })
  expect([...helps].sort()).toEqual([...types.keys()].sort())
})

test('the build is told as component proxy', async () => {
  const { lines } = parse(await new Prometheus({ metrics: metricsWith([]), version: '1.2.3' }).renderMetrics())
  expect(lines).toEqual([{ name: 'istio_build', labels: { component: 'proxy', tag: '1.2.3' }, value: 1 }])
})

test('counters and histograms carry all labels in order, hostile values escaped', async () => {
  const text = await new Prometheus({ metrics: metricsWith([0.4, 3, 3, 7_000_000]), version: 'x' }).renderMetrics()
  const { lines } = parse(text)
  const requests = lines.filter((line) => line.name === 'istio_requests_total')
  expect(requests.map((line) => [line.labels['response_code'], line.value])).toEqual([
    ['200', 3],
    ['503', 1],
  ])
  for (const line of requests) {
    expect(Object.keys(line.labels)).toEqual([...ISTIO_LABELS])
    expect(line.labels['destination_service']).toBe('a"b\\c\nd')
  }
})

test('buckets are cumulative up to +Inf, which is the count', async () => {
  const prometheus = new Prometheus({ metrics: metricsWith([0.4, 3, 3, 7_000_000]), version: 'x' })
  const { lines } = parse(await prometheus.renderMetrics())
  const of = (name: string, code: string): Line[] =>
    lines.filter(
      (line) => line.name === `istio_request_duration_milliseconds_${name}` && line.labels['response_code'] === code,
    )
  const buckets = of('bucket', '200')
  expect(buckets.map((line) => line.labels['le'])).toEqual([...HISTOGRAM_BOUNDS.map(String), '+Inf'])
  expect(buckets.map((line) => line.value)).toEqual([1, 1, ...Array.from({ length: 18 }, () => 3)])
  expect(of('count', '200').map((line) => line.value)).toEqual([3])
  expect(of('sum', '200')[0]?.value).toBeCloseTo(6.4)
  expect(of('bucket', '503').map((line) => line.value)).toEqual([...Array.from({ length: 19 }, () => 0), 1])
})

test('counts on between scrapes', async () => {
  const metrics = metricsWith([1])
  const prometheus = new Prometheus({ metrics, version: 'x' })
  const requests = async (): Promise<number | undefined> =>
    parse(await prometheus.renderMetrics()).lines.find((line) => line.name === 'istio_requests_total')?.value
  expect(await requests()).toBe(1)
  const x = new Exchange('outbound', new RequestHead('GET', 'http', 'a', '/', new HeaderMap()), null, 1, 0)
  x.cluster = cluster
  x.response = new ResponseHead(200, new HeaderMap())
  metrics.record(x)
  expect(await requests()).toBe(2)
})

test('the metrics of others are read at each scrape', async () => {
  let connected = 0
  const callbacks: CallbackMetric[] = [
    { name: 'inmesh_xds_connected', help: 'h', type: 'gauge', read: () => ({ value: connected }) },
    {
      name: 'inmesh_xds_responses_total',
      help: 'h',
      type: 'counter',
      read: () => [
        { labels: { result: 'ack' }, value: 5 },
        { labels: { result: 'nack' }, value: 1 },
      ],
    },
  ]
  const prometheus = new Prometheus({ metrics: metricsWith([]), version: 'x', callbacks })
  expect(parse(await prometheus.renderMetrics()).lines).toContainEqual({
    name: 'inmesh_xds_connected',
    labels: {},
    value: 0,
  })
  connected = 1
  const { lines, types } = parse(await prometheus.renderMetrics())
  expect(lines).toContainEqual({ name: 'inmesh_xds_connected', labels: {}, value: 1 })
  expect(lines).toContainEqual({ name: 'inmesh_xds_responses_total', labels: { result: 'nack' }, value: 1 })
  expect(types.get('inmesh_xds_responses_total')).toBe('counter')
})
