import { describe, expect, test } from 'vitest'
import type { CircuitBreakerThresholds } from '../resources/cluster.ts'
import { type AdmissionWaiter, ThresholdCircuitBreaker } from './circuit-breaker.ts'

const thresholds = (limits: Partial<CircuitBreakerThresholds>): CircuitBreakerThresholds => ({
  maxConnections: 1024,
  maxPendingRequests: 1024,
  maxRequests: 1024,
  maxRetries: 3,
  ...limits,
})

function waiter(name: string, admitted: string[]): AdmissionWaiter {
  return { onAdmitted: () => void admitted.push(name) }
}

const nobody: AdmissionWaiter = { onAdmitted() {} }

describe('ThresholdCircuitBreaker', () => {
  test.each<[string, 'http1' | 'http2', Partial<CircuitBreakerThresholds>, string[]]>([
    [
      'max_connections lets n run and the next wait',
      'http1',
      { maxConnections: 2 },
      ['admitted', 'admitted', 'pending'],
    ],
    [
      'max_pending_requests lets n wait and the next overflow',
      'http1',
      { maxConnections: 1, maxPendingRequests: 2 },
      ['admitted', 'pending', 'pending', 'overflow'],
    ],
    [
      'no pending requests at all overflow at once',
      'http1',
      { maxConnections: 1, maxPendingRequests: 0 },
      ['admitted', 'overflow'],
    ],
    ['max_requests overflows on HTTP/1 too', 'http1', { maxRequests: 1 }, ['admitted', 'overflow']],
    ['max_requests lets n run on HTTP/2', 'http2', { maxRequests: 2 }, ['admitted', 'admitted', 'overflow']],
    [
      'max_connections does not limit requests on HTTP/2',
      'http2',
      { maxConnections: 1, maxPendingRequests: 0 },
      ['admitted', 'admitted', 'admitted'],
    ],
  ])('%s', (_, protocol, limits, expected) => {
    const breaker = new ThresholdCircuitBreaker(thresholds(limits), protocol)
    // A waiter is a request: each is another object.
    expect(expected.map(() => breaker.acquire({ onAdmitted() {} }))).toEqual(expected)
  })

  test('admits waiting requests in order, one for each place that comes free', () => {
    const admitted: string[] = []
    const breaker = new ThresholdCircuitBreaker(thresholds({ maxConnections: 1 }), 'http1')
    breaker.acquire(nobody)
    breaker.acquire(waiter('a', admitted))
    breaker.acquire(waiter('b', admitted))
    breaker.release()
    expect(admitted).toEqual(['a'])
    expect(breaker.active).toBe(1)
    breaker.release()
    expect(admitted).toEqual(['a', 'b'])
    breaker.release()
    expect([breaker.active, breaker.pending]).toEqual([0, 0])
  })

  test('an abandoned request gives its waiting place to another', () => {
    const admitted: string[] = []
    const breaker = new ThresholdCircuitBreaker(thresholds({ maxConnections: 1, maxPendingRequests: 1 }), 'http1')
    breaker.acquire(nobody)
    const gone = waiter('gone', admitted)
    breaker.acquire(gone)
    breaker.abandon(gone)
    expect(breaker.acquire(waiter('b', admitted))).toBe('pending')
    breaker.release()
    expect(admitted).toEqual(['b'])
  })

  test('a waiting request that fails at once makes room for the next without growing the stack', () => {
    let admitted = 0
    const breaker = new ThresholdCircuitBreaker(thresholds({ maxConnections: 1, maxPendingRequests: 50_000 }), 'http1')
    breaker.acquire(nobody)
    for (let i = 0; i < 50_000; i++) {
      breaker.acquire({
        onAdmitted() {
          admitted++
          breaker.release()
        },
      })
    }
    breaker.release()
    expect(admitted).toBe(50_000)
    expect([breaker.active, breaker.pending]).toEqual([0, 0])
  })

  test('max_retries lets n retries run and refuses the next', () => {
    const breaker = new ThresholdCircuitBreaker(thresholds({ maxRetries: 2 }), 'http1')
    expect([breaker.acquireRetry(), breaker.acquireRetry(), breaker.acquireRetry()]).toEqual([true, true, false])
    breaker.releaseRetry()
    expect(breaker.acquireRetry()).toBe(true)
  })

  test('an update keeps the counters: higher limits admit who waits, lower ones stop who comes', () => {
    const admitted: string[] = []
    const breaker = new ThresholdCircuitBreaker(thresholds({ maxConnections: 1 }), 'http1')
    breaker.acquire(nobody)
    breaker.acquire(waiter('a', admitted))
    breaker.update(thresholds({ maxConnections: 2 }), 'http1')
    expect(admitted).toEqual(['a'])
    breaker.update(thresholds({ maxConnections: 1, maxPendingRequests: 0 }), 'http1')
    breaker.release()
    expect(breaker.active).toBe(1)
    expect(breaker.acquire(nobody)).toBe('overflow')
  })
})
