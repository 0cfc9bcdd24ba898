// Randomness as a dependency: dice for routing and balancing, and identifiers, from one source that tests can seed.
import { randomFillSync } from 'node:crypto'

/** The source of randomness. */
export interface Random {
  /** A number in [0, 1). */
  next(): number
  /** `bytes` random bytes as lower-case hexadecimal; `bytes` is 1 to 256. */
  hex(bytes: number): string
}

const POOL_BYTES = 16_384
const pool = Buffer.allocUnsafe(POOL_BYTES)
let offset = POOL_BYTES

/** Dice from V8's generator; identifiers from the operating system, drawn in one large read for many. */
export const systemRandom: Random = {
  next: () => Math.random(),
  hex(bytes) {
    if (offset + bytes > POOL_BYTES) {
      randomFillSync(pool)
      offset = 0
    }
    const text = pool.toString('hex', offset, offset + bytes)
    offset += bytes
    return text
  },
}

/** A repeatable source (mulberry32): the same seed gives the same sequence. For tests and `explain`. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0
    let t = state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
  return {
    next,
    hex(bytes) {
      let text = ''
      for (let i = 0; i < bytes; i++) text += ((next() * 256) | 0).toString(16).padStart(2, '0')
      return text
    },
  }
}
