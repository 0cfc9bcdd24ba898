// One suite for every algorithm: what all pickers promise. What only one of them does is below it.
import { describe, expect, test } from 'vitest'
import type { Endpoint } from '../cluster/endpoint.ts'
import { EndpointSet } from '../cluster/endpoint-set.ts'
import { Exchange } from '../exchange/exchange.ts'
import { RequestHead } from '../exchange/head.ts'
import { HeaderMap } from '../exchange/header-map.ts'
import type { LoadBalancing } from '../resources/cluster.ts'
import { silentLogger } from '../runtime/log.ts'
import { seededRandom } from '../runtime/random.ts'
import { type DecodedEndpointSpec, decodedAssignment } from '../testing/decoded-resources.ts'
import { createPicker } from './balancer.ts'

const x = new Exchange('outbound', new RequestHead('GET', 'http', 'a', '/', new HeaderMap()), null, 0, 0)

function setUp(policy: LoadBalancing, endpoints: readonly DecodedEndpointSpec[], panicThreshold = 0) {
  const set = new EndpointSet(panicThreshold, () => {}, silentLogger)
  set.apply(decodedAssignment(endpoints))
  const picker = createPicker(policy, set.priorities, set.table, seededRandom(11))
  const all = set.priorities.levels.flatMap((level) => level.endpoints)
  const eject = (address: string) => {
    const endpoint = all.find((e) => e.address === address) as Endpoint
    set.table.ejected[endpoint.index] = 1
    set.priorities.onEjectionChange(endpoint)
  }
  const counts = (picks: number) => {
    const counted: Record<string, number> = {}
    for (let i = 0; i < picks; i++) {
      const address = picker.pick(x, null)?.address ?? 'none'
      counted[address] = (counted[address] ?? 0) + 1
    }
    return counted
  }
  return { set, picker, all, eject, counts, table: set.table }
}

const hosts = (count: number, more: Partial<DecodedEndpointSpec> = {}): DecodedEndpointSpec[] =>
  Array.from({ length: count }, (_, i) => ({ address: `h${i}`, ...more }))

const policies: [string, LoadBalancing, (spec: DecodedEndpointSpec, i: number) => DecodedEndpointSpec][] = [
  ['round robin', { kind: 'round_robin' }, (spec) => spec],
  ['weighted round robin', { kind: 'round_robin' }, (spec, i) => ({ ...spec, weight: i + 1 })],
  ['least request', { kind: 'least_request', choiceCount: 2 }, (spec) => spec],
  ['weighted least request', { kind: 'least_request', choiceCount: 2 }, (spec, i) => ({ ...spec, weight: i + 1 })],
  ['random', { kind: 'random' }, (spec) => spec],
  ['what stands for a policy we do not have', { kind: 'unsupported', policy: 'x', fallback: 'round_robin' }, (s) => s],
]

describe.each(policies)('%s', (_, policy, shape) => {
  const shaped = (specs: readonly DecodedEndpointSpec[]) => specs.map(shape)

  test('has nothing to pick from nobody', () => {
    expect(setUp(policy, []).picker.pick(x, null)).toBeNull()
  })

  test('picks the only endpoint', () => {
    expect(setUp(policy, shaped(hosts(1))).counts(10)).toEqual({ h0: 10 })
  })

  test('reaches every endpoint', () => {
    expect(Object.keys(setUp(policy, shaped(hosts(5))).counts(2000))).toHaveLength(5)
  })

  test('never picks an endpoint that is unhealthy, draining or timed out', () => {
    const specs = shaped([2, 3, 4, 1, 0].map((health, i) => ({ address: `h${i}`, health })))
    expect(Object.keys(setUp(policy, specs).counts(500)).sort()).toEqual(['h3', 'h4'])
  })

  test('skips ejected endpoints while they are ejected', () => {
    const { eject, counts } = setUp(policy, shaped(hosts(4)))
    eject('h3')
    eject('h1')
    expect(Object.keys(counts(500)).sort()).toEqual(['h0', 'h2'])
  })

  test('finds the one endpoint that is left among many', () => {
    const { eject, counts } = setUp(policy, shaped(hosts(200)))
    for (let i = 0; i < 200; i++) if (i !== 77) eject(`h${i}`)
    expect(counts(50)).toEqual({ h77: 50 })
  })

  test('picks nobody when everybody is ejected and panic is off', () => {
    const { eject, picker } = setUp(policy, shaped(hosts(2)))
    eject('h0')
    eject('h1')
    expect(picker.pick(x, null)).toBeNull()
  })

  test('picks anybody in panic', () => {
    const { eject, counts } = setUp(policy, shaped(hosts(3)), 50)
    eject('h0')
    expect(counts(300)).not.toHaveProperty('h0')
    eject('h1')
    expect(Object.keys(counts(300)).sort()).toEqual(['h0', 'h1', 'h2'])
  })

  test('splits by the load of priorities', () => {
    const specs = shaped([
      ...hosts(4, { priority: 0 }),
      ...hosts(4, { priority: 1 }).map((spec) => ({ ...spec, address: `low ${spec.address}` })),
    ])
    const { eject, counts } = setUp(policy, specs)
    expect(Object.keys(counts(200)).some((address) => address.startsWith('low'))).toBe(false)
    eject('h0')
    eject('h1')
    const low = Object.entries(counts(4000)).reduce((sum, [a, n]) => (a.startsWith('low') ? sum + n : sum), 0)
    expect(low / 4000).toBeGreaterThan(0.26)
    expect(low / 4000).toBeLessThan(0.34)
  })

  test('avoids what was tried, up to the number of reattempts', () => {
    const { picker, all } = setUp(policy, shaped(hosts(2)))
    const tried = [all[0] as Endpoint]
    for (let i = 0; i < 50; i++) expect(picker.pick(x, tried, 100)).toBe(all[1])
    let again = 0
    for (let i = 0; i < 50; i++) if (picker.pick(x, tried, 0) === all[0]) again++
    expect(again).toBeGreaterThan(0)
  })

  test('gives a tried endpoint when there is no other', () => {
    const { picker, all } = setUp(policy, shaped(hosts(1)))
    expect(picker.pick(x, all, 5)).toBe(all[0])
  })
})

