import { expect, test } from 'vitest'
import { seededRandom } from '../runtime/random.ts'
import { backOffMs } from './back-off.ts'

const dice = (value: number) => ({ next: () => value, hex: () => '' })

test.each([
  [1, 25],
  [2, 75],
  [3, 175],
  [4, 250],
  [50, 250],
])('retry %i waits less than %i ms with Envoy defaults', (retry, limit) => {
  expect(backOffMs(retry, 25, 250, dice(0))).toBe(0)
  expect(backOffMs(retry, 25, 250, dice(0.5))).toBeCloseTo(limit / 2)
  expect(backOffMs(retry, 25, 250, dice(1 - Number.EPSILON))).toBeLessThan(limit)
})

test('the wait is spread over the whole interval', () => {
  const random = seededRandom(7)
  const waits = Array.from({ length: 1000 }, () => backOffMs(2, 25, 250, random))
  const mean = waits.reduce((sum, wait) => sum + wait, 0) / waits.length
  expect(mean).toBeGreaterThan(34)
  expect(mean).toBeLessThan(41)
})
