// Envoy's circuit breaker: concurrent limits per cluster, not a breaker that trips (config.cluster.v3.CircuitBreakers).
// The counters are the only state and belong to (cluster, EDS name), so they survive updates.
import type { CircuitBreakerThresholds, UpstreamProtocol } from '../resources/cluster.ts'

/** Who waits for a place. An object rather than a closure: most requests never wait. */
export interface AdmissionWaiter {
  /** A place came free and is taken. Must not throw. */
  onAdmitted(): void
}

/** The limits of one cluster. */
export interface CircuitBreaker {
  /** Takes a place for a request: 'admitted', 'overflow' (UO), or 'pending': `waiter` is told when a place comes free. */
  acquire(waiter: AdmissionWaiter): 'admitted' | 'pending' | 'overflow'
  /** Takes back a pending `acquire`. */
  abandon(waiter: AdmissionWaiter): void
  /** Gives an admitted place back. */
  release(): void
  /** Takes a place for a retry; false when max_retries are under way. */
  acquireRetry(): boolean
  releaseRetry(): void
}

/**
 * The thresholds of the default priority. On HTTP/1 each request holds a connection, so max_connections limits requests
 * and what is beyond waits, up to max_pending_requests; HTTP/2 shares connections and max_requests alone decides.
 * Differs from Envoy: exact, also under a burst, where Envoy's worker threads let a few more through.
 */
export class ThresholdCircuitBreaker implements CircuitBreaker {
  #connections = 0
  #requests = 0
  #pending = 0
  #retries = 0
  #active = 0
  #activeRetries = 0
  #admitting = false
  readonly #waiters = new Set<AdmissionWaiter>()

  constructor(thresholds: CircuitBreakerThresholds, protocol: UpstreamProtocol) {
    this.update(thresholds, protocol)
  }

  /** Requests that hold a place. */
  get active(): number {
    return this.#active
  }

  /** Requests that wait for one. */
  get pending(): number {
    return this.#waiters.size
  }

  /** Retries that hold a place. */
  get activeRetries(): number {
    return this.#activeRetries
  }

  /** New limits; what is under way stays, and waiting requests go on where the limits grew. */
  update(thresholds: CircuitBreakerThresholds, protocol: UpstreamProtocol): void {
    this.#connections = protocol === 'http2' ? Number.POSITIVE_INFINITY : thresholds.maxConnections
    this.#requests = thresholds.maxRequests
    this.#pending = thresholds.maxPendingRequests
    this.#retries = thresholds.maxRetries
    this.#admitWaiting()
  }

  acquire(waiter: AdmissionWaiter): 'admitted' | 'pending' | 'overflow' {
    if (this.#active < this.#connections) {
      if (this.#active >= this.#requests) return 'overflow'
      this.#active++
      return 'admitted'
    }
    if (this.#waiters.size >= this.#pending) return 'overflow'
    this.#waiters.add(waiter)
    return 'pending'
  }

  abandon(waiter: AdmissionWaiter): void {
    this.#waiters.delete(waiter)
  }

  release(): void {
    this.#active--
    if (this.#waiters.size > 0) this.#admitWaiting()
  }

  acquireRetry(): boolean {
    if (this.#activeRetries >= this.#retries) return false
    this.#activeRetries++
    return true
  }

  releaseRetry(): void {
    this.#activeRetries--
  }

  // A waiter that fails at once releases its place while the loop is under way; the loop sees it and no stack grows.
  #admitWaiting(): void {
    if (this.#admitting) return
    this.#admitting = true
    try {
      for (const waiter of this.#waiters) {
        if (this.#active >= this.#connections || this.#active >= this.#requests) return
        this.#waiters.delete(waiter)
        this.#active++
        waiter.onAdmitted()
      }
    } finally {
      this.#admitting = false
    }
  }
}
