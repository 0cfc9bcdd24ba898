// How long to wait before the ADS stream is opened again: exponential with decorrelated jitter, so that the clients of a
// restarted control plane come back spread out.
import type { ExponentialBackoff, GeneratorFn, IBackoff } from 'cockatiel'
import type { Random } from '../runtime/random.ts'

/** A sequence of growing delays. */
export class ReconnectBackoff {
  readonly #random: Random
  #backoff: ExponentialBackoff<number> | null = null
  #current: IBackoff<unknown> | null = null

  constructor(random: Random) {
    this.#random = random
  }

  /** The next delay in milliseconds, 500 to 5,000. cockatiel is loaded with the first one. */
  async next(): Promise<number> {
    if (this.#backoff === null) {
      const cockatiel = await import('cockatiel')
      const generator = decorrelatedJitter(this.#random)
      this.#backoff = new cockatiel.ExponentialBackoff({
        generator,
        initialDelay: INITIAL_DELAY_MS,
        maxDelay: MAX_DELAY_MS,
      })
    }
    this.#current = this.#current === null ? this.#backoff.next() : this.#current.next(undefined)
    return this.#current.duration
  }

  /** Begins again with the shortest delays. */
  reset(): void {
    this.#current = null
  }
}

/**
 * Between the initial delay and three times the delay before. cockatiel's own generators draw from Math.random and know no
 * least delay.
 */
function decorrelatedJitter(random: Random): GeneratorFn<number> {
  return (previous, { initialDelay, maxDelay }) => {
    const widest = (previous ?? initialDelay) * 3
    const delay = Math.min(maxDelay, initialDelay + random.next() * (widest - initialDelay))
    return [delay, delay]
  }
}

const INITIAL_DELAY_MS = 500
// Below the 10 s for which a restarted agent serves the registrations of workloads that have not come back.
const MAX_DELAY_MS = 5_000
