// The retries of one request (Envoy's RetryState): how many are left, which hosts were tried, the place taken under
// max_retries, and the back-off timer. Made when an attempt has failed in a way that the policy retries.
import type { Endpoint } from '../cluster/endpoint.ts'
import { backOffMs } from '../resilience/back-off.ts'
import type { CircuitBreaker } from '../resilience/circuit-breaker.ts'
import type { RetryPolicy } from '../resilience/retry-policy.ts'
import type { Clock, Timer } from '../runtime/clock.ts'
import type { Random } from '../runtime/random.ts'

export class RetryState {
  readonly #policy: RetryPolicy
  #retries = 0
  // Where a place under max_retries is held: from the decision until the retry's own outcome.
  #breaker: CircuitBreaker | null = null
  #timer: Timer | null = null
  /** Hosts to avoid; null when the policy does not ask for it. */
  readonly tried: Endpoint[] | null

  constructor(policy: RetryPolicy) {
    this.#policy = policy
    this.tried = policy.previousHosts ? [] : null
  }

  /** The attempt on `endpoint` failed and could be tried again. 'limit': num_retries are used up. 'overflow': max_retries. */
  decide(endpoint: Endpoint, breaker: CircuitBreaker): 'retry' | 'limit' | 'overflow' {
    this.release()
    if (this.#retries >= this.#policy.numRetries) return 'limit'
    this.#retries++
    if (!breaker.acquireRetry()) return 'overflow'
    this.#breaker = breaker
    this.tried?.push(endpoint)
    return 'retry'
  }

  /** Runs `task` after this retry's back-off. */
  schedule(clock: Clock, random: Random, task: () => void): void {
    const { baseBackOffMs, maxBackOffMs } = this.#policy
    this.#timer = clock.schedule(backOffMs(this.#retries, baseBackOffMs, maxBackOffMs, random), () => {
      this.#timer = null
      task()
    })
  }

  /** Gives the place under max_retries back and takes the timer back. */
  release(): void {
    this.#timer?.cancel()
    this.#timer = null
    const breaker = this.#breaker
    this.#breaker = null
    breaker?.releaseRetry()
  }
}
