// Envoy's circuit breaker: concurrent limits per cluster, not a breaker that trips. The counters are the only state and
// belong to (cluster, EDS name), so they survive updates.

/** The limits of one cluster. */
export interface CircuitBreaker {
  /** Takes a place for a request: 'admitted', 'overflow' (UO), or 'pending': `onAdmitted` is called when a place comes free. */
  acquire(onAdmitted: () => void): 'admitted' | 'pending' | 'overflow'
  /** Takes back a pending `acquire`. */
  abandon(onAdmitted: () => void): void
  /** Gives an admitted place back. */
  release(): void
  /** Takes a place for a retry; false when max_retries are under way. */
  acquireRetry(): boolean
  releaseRetry(): void
}
