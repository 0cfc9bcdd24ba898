import { expect, test } from 'vitest'
import { GrowingEndpointTable } from './endpoint-table.ts'
import { OriginalDestinations } from './original-dst.ts'

function setUp(limit = 3) {
  const table = new GrowingEndpointTable()
  const removed: string[] = []
  const originals = new OriginalDestinations(table, (endpoint) => void removed.push(endpoint.key), limit)
  return { table, removed, originals }
}

test('one destination is one endpoint', () => {
  const { originals } = setUp()
  const first = originals.pick('example.com', 80)
  expect(first.key).toBe('example.com:80')
  expect(originals.pick('example.com', 81)).not.toBe(first)
  expect(originals.pick('example.com', 80)).toBe(first)
  expect(originals.pick('::1', 80).key).toBe('[::1]:80')
})

test('the one unused for longest leaves when there are too many', () => {
  const { originals, removed, table } = setUp(3)
  for (const host of ['a', 'b', 'c', 'a', 'd']) originals.pick(host, 80)
  expect(removed).toEqual(['b:80'])
  expect(table.size).toBe(3)
})

test('one that is in use stays, and the cache grows beyond its bound for that long', () => {
  const { originals, removed, table } = setUp(2)
  const busy = ['a', 'b'].map((host) => originals.pick(host, 80))
  for (const { index } of busy) table.active[index] = 1
  originals.pick('c', 80)
  expect(removed).toEqual([])
  for (const { index } of busy) table.active[index] = 0
  originals.pick('d', 80)
  expect(removed).toEqual(['a:80', 'b:80'])
})

test('clear tells of all', () => {
  const { originals, removed } = setUp()
  originals.pick('a', 80)
  originals.pick('b', 80)
  originals.clear()
  expect(removed).toEqual(['a:80', 'b:80'])
  expect(originals.pick('a', 80).removed).toBe(false)
})
