import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDuration } from './duration.ts'

test.each([
  ['100ms', 100],
  ['5m', 300_000],
  ['1h30m', 5_400_000],
  ['1.5s', 1_500],
  ['.5s', 500],
  ['0', 0],
  ['0s', 0],
  ['-2s', -2_000],
  ['250us', 0.25],
  ['1µs', 0.001],
])('reads %s as Go does', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
})

test.each(['', '5', 's', '5 s', '1d', '5sec', '1h-30m', '1.2.3s', '5S', 'PT5S'])(
  'does not take "%s" for a duration',
  (text) => {
    expect(parseDuration(text)).toBeNull()
  },
)

test('answers a number or null for any text', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const ms = parseDuration(text)
      return ms === null || Number.isFinite(ms)
    }),
  )
})
