import { describe, expect, test } from 'vitest'
import { silentLogger } from '../runtime/log.ts'
import { type DecodedEndpointSpec, decodedAssignment } from '../testing/decoded-resources.ts'
import type { Endpoint } from './endpoint.ts'
import { EndpointSet } from './endpoint-set.ts'

function setUp() {
  const removed: string[] = []
  const set = new EndpointSet(50, (endpoint) => void removed.push(endpoint.key), silentLogger)
  const apply = (...endpoints: DecodedEndpointSpec[]) => set.apply(decodedAssignment(endpoints))
  const all = () => set.priorities.levels.flatMap((level) => level.endpoints)
  const find = (key: string) => all().find((endpoint) => endpoint.key === key) as Endpoint
  return { set, removed, apply, all, find }
}

const [a, b, c] = [{ address: '10.0.0.1' }, { address: '10.0.0.2' }, { address: '10.0.0.3' }] as const

describe('EndpointSet', () => {
  test('an endpoint keeps its handle and its counters while its address and port are named', () => {
    const { set, apply, find } = setUp()
    apply(a, b)
    const before = find('10.0.0.2:80')
    set.table.active[before.index] = 3
    apply({ ...c }, { ...b, weight: 5 }, a)
    const after = find('10.0.0.2:80')
    expect(after).toBe(before)
    expect(set.table.active[after.index]).toBe(3)
    expect(set.table.weight[after.index]).toBe(5)
  })

  test('tells of endpoints that leave, once', () => {
    const { apply, removed, find } = setUp()
    apply(a, b, c)
    const leaving = find('10.0.0.2:80')
    apply(a, c)
    expect(removed).toEqual(['10.0.0.2:80'])
    expect(leaving.removed).toBe(true)
    apply(a, c)
    expect(removed).toEqual(['10.0.0.2:80'])
  })

  test('one address on two ports is two endpoints', () => {
    const { apply, all, removed, find } = setUp()
    apply({ ...a, port: 80 }, { ...a, port: 81 }, { ...a, port: 82 })
    const middle = find('10.0.0.1:81')
    apply({ ...a, port: 82 }, { ...a, port: 81 })
    expect(removed).toEqual(['10.0.0.1:80'])
    expect(find('10.0.0.1:81')).toBe(middle)
    apply({ ...a, port: 81 })
    apply({ ...a, port: 80 })
    expect(all().map((endpoint) => endpoint.key)).toEqual(['10.0.0.1:80'])
    expect(removed).toEqual(['10.0.0.1:80', '10.0.0.1:82', '10.0.0.1:81'])
  })

  test('an endpoint that is named twice counts once', () => {
    const { apply, all } = setUp()
    apply(a, b, a)
    expect(all().map((endpoint) => endpoint.address)).toEqual(['10.0.0.1', '10.0.0.2'])
    apply(a, b, a)
    expect(all()).toHaveLength(2)
  })

  test('the row of a removed endpoint is free when its last request has ended', () => {
    const { set, apply, find } = setUp()
    apply(a, b)
    const busy = find('10.0.0.1:80')
    set.table.active[busy.index] = 1
    apply(b)
    apply(b, c)
    expect(find('10.0.0.3:80').index).not.toBe(busy.index)
    expect(set.table.active[busy.index]).toBe(1)
    set.table.active[busy.index] = 0
    apply(b)
    expect(set.table.size).toBe(1)
  })

  test('an endpoint that comes back while its old requests run is another one', () => {
    const { set, apply, find } = setUp()
    apply(a)
    const before = find('10.0.0.1:80')
    set.table.active[before.index] = 1
    apply()
    apply(a)
    const after = find('10.0.0.1:80')
    expect(after).not.toBe(before)
    expect(after.removed).toBe(false)
    expect(after.index).not.toBe(before.index)
  })

  test.each<[string, DecodedEndpointSpec[], boolean]>([
    ['nothing', [a, b], false],
    ['a weight', [a, { ...b, weight: 2 }], true],
    ['health', [a, { ...b, health: 2 }], true],
    ['a priority', [a, { ...b, priority: 1 }], true],
    ['a member less', [a], true],
    ['a member more', [a, b, c], true],
    ['a member for another', [a, c], true],
    ['the order', [b, a], true],
  ])('says whether an update changed %s', (_, endpoints, changed) => {
    const { apply } = setUp()
    apply(a, b)
    expect(apply(...endpoints)).toBe(changed)
    expect(apply(...endpoints)).toBe(false)
  })

  test('an endpoint that moves to another locality keeps its handle and is not removed', () => {
    const { apply, find, removed } = setUp()
    apply({ ...a, region: 'r1' }, { ...b, region: 'r2' })
    const before = find('10.0.0.2:80')
    apply({ ...a, region: 'r1' }, { ...b, region: 'r1' })
    expect(find('10.0.0.2:80')).toBe(before)
    expect(removed).toEqual([])
  })

  test('a listener that throws does not stop the update', () => {
    const set = new EndpointSet(
      50,
      () => {
        throw new Error('boom')
      },
      silentLogger,
    )
    set.apply(decodedAssignment([a, b]))
    set.apply(decodedAssignment([c]))
    expect(set.priorities.size).toBe(1)
  })
})
