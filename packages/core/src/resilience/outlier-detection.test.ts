import { describe, expect, test } from 'vitest'
import { Endpoint } from '../cluster/endpoint.ts'
import { GrowingEndpointTable } from '../cluster/endpoint-table.ts'
import type { OutlierDetection } from '../resources/cluster.ts'
import { seededRandom } from '../runtime/random.ts'
import { defaultOutlierDetection } from '../testing/decoded-resources.ts'
import { FakeClock } from '../testing/fake-clock.ts'
import { ConsecutiveOutlierDetector } from './outlier-detection.ts'

function setUp(config: Partial<OutlierDetection> = {}, hosts = 10) {
  const clock = new FakeClock()
  const table = new GrowingEndpointTable()
  const endpoints = Array.from({ length: hosts }, (_, i) => new Endpoint(table, table.allocate(), `10.0.0.${i}`, 80))
  const changes: string[] = []
  const detector = new ConsecutiveOutlierDetector(
    { ...defaultOutlierDetection, ...config },
    { size: hosts, onEjectionChange: (endpoint) => void changes.push(endpoint.key) },
    clock,
    seededRandom(1),
  )
  const endpoint = endpoints[0] as Endpoint
  const fail = (times: number, status = 500, of = endpoint) => {
    for (let i = 0; i < times; i++) detector.onResponse(of, status)
  }
  const ejected = () => endpoints.filter((e) => table.ejected[e.index] === 1).map((e) => e.address)
  return { clock, table, endpoints, endpoint, detector, fail, ejected, changes }
}

describe('counting', () => {
  test('ejects at the threshold of consecutive 5xx and not before', () => {
    const { fail, ejected, changes } = setUp()
    fail(4)
    expect(ejected()).toEqual([])
    fail(1)
    expect(ejected()).toEqual(['10.0.0.0'])
    expect(changes).toEqual(['10.0.0.0:80'])
  })

  test('an answer below 500 starts the count again', () => {
    const { fail, ejected } = setUp()
    fail(4)
    fail(1, 404)
    fail(4)
    expect(ejected()).toEqual([])
    fail(1)
    expect(ejected()).toHaveLength(1)
  })

  test('a threshold of 0 never ejects', () => {
    const { fail, ejected } = setUp({ consecutive5xx: 0 })
    fail(100)
    expect(ejected()).toEqual([])
  })

  test('gateway failures count 502, 503 and 504 and nothing else in between', () => {
    const { fail, ejected } = setUp({
      consecutive5xx: 100,
      consecutiveGatewayFailure: 3,
      enforcingConsecutiveGatewayFailure: 100,
    })
    fail(2, 503)
    fail(1, 500)
    fail(1, 502)
    fail(1, 504)
    expect(ejected()).toEqual([])
    fail(1, 503)
    expect(ejected()).toHaveLength(1)
  })

  test.each([
    [0, 0],
    [100, 200],
  ])('enforcing %i percent ejects %i of 200', (enforcing, expected) => {
    const { fail, ejected, endpoints } = setUp({ enforcingConsecutive5xx: enforcing, maxEjectionPercent: 100 }, 200)
    for (const endpoint of endpoints) fail(5, 500, endpoint)
    expect(ejected()).toHaveLength(expected)
  })

  test('enforcing 50 percent ejects about half', () => {
    const { fail, ejected, endpoints } = setUp({ enforcingConsecutive5xx: 50, maxEjectionPercent: 100 }, 400)
    for (const endpoint of endpoints) fail(5, 500, endpoint)
    expect(ejected().length).toBeGreaterThan(150)
    expect(ejected().length).toBeLessThan(250)
  })

  test.each(['connect', 'reset', 'timeout'] as const)('a local failure counts as a 5xx: %s', (kind) => {
    const { detector, endpoint, ejected } = setUp()
    for (let i = 0; i < 4; i++) detector.onLocalOriginFailure(endpoint, kind)
    expect(ejected()).toEqual([])
    detector.onLocalOriginFailure(endpoint, kind)
    expect(ejected()).toHaveLength(1)
  })

  test('split errors count local failures apart, and any answer ends their row', () => {
    const { detector, endpoint, ejected, fail } = setUp({ splitExternalLocalOriginErrors: true, consecutive5xx: 50 })
    for (let i = 0; i < 4; i++) detector.onLocalOriginFailure(endpoint, 'connect')
    fail(1, 503)
    for (let i = 0; i < 4; i++) detector.onLocalOriginFailure(endpoint, 'connect')
    expect(ejected()).toEqual([])
    detector.onLocalOriginFailure(endpoint, 'connect')
    expect(ejected()).toHaveLength(1)
  })
})

