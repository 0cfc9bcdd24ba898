import { describe, expect, it } from 'vitest'
import { seededRandom } from '../runtime/random.ts'
import { ReconnectBackoff } from './reconnect-backoff.ts'

async function delays(backoff: ReconnectBackoff, count: number): Promise<number[]> {
  const all: number[] = []
  for (let i = 0; i < count; i++) all.push(await backoff.next())
  return all
}

describe('the back-off of the ADS stream', () => {
  it('stays between half a second and five seconds, and each delay is at most three times the one before', async () => {
    for (let seed = 0; seed < 50; seed++) {
      let previous = 500
      for (const delay of await delays(new ReconnectBackoff(seededRandom(seed)), 30)) {
        expect(delay).toBeGreaterThanOrEqual(500)
        expect(delay).toBeLessThanOrEqual(Math.min(5000, previous * 3))
        previous = delay
      }
    }
  })

  it('reaches five seconds when the dice are high and stays at half a second when they are low', async () => {
    const high = new ReconnectBackoff({ next: () => 0.999_999, hex: () => '' })
    const low = new ReconnectBackoff({ next: () => 0, hex: () => '' })
    expect((await delays(high, 6)).map(Math.round)).toEqual([1500, 4500, 5000, 5000, 5000, 5000])
    expect(await delays(low, 3)).toEqual([500, 500, 500])
  })

  it('begins again after a reset', async () => {
    const backoff = new ReconnectBackoff({ next: () => 0.5, hex: () => '' })
    const first = await delays(backoff, 4)
    backoff.reset()
    expect(await delays(backoff, 4)).toEqual(first)
  })

  it('differs from client to client', async () => {
    const a = await new ReconnectBackoff(seededRandom(1)).next()
    const b = await new ReconnectBackoff(seededRandom(2)).next()
    expect(a).not.toBe(b)
  })
})