describe('round robin', () => {
  test('gives each its turn', () => {
    expect(setUp({ kind: 'round_robin' }, hosts(4)).counts(400)).toEqual({ h0: 100, h1: 100, h2: 100, h3: 100 })
  })

  test('begins anywhere', () => {
    const firsts = new Set<string | undefined>()
    for (let seed = 0; seed < 40; seed++) {
      const set = new EndpointSet(0, () => {}, silentLogger)
      set.apply(decodedAssignment(hosts(4)))
      const picker = createPicker({ kind: 'round_robin' }, set.priorities, set.table, seededRandom(seed))
      firsts.add(picker.pick(x, null)?.address)
    }
    expect(firsts.size).toBe(4)
  })

  test('follows weights exactly over whole rounds', () => {
    const { counts } = setUp({ kind: 'round_robin' }, [
      { address: 'a', weight: 1 },
      { address: 'b', weight: 2 },
      { address: 'c', weight: 7 },
    ])
    const counted = counts(1000)
    for (const [address, expected] of Object.entries({ a: 100, b: 200, c: 700 })) {
      expect(Math.abs((counted[address] ?? 0) - expected)).toBeLessThanOrEqual(1)
    }
  })

  test('spreads the heavy one over the round', () => {
    const { picker } = setUp({ kind: 'round_robin' }, [
      { address: 'a', weight: 1 },
      { address: 'b', weight: 3 },
    ])
    const picks = Array.from({ length: 40 }, () => picker.pick(x, null)?.address).join('')
    expect(picks).not.toContain('aa')
    expect(picks).not.toContain('bbbb')
  })
})

describe('least request', () => {
  test('prefers the less busy of two choices', () => {
    const { all, table, counts } = setUp({ kind: 'least_request', choiceCount: 2 }, hosts(2))
    table.active[(all[0] as Endpoint).index] = 10
    // The busy one is picked only when both rolls hit it.
    const busy = counts(4000)['h0'] ?? 0
    expect(busy / 4000).toBeGreaterThan(0.22)
    expect(busy / 4000).toBeLessThan(0.28)
  })

  test('more choices find the idle one more often', () => {
    const { all, table, counts } = setUp({ kind: 'least_request', choiceCount: 10 }, hosts(4))
    for (const endpoint of all.slice(1)) table.active[endpoint.index] = 5
    expect((counts(1000)['h0'] ?? 0) / 1000).toBeGreaterThan(0.9)
  })

  test('evens out requests under way', () => {
    const { picker, table, all } = setUp({ kind: 'least_request', choiceCount: 2 }, hosts(10))
    for (let i = 0; i < 1000; i++) {
      const { index } = picker.pick(x, null) as Endpoint
      table.active[index] = (table.active[index] as number) + 1
    }
    const active = all.map((endpoint) => table.active[endpoint.index] as number)
    expect(Math.max(...active) - Math.min(...active)).toBeLessThanOrEqual(8)
  })

  test('with weights, is a weighted split while nothing is under way', () => {
    const { counts } = setUp({ kind: 'least_request', choiceCount: 2 }, [
      { address: 'a', weight: 1 },
      { address: 'b', weight: 3 },
    ])
    const counted = counts(400)
    expect(Math.abs((counted['b'] ?? 0) - 300)).toBeLessThanOrEqual(1)
  })

  test('with weights, leaves the busy one out of turn', () => {
    const { counts, table, all } = setUp({ kind: 'least_request', choiceCount: 2 }, [
      { address: 'a', weight: 1 },
      { address: 'b', weight: 3 },
    ])
    table.active[(all[1] as Endpoint).index] = 11
    const counted = counts(500)
    expect((counted['a'] ?? 0) / 500).toBeGreaterThan(0.75)
  })
})

test('random takes no notice of weights', () => {
  const { counts } = setUp({ kind: 'random' }, [
    { address: 'a', weight: 1 },
    { address: 'b', weight: 99 },
  ])
  const share = (counts(4000)['a'] ?? 0) / 4000
  expect(share).toBeGreaterThan(0.46)
  expect(share).toBeLessThan(0.54)
})
