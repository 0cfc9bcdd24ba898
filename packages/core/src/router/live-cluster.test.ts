import { describe, expect, test } from 'vitest'
import type { Endpoint } from '../cluster/endpoint.ts'
import { Exchange } from '../exchange/exchange.ts'
import { RequestHead } from '../exchange/head.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import type { Cluster } from '../resources/cluster.ts'
import { silentLogger } from '../runtime/log.ts'
import { seededRandom } from '../runtime/random.ts'
import {
  decodedAssignment,
  decodedCluster,
  defaultOutlierDetection,
  defaultThresholds,
} from '../testing/decoded-resources.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { LiveCluster } from './live-cluster.ts'

const x = new Exchange('outbound', new RequestHead('GET', 'http', 'a', '/', new HeaderMap()), null, 0, 0)

function setUp(changes: Partial<Cluster> = {}, answers: Record<string, string[]> = {}) {
  const clock = new FakeClock()
  const dns = {
    resolve: (host: string) => Promise.resolve({ addresses: answers[host] ?? [], ttlMs: null }),
  }
  const runtime = { clock, random: seededRandom(3), log: silentLogger, dns }
  const cluster = new LiveCluster(decodedCluster('reviews', changes), runtime)
  const picks = (count = 20) => {
    const keys = new Set<string>()
    for (let i = 0; i < count; i++) keys.add(cluster.picker.pick(x, null)?.key ?? 'none')
    return [...keys].sort()
  }
  return { clock, cluster, picks }
}

const two = decodedAssignment([{ address: '10.0.0.1' }, { address: '10.0.0.2' }])

describe('LiveCluster', () => {
  test('picks among the endpoints of its last assignment', () => {
    const { cluster, picks } = setUp()
    expect(picks()).toEqual(['none'])
    cluster.setEndpoints(two)
    expect(picks()).toEqual(['10.0.0.1:80', '10.0.0.2:80'])
    cluster.setEndpoints(decodedAssignment([{ address: '10.0.0.3' }]))
    expect(picks()).toEqual(['10.0.0.3:80'])
  })

  test('an assignment that changes nothing keeps the picker', () => {
    const { cluster } = setUp()
    cluster.setEndpoints(two)
    const { picker } = cluster
    cluster.setEndpoints(decodedAssignment([{ address: '10.0.0.1' }, { address: '10.0.0.2' }]))
    expect(cluster.picker).toBe(picker)
  })

  test('an update keeps endpoints, counters and ejections', () => {
    const outlierDetection = { ...defaultOutlierDetection, maxEjectionPercent: 50 }
    const { cluster, picks } = setUp({ outlierDetection, healthyPanicThreshold: 0 })
    cluster.setEndpoints(two)
    const endpoint = cluster.picker.pick(x, null) as Endpoint
    for (let i = 0; i < 5; i++) cluster.outlierDetector?.onResponse(endpoint, 503)
    const left = picks()
    expect(left).toHaveLength(1)
    expect(left).not.toContain(endpoint.key)
    cluster.circuitBreaker.acquire({ onAdmitted() {} })
    cluster.update(
      decodedCluster('reviews', {
        outlierDetection,
        healthyPanicThreshold: 0,
        loadBalancing: { kind: 'random' },
        circuitBreakers: {
          default: { ...defaultThresholds, maxConnections: 1, maxPendingRequests: 0 },
          high: defaultThresholds,
        },
      }),
    )
    expect(picks()).toEqual(left)
    expect(cluster.circuitBreaker.acquire({ onAdmitted() {} })).toBe('overflow')
  })

  test('an update without outlier detection lets everybody back', () => {
    const { cluster, picks } = setUp({
      outlierDetection: { ...defaultOutlierDetection, maxEjectionPercent: 100 },
      healthyPanicThreshold: 0,
    })
    cluster.setEndpoints(two)
    const endpoint = cluster.picker.pick(x, null) as Endpoint
    for (let i = 0; i < 5; i++) cluster.outlierDetector?.onResponse(endpoint, 503)
    expect(picks()).toHaveLength(1)
    cluster.update(decodedCluster('reviews', { healthyPanicThreshold: 0 }))
    expect(cluster.outlierDetector).toBeNull()
    expect(picks()).toHaveLength(2)
  })

  test('tells listeners of endpoints that leave until they cancel, whatever another listener does', () => {
    const { cluster } = setUp()
    const told: string[] = []
    cluster.onEndpointRemoved(() => {
      throw new Error('boom')
    })
    const subscription = cluster.onEndpointRemoved((endpoint) => void told.push(endpoint.key))
    cluster.setEndpoints(two)
    cluster.setEndpoints(decodedAssignment([{ address: '10.0.0.2' }]))
    expect(told).toEqual(['10.0.0.1:80'])
    subscription.cancel()
    cluster.setEndpoints(decodedAssignment([]))
    expect(told).toEqual(['10.0.0.1:80'])
  })

  test.each<[string, Partial<Cluster>, unknown]>([
    [
      'the service from the cluster',
      { metadata: { istio: { services: [{ host: 'reviews.shop.svc', name: 'reviews', namespace: 'shop' }] } } },
      { service: { host: 'reviews.shop.svc', name: 'reviews', namespace: 'shop' }, external: false },
    ],
    ['nothing where nothing is said', {}, { service: null, external: false }],
    ['external from the cluster', { metadata: { istio: { external: true } } }, { external: true }],
    ['external for what passes through', { discovery: { kind: 'original_dst' } }, { external: true }],
    ['nothing from nonsense', { metadata: { istio: { services: 'x' } } }, { service: null }],
  ])('metadata gives %s', (_, changes, expected) => {
    expect(setUp(changes).cluster).toMatchObject(expected as object)
  })

  test('describes its endpoints', () => {
    const { cluster } = setUp()
    cluster.setEndpoints(
      decodedAssignment([
        { address: '10.0.0.1', weight: 3, region: 'eu' },
        { address: '10.0.0.2', health: 2, priority: 1 },
      ]),
    )
    const endpoint = cluster.picker.pick(x, null) as Endpoint
    endpoint.table.active[endpoint.index] = 4
    expect(cluster.describe()).toEqual({
      cluster: 'reviews',
      endpoints: [
        {
          address: '10.0.0.1:80',
          locality: 'eu',
          priority: 0,
          weight: 3,
          health: 'HEALTHY',
          ejected: false,
          active: 4,
        },
        {
          address: '10.0.0.2:80',
          locality: '',
          priority: 1,
          weight: 1,
          health: 'UNHEALTHY',
          ejected: false,
          active: 0,
        },
      ],
    })
  })

  test('close lets all endpoints go and leaves no timer', () => {
    const { cluster, clock, picks } = setUp({
      outlierDetection: { ...defaultOutlierDetection, maxEjectionPercent: 100 },
    })
    const told: string[] = []
    cluster.onEndpointRemoved((endpoint) => void told.push(endpoint.key))
    cluster.setEndpoints(two)
    const endpoint = cluster.picker.pick(x, null) as Endpoint
    for (let i = 0; i < 5; i++) cluster.outlierDetector?.onResponse(endpoint, 503)
    cluster.close()
    expect(told.sort()).toEqual(['10.0.0.1:80', '10.0.0.2:80'])
    expect(clock.pendingTimers).toBe(0)
    expect(picks()).toEqual(['none'])
  })
})

