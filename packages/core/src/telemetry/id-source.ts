// Random identifiers for traces, spans and requests, cut from one longer draw: drawing costs more than cutting.
import type { Random } from '../runtime/random.ts'

/** Hands out lower-case hexadecimal digits that no one has seen. */
export class IdSource {
  readonly #random: Random
  #digits = ''
  #at = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** `count` digits, 1 to 128. */
  take(count: number): string {
    if (this.#at + count > this.#digits.length) {
      this.#digits = this.#random.hex(DRAW_BYTES)
      this.#at = 0
    }
    const from = this.#at
    this.#at = from + count
    return this.#digits.slice(from, this.#at)
  }

  /** A number in [0, 1), of the same source but not of these digits. */
  next(): number {
    return this.#random.next()
  }
}

// The most that Random.hex gives at once.
const DRAW_BYTES = 256
