// Envoy's back-off between retries: exponential with full jitter (docs: router filter, x-envoy-retry-on).
import type { Random } from '../runtime/random.ts'

/**
 * Milliseconds to wait before retry number `retry` (1 is the first): uniform in [0, (2^retry - 1) * baseMs), where the
 * upper end never exceeds `maxMs`. Envoy's defaults are 25 and 250.
 */
export function backOffMs(retry: number, baseMs: number, maxMs: number, random: Random): number {
  return random.next() * Math.min((2 ** retry - 1) * baseMs, maxMs)
}