describe('discovery', () => {
  test('a static cluster has its endpoints at once and after an update', () => {
    const { cluster, picks } = setUp({ discovery: { kind: 'static', endpoints: two } })
    expect(cluster.whenWarm()).toBeNull()
    expect(picks()).toHaveLength(2)
    const endpoints = decodedAssignment([{ address: '10.0.0.7' }])
    cluster.update(decodedCluster('reviews', { discovery: { kind: 'static', endpoints } }))
    expect(picks()).toEqual(['10.0.0.7:80'])
  })

  const dnsOf = (...hosts: string[]): Cluster['discovery'] => ({
    kind: 'strict_dns',
    endpoints: decodedAssignment(hosts.map((address) => ({ address }))),
    refreshMs: 60_000,
    respectTtl: false,
  })

  test('a DNS cluster is warm when its names are resolved', async () => {
    const { cluster, picks } = setUp({ discovery: dnsOf('a.test') }, { 'a.test': ['10.0.0.1', '10.0.0.2'] })
    const warm = cluster.whenWarm()
    expect(warm).not.toBeNull()
    await warm
    expect(cluster.whenWarm()).toBeNull()
    expect(picks()).toEqual(['10.0.0.1:80', '10.0.0.2:80'])
    cluster.close()
  })

  test('an update resolves again only what changed, and keeps the old endpoints meanwhile', async () => {
    const answers = { 'a.test': ['10.0.0.1'], 'b.test': ['10.0.0.2'] }
    const { cluster, picks, clock } = setUp({ discovery: dnsOf('a.test') }, answers)
    await cluster.whenWarm()
    const before = clock.pendingTimers
    cluster.update(decodedCluster('reviews', { discovery: dnsOf('a.test') }))
    expect(clock.pendingTimers).toBe(before)
    cluster.update(decodedCluster('reviews', { discovery: dnsOf('b.test') }))
    expect(cluster.whenWarm()).toBeNull()
    expect(picks()).toEqual(['10.0.0.1:80'])
    for (let i = 0; i < 10; i++) await Promise.resolve()
    expect(picks()).toEqual(['10.0.0.2:80'])
    cluster.close()
    expect(clock.pendingTimers).toBe(0)
  })

  test('an original_dst cluster dials what it is asked for', () => {
    const { cluster } = setUp({ discovery: { kind: 'original_dst' } })
    const endpoint = cluster.pickOriginal('example.com', 8080)
    expect(endpoint.key).toBe('example.com:8080')
    expect(cluster.pickOriginal('example.com', 8080)).toBe(endpoint)
    expect(cluster.describe().endpoints.map((e) => e.address)).toEqual(['example.com:8080'])
  })
})
