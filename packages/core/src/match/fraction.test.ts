import { describe, expect, it } from 'vitest'
import { seededRandom } from '../runtime/random.ts'
import { matchesFraction } from './fraction.ts'

describe('matchesFraction', () => {
  const random = seededRandom(7)
  const draws = Array.from({ length: 20_000 }, () => random.next())
  const share = (numerator: number, denominator: number): number =>
    draws.filter((draw) => matchesFraction({ numerator, denominator }, draw)).length / draws.length

  it('never matches 0, not even with the smallest dice', () => {
    expect(share(0, 100)).toBe(0)
    expect(matchesFraction({ numerator: 0, denominator: 1_000_000 }, 0)).toBe(false)
  })

  it('always matches the whole, also with the largest dice', () => {
    expect(share(100, 100)).toBe(1)
    expect(matchesFraction({ numerator: 1_000_000, denominator: 1_000_000 }, 1 - Number.EPSILON / 2)).toBe(true)
  })

  it('matches its share in between', () => {
    // 4.5 sigma of 20,000 draws.
    expect(Math.abs(share(10, 100) - 0.1)).toBeLessThan(0.0096)
    expect(Math.abs(share(5_000, 10_000) - 0.5)).toBeLessThan(0.016)
  })

  it('cuts where the dice says', () => {
    expect(matchesFraction({ numerator: 50, denominator: 100 }, 0.4999)).toBe(true)
    expect(matchesFraction({ numerator: 50, denominator: 100 }, 0.5)).toBe(false)
  })
})
