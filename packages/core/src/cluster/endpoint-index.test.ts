import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Endpoint } from './endpoint.ts'
import { EndpointIndex } from './endpoint-index.ts'
import { GrowingEndpointTable } from './endpoint-table.ts'

test('finds what is in it, and nothing else, through any sequence of additions and removals', () => {
  const step = fc.record({ add: fc.boolean(), host: fc.nat(12), port: fc.constantFrom(80, 8080) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const table = new GrowingEndpointTable()
      const index = new EndpointIndex()
      const model = new Map<string, Endpoint>()
      for (const { add, host, port } of steps) {
        const address = `10.0.0.${host}`
        const key = `${address}:${port}`
        const known = model.get(key)
        if (add && known === undefined) {
          const endpoint = new Endpoint(table, table.allocate(), address, port)
          index.add(endpoint)
          model.set(key, endpoint)
        } else if (!add && known !== undefined) {
          index.remove(known)
          table.free(known.index)
          model.delete(key)
        }
        expect(index.size).toBe(model.size)
        for (let h = 0; h <= 12; h++) {
          for (const p of [80, 8080]) expect(index.find(`10.0.0.${h}`, p)).toBe(model.get(`10.0.0.${h}:${p}`))
        }
      }
    }),
    { numRuns: 100 },
  )
})

test('holds many that differ in one character', () => {
  const table = new GrowingEndpointTable()
  const index = new EndpointIndex()
  const endpoints = Array.from({ length: 20_000 }, (_, i) => {
    return new Endpoint(table, table.allocate(), `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`, 80)
  })
  for (const endpoint of endpoints) index.add(endpoint)
  expect(endpoints.every((endpoint) => index.find(endpoint.address, 80) === endpoint)).toBe(true)
  expect(index.find('10.0.0.1', 81)).toBeUndefined()
  for (const endpoint of endpoints.filter((_, i) => i % 2 === 0)) index.remove(endpoint)
  expect(endpoints.filter((endpoint) => index.find(endpoint.address, 80) === endpoint)).toHaveLength(10_000)
})
