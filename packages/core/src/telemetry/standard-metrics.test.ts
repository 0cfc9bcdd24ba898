import { expect, test } from 'vitest'
import type { Cluster } from '../cluster/cluster.ts'
import type { Endpoint } from '../cluster/endpoint.ts'
import { Exchange, type Side } from '../exchange/exchange.ts'
import { RequestHead, ResponseHead } from '../exchange/head.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import { type Peer, unknownPeer } from '../exchange/peer.ts'
import { ResponseFlag } from '../exchange/response-flag.ts'
import type { CompiledRoute } from '../route/route.ts'
import type { Logger } from '../runtime/log.ts'
import { silentLogger } from '../runtime/log.ts'
import { ISTIO_LABELS, type IstioLabel } from './istio-labels.ts'
import { type Series, SeriesHistogram } from './series.ts'
import { StandardMetrics } from './standard-metrics.ts'

const self: Peer = { ...unknownPeer, workload: 'frontend', namespace: 'shop', canonicalService: 'frontend' }
const peers = ['v1', 'v2'].map((workload): Peer => ({ ...unknownPeer, workload }))
const clusters = ['a', 'b'].map(
  (name) => ({ name, service: { host: `${name}.shop`, name, namespace: 'shop' } }) as unknown as Cluster,
)

interface Given {
  readonly cluster?: Cluster | null
  readonly peer?: Peer
  readonly status?: number | null
  readonly flags?: number
  readonly authority?: string
  readonly headers?: string[]
  readonly responseHeaders?: string[]
  readonly route?: CompiledRoute
}

function exchange(side: Side, given: Given = {}): Exchange {
  const head = new RequestHead('GET', 'http', given.authority ?? 'a', '/', new HeaderMap(given.headers ?? []))
  const x = new Exchange(side, head, null, 100, 0)
  x.cluster = given.cluster ?? null
  if (given.peer !== undefined) x.peer = given.peer
  if (given.route !== undefined) x.route = given.route
  if (given.status !== null)
    x.response = new ResponseHead(given.status ?? 200, new HeaderMap(given.responseHeaders ?? []))
  x.flags = given.flags ?? 0
  x.completedAt = 112.5
  return x
}

function create(maxSeries?: number, log: Logger = silentLogger): StandardMetrics {
  return new StandardMetrics(maxSeries === undefined ? { self, log } : { self, log, maxSeries })
}

function label(series: Series | undefined, name: IstioLabel): string | undefined {
  return series?.labels[ISTIO_LABELS.indexOf(name)]
}

test('requests that differ in nothing share a series', () => {
  const metrics = create()
  for (let i = 0; i < 3; i++) metrics.record(exchange('outbound', { cluster: clusters[0] as Cluster }))
  const [series, ...others] = [...metrics.series()]
  expect(others).toEqual([])
  expect(series?.requests).toBe(3)
  expect(series?.sum(SeriesHistogram.Duration)).toBe(37.5)
})

test('each piece that labels depend on makes a series of its own, in whatever order they come', () => {
  const metrics = create()
  const all: [Side, Given][] = []
  for (const side of ['outbound', 'inbound'] as const)
    for (const cluster of clusters)
      for (const peer of peers)
        for (const status of [200, 503, null])
          for (const flags of [0, ResponseFlag.UpstreamOverflow])
            for (const headers of [[], ['content-type', 'application/grpc']])
              all.push([side, { cluster, peer, status, flags, headers }])
  for (let round = 0; round < 3; round++)
    for (let i = 0; i < all.length; i++) {
      const [side, given] = all[(i * 7) % all.length] as [Side, Given]
      metrics.record(exchange(side, given))
    }
  expect(metrics.size).toBe(all.length)
  for (const series of metrics.series()) expect(series.requests).toBe(3)
})

test('equal labels share a series even when the objects behind them were replaced', () => {
  const metrics = create()
  for (let i = 0; i < 2; i++)
    metrics.record(exchange('outbound', { cluster: { ...(clusters[0] as Cluster) }, peer: { ...(peers[0] as Peer) } }))
  expect([...metrics.series()].map((series) => series.requests)).toEqual([2])
})