describe('max_ejection_percent', () => {
  test.each([
    [10, 10, 1],
    [10, 5, 0],
    [50, 2, 1],
    [49, 2, 0],
    [100, 3, 3],
    [0, 10, 0],
  ])('%i percent of %i hosts lets %i go', (percent, hosts, expected) => {
    const { fail, ejected, endpoints } = setUp({ maxEjectionPercent: percent }, hosts)
    for (const endpoint of endpoints) fail(5, 500, endpoint)
    expect(ejected()).toHaveLength(expected)
  })

  test('a host that was spared starts its count again', () => {
    const { fail, endpoint, table } = setUp({ maxEjectionPercent: 0 })
    fail(5)
    expect(table.consecutive5xx[endpoint.index]).toBe(0)
  })
})

describe('ejection time', () => {
  test('is base time x number of ejections, and one interval of peace takes one off', () => {
    const { clock, fail, ejected } = setUp()
    fail(5)
    clock.advance(29_999)
    expect(ejected()).toHaveLength(1)
    clock.advance(1)
    expect(ejected()).toEqual([])
    fail(5)
    clock.advance(59_999)
    expect(ejected()).toHaveLength(1)
    clock.advance(1)
    expect(ejected()).toEqual([])
    // One interval of peace leaves one of two, so that the next ejection is a second one again and not a third.
    clock.advance(10_000)
    fail(5)
    clock.advance(50_000)
    expect(ejected()).toHaveLength(1)
    clock.advance(20_000)
    expect(ejected()).toEqual([])
  })

  test('never exceeds max_ejection_time', () => {
    const { clock, fail, ejected } = setUp({ maxEjectionTimeMs: 60_000 })
    for (let i = 0; i < 6; i++) {
      fail(5)
      expect(ejected()).toHaveLength(1)
      clock.advance(70_000)
      expect(ejected()).toEqual([])
    }
  })

  test('a host that comes back starts with clean counts', () => {
    const { clock, fail, ejected, table, endpoint } = setUp()
    fail(5)
    fail(4, 503)
    clock.advance(30_000)
    expect(table.consecutiveGateway[endpoint.index]).toBe(0)
    fail(4)
    expect(ejected()).toEqual([])
  })

  test('sweeps only while there is something to sweep', () => {
    const { clock, fail } = setUp()
    fail(4)
    expect(clock.pendingTimers).toBe(0)
    fail(1)
    expect(clock.pendingTimers).toBe(1)
    clock.advance(100_000)
    expect(clock.pendingTimers).toBe(0)
  })
})

test('an endpoint that leaves takes its ejection along', () => {
  const { detector, fail, endpoint, endpoints, ejected, clock } = setUp()
  fail(5)
  endpoint.removed = true
  detector.onRemoved(endpoint)
  fail(10)
  expect(detector.ejected).toBe(0)
  fail(5, 500, endpoints[1] as Endpoint)
  expect(ejected()).toEqual(['10.0.0.1'])
  clock.advance(200_000)
  expect(detector.ejected).toBe(0)
})

test('close lets every host back and stops the sweep', () => {
  const { detector, fail, ejected, clock } = setUp()
  fail(5)
  detector.close()
  expect(ejected()).toEqual([])
  expect(clock.pendingTimers).toBe(0)
})
