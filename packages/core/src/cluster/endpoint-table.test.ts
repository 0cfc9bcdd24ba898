import { expect, test } from 'vitest'
import { GrowingEndpointTable } from './endpoint-table.ts'

test('grows by doubling and keeps what was written', () => {
  const table = new GrowingEndpointTable(2)
  const indexes = [table.allocate(), table.allocate()]
  table.weight[0] = 7
  table.active[1] = 3
  indexes.push(table.allocate())
  expect(indexes).toEqual([0, 1, 2])
  expect(table.capacity).toBeGreaterThanOrEqual(4)
  expect(table.weight[0]).toBe(7)
  expect(table.active[1]).toBe(3)
})

test('a freed index is used again, with empty cells', () => {
  const table = new GrowingEndpointTable()
  table.allocate()
  const index = table.allocate()
  table.ejected[index] = 1
  table.consecutive5xx[index] = 4
  table.free(index)
  expect(table.size).toBe(1)
  expect(table.allocate()).toBe(index)
  expect([table.ejected[index], table.consecutive5xx[index], table.size]).toEqual([0, 0, 2])
})

test('reserve makes room at once', () => {
  const table = new GrowingEndpointTable()
  table.reserve(100_000)
  const { capacity } = table
  for (let i = 0; i < 100_000; i++) table.allocate()
  expect(table.capacity).toBe(capacity)
})