test('takes the peer of the endpoint when the answer named none', () => {
  const metrics = create()
  const x = exchange('outbound', { cluster: clusters[0] as Cluster })
  x.endpoint = { peer: peers[1] } as Endpoint
  metrics.record(x)
  expect(label([...metrics.series()][0], 'destination_workload')).toBe('v2')
})

test('keeps catch-all routes apart by name and authority', () => {
  const metrics = create()
  const allowAny = { name: 'allow_any', metadata: {} } as CompiledRoute
  for (const authority of ['x', 'y', 'x']) {
    metrics.record(exchange('outbound', { authority }))
    metrics.record(exchange('outbound', { authority, route: allowAny, cluster: clusters[0] as Cluster }))
  }
  const names = [...metrics.series()].map((series) => [
    label(series, 'destination_service'),
    label(series, 'destination_service_name'),
    series.requests,
  ])
  expect(names).toEqual([
    ['x', 'x', 2],
    ['x', 'PassthroughCluster', 2],
    ['y', 'y', 1],
    ['y', 'PassthroughCluster', 1],
  ])
})

test('inbound, the route names the service', () => {
  const metrics = create()
  for (const host of ['a.shop', 'b.shop', 'a.shop'])
    metrics.record(
      exchange('inbound', {
        route: { name: '', metadata: { istio: { services: [{ host }] } } } as unknown as CompiledRoute,
      }),
    )
  expect([...metrics.series()].map((series) => [label(series, 'destination_service'), series.requests])).toEqual([
    ['a.shop', 2],
    ['b.shop', 1],
  ])
})

test('counts a head as its lines on the wire, and adds the body', () => {
  const metrics = create()
  const x = exchange('outbound', { headers: ['host', 'a'], responseHeaders: ['server', 'x', 'date', 'y'] })
  x.requestBodyBytes = 1_000
  x.responseBodyBytes = 5_000
  metrics.record(x)
  const [series] = [...metrics.series()]
  expect(series?.sum(SeriesHistogram.RequestBytes)).toBe('GET / HTTP/1.1\r\nhost: a\r\n\r\n'.length + 1_000)
  expect(series?.sum(SeriesHistogram.ResponseBytes)).toBe(
    'HTTP/1.1 200 OK\r\nserver: x\r\ndate: y\r\n\r\n'.length + 5_000,
  )
})

test('no answer is code 0 with no bytes', () => {
  const metrics = create()
  metrics.record(exchange('outbound', { status: null, flags: ResponseFlag.DownstreamConnectionTermination }))
  const [series] = [...metrics.series()]
  expect(label(series, 'response_code')).toBe('0')
  expect(label(series, 'response_flags')).toBe('DC')
  expect(series?.sum(SeriesHistogram.ResponseBytes)).toBe(0)
})

test('the gRPC status of the answer is told', () => {
  const metrics = create()
  const headers = ['content-type', 'application/grpc']
  for (const status of ['0', '14', 'x'])
    metrics.record(exchange('outbound', { headers, responseHeaders: ['grpc-status', status] }))
  expect([...metrics.series()].map((series) => label(series, 'grpc_response_status'))).toEqual(['0', '14', '-1'])
})

test('beyond the limit counts into one series per reporter and status, and warns once', () => {
  const warnings: string[] = []
  const metrics = create(10, { ...silentLogger, warn: (message) => void warnings.push(message) })
  for (let i = 0; i < 100; i++) {
    metrics.record(exchange('outbound', { authority: `host-${i}`, status: i % 2 === 0 ? 200 : 503 }))
    metrics.record(exchange('inbound', { peer: { ...unknownPeer, workload: `w-${i}` } }))
  }
  expect(warnings).toHaveLength(1)
  expect(metrics.size).toBe(13)
  const overflow = [...metrics.series()].slice(10)
  expect(
    overflow.map((series) => [label(series, 'reporter'), label(series, 'response_code'), series.requests]),
  ).toEqual(
    expect.arrayContaining([
      ['source', '200', 47],
      ['source', '503', 48],
      ['destination', '200', 95],
    ]),
  )
  for (const series of overflow) {
    const own = label(series, 'reporter') === 'source' ? 'source_workload' : 'destination_workload'
    expect(label(series, own)).toBe('frontend')
    expect(label(series, 'destination_service')).toBe('unknown')
  }
  const total = [...metrics.series()].reduce((sum, series) => sum + series.requests, 0)
  expect(total).toBe(200)
})
