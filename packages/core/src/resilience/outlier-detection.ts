// Envoy's outlier detection: endpoints that fail in a row are left out for a while.
import type { Endpoint } from '../cluster/endpoint.ts'

/** Hears of every attempt's outcome and ejects. */
export interface OutlierDetector {
  /** A response with this status came from the endpoint. */
  onResponse(endpoint: Endpoint, status: number): void
  /** The attempt ended without a response (connection failure, reset, timeout). */
  onLocalOriginFailure(endpoint: Endpoint, kind: 'connect' | 'reset' | 'timeout'): void
}
