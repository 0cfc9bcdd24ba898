import { describe, expect, test } from 'vitest'
import { silentLogger } from '../runtime/log.ts'
import { type DecodedEndpointSpec, decodedAssignment } from '../testing/decoded-resources.ts'
import type { Endpoint } from './endpoint.ts'
import { EndpointSet } from './endpoint-set.ts'

/** Priorities of `total` hosts each, of which `healthy[p]` are healthy. */
function setUp(healthy: readonly number[], total: number, panicThreshold = 0) {
  const endpoints: DecodedEndpointSpec[] = []
  healthy.forEach((count, priority) => {
    for (let i = 0; i < total; i++)
      endpoints.push({ address: `10.${priority}.0.${i}`, priority, health: i < count ? 1 : 2 })
  })
  const set = new EndpointSet(panicThreshold, () => {}, silentLogger)
  set.apply(decodedAssignment(endpoints))
  return set
}

const load = (set: EndpointSet) => [...set.priorities.load]
const panic = (set: EndpointSet) => [...set.priorities.panic]

describe('priority levels', () => {
  // The table of Envoy's documentation, "Priority levels", overprovisioning factor 1.4.
  test.each([
    [
      [100, 100],
      [100, 0],
    ],
    [
      [72, 100],
      [100, 0],
    ],
    [
      [71, 100],
      [99, 1],
    ],
    [
      [50, 100],
      [70, 30],
    ],
    [
      [25, 100],
      [35, 65],
    ],
    [
      [0, 100],
      [0, 100],
    ],
    // Normalised: 35 % and 35 % of a whole of 70 %.
    [
      [25, 25],
      [50, 50],
    ],
    [
      [5, 0],
      [100, 0],
    ],
  ])('health of %o percent gives loads %o', (healthy, expected) => {
    expect(load(setUp(healthy, 100))).toEqual(expected)
  })

  test.each([
    [
      [100, 100, 100],
      [100, 0, 0],
    ],
    [
      [72, 72, 100],
      [100, 0, 0],
    ],
    [
      [71, 71, 100],
      [99, 1, 0],
    ],
    [
      [50, 60, 100],
      [70, 30, 0],
    ],
    [
      [25, 100, 100],
      [35, 65, 0],
    ],
    [
      [25, 25, 100],
      [35, 35, 30],
    ],
    // What rounding leaves goes to the first level that has somebody.
    [
      [25, 25, 20],
      [37, 35, 28],
    ],
  ])('three levels at %o percent give loads %o', (healthy, expected) => {
    expect(load(setUp(healthy, 100))).toEqual(expected)
  })

  test('with nobody healthy and panic off, level 0 has the load and nobody to carry it', () => {
    const set = setUp([0, 0], 10)
    expect(load(set)).toEqual([100, 0])
    expect(set.priorities.levels[0]?.usable).toEqual([])
  })

  test('the dice picks levels by their load', () => {
    const { priorities } = setUp([50, 100], 100)
    expect([0, 0.69, 0.7, 0.999].map((dice) => priorities.chooseLevel(dice))).toEqual([0, 0, 1, 1])
  })
})

describe('panic', () => {
  // The table of Envoy's documentation, "Panic threshold", threshold 50 %.
  test.each([
    [
      [72, 72],
      [100, 0],
      [0, 0],
    ],
    [
      [71, 71],
      [99, 1],
      [0, 0],
    ],
    [
      [50, 60],
      [70, 30],
      [0, 0],
    ],
    [
      [25, 100],
      [35, 65],
      [0, 0],
    ],
    [
      [25, 25],
      [50, 50],
      [1, 1],
    ],
    [
      [5, 65],
      [8, 92],
      [1, 0],
    ],
  ])('health of %o percent gives loads %o and panic %o', (healthy, loads, panics) => {
    const set = setUp(healthy, 100, 50)
    expect(panic(set)).toEqual(panics)
    expect(load(set)).toEqual(loads)
  })

  test('load follows the number of hosts when every level is in panic', () => {
    const set = new EndpointSet(50, () => {}, silentLogger)
    const hosts = (priority: number, count: number) =>
      Array.from({ length: count }, (_, i) => ({ address: `10.${priority}.0.${i}`, priority, health: 2 }))
    set.apply(decodedAssignment([...hosts(0, 1), ...hosts(1, 3)]))
    expect(load(set)).toEqual([25, 75])
    expect(panic(set)).toEqual([1, 1])
  })

  test('a threshold of 0 turns it off', () => {
    expect(panic(setUp([5, 5], 100, 0))).toEqual([0, 0])
  })

  test('a new threshold counts at once', () => {
    const set = setUp([30], 100, 0)
    set.panicThreshold = 50
    expect(panic(set)).toEqual([1])
  })
})

describe('ejection', () => {
  test('takes an endpoint out of the health of its level and brings it back', () => {
    const set = setUp([2, 2], 2)
    const endpoint = set.priorities.levels[0]?.endpoints[0] as Endpoint
    set.table.ejected[endpoint.index] = 1
    set.priorities.onEjectionChange(endpoint)
    expect(load(set)).toEqual([70, 30])
    set.table.ejected[endpoint.index] = 0
    set.priorities.onEjectionChange(endpoint)
    expect(load(set)).toEqual([100, 0])
  })

  test('survives an update of the members', () => {
    const set = setUp([2, 2], 2)
    const endpoint = set.priorities.levels[0]?.endpoints[0] as Endpoint
    set.table.ejected[endpoint.index] = 1
    set.priorities.onEjectionChange(endpoint)
    set.apply(
      decodedAssignment([
        { address: '10.0.0.0' },
        { address: '10.0.0.1' },
        { address: '10.1.0.0', priority: 1 },
        { address: '10.1.0.9', priority: 1 },
      ]),
    )
    expect(load(set)).toEqual([70, 30])
  })
})

test.each([
  ['healthy and unknown', [0, 1], [0, 1]],
  ['no unhealthy, draining or timed out', [1, 2, 3, 4], [1]],
  ['no degraded while one is healthy', [1, 5], [1]],
  ['the degraded when nobody is healthy', [2, 5, 5], [5, 5]],
])('usable are %s', (_, health, expected) => {
  const set = new EndpointSet(0, () => {}, silentLogger)
  set.apply(decodedAssignment(health.map((status, i) => ({ address: `10.0.0.${i}`, health: status }))))
  const usable = set.priorities.levels[0]?.usable ?? []
  expect(usable.map((endpoint) => set.table.health[endpoint.index])).toEqual(expected)
})

test('a priority that is not named is an empty level', () => {
  const set = new EndpointSet(0, () => {}, silentLogger)
  set.apply(decodedAssignment([{ address: '10.0.0.1', priority: 2 }]))
  expect(load(set)).toEqual([0, 0, 100])
})
