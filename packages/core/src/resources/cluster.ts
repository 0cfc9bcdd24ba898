// The Cluster resource, decoded (config/cluster/v3).
import type { ClusterLoadAssignment } from './endpoint.ts'
import type { TransportSocket } from './listener.ts'
import type { Metadata, Origin } from './origin.ts'

export interface Cluster {
  readonly origin: Origin
  readonly name: string
  readonly altStatName: string
  readonly discovery: ClusterDiscovery
  readonly connectTimeoutMs: number
  readonly loadBalancing: LoadBalancing
  /** Thresholds of the default and the high priority. */
  readonly circuitBreakers: { readonly default: CircuitBreakerThresholds; readonly high: CircuitBreakerThresholds }
  readonly outlierDetection: OutlierDetection | null
  readonly protocol: UpstreamProtocol
  /** Idle timeout of upstream connections; Envoy's default is one hour; 0 is never. */
  readonly idleTimeoutMs: number
  readonly maxRequestsPerConnection: number | null
  /** Percent of healthy endpoints under which health is ignored; 0 turns panic off; Envoy's default is 50. */
  readonly healthyPanicThreshold: number
  readonly transportSocket: TransportSocket | null
  readonly transportSocketMatches: readonly {
    readonly name: string
    readonly match: Readonly<Record<string, unknown>>
    /** Null is plaintext (raw_buffer). */
    readonly socket: TransportSocket | null
  }[]
  /** `filter_metadata.istio.services[0]` and the rest, as sent. */
  readonly metadata: Metadata
}

export type ClusterDiscovery =
  | { readonly kind: 'eds'; readonly serviceName: string }
  | { readonly kind: 'static'; readonly endpoints: ClusterLoadAssignment }
  | {
      readonly kind: 'strict_dns' | 'logical_dns'
      readonly endpoints: ClusterLoadAssignment
      readonly refreshMs: number
      readonly respectTtl: boolean
    }
  /** Dials the address the caller asked for (PassthroughCluster). */
  | { readonly kind: 'original_dst' }

export type LoadBalancing =
  | { readonly kind: 'round_robin' }
  | { readonly kind: 'least_request'; readonly choiceCount: number }
  | { readonly kind: 'random' }
  /** A policy we don't have yet; `fallback` is used in its place and a warning says so. */
  | { readonly kind: 'unsupported'; readonly policy: string; readonly fallback: 'round_robin' }

/** `circuit_breakers.thresholds`; Envoy's defaults are 1024, 1024, 1024 and 3. */
export interface CircuitBreakerThresholds {
  readonly maxConnections: number
  readonly maxPendingRequests: number
  readonly maxRequests: number
  readonly maxRetries: number
}

/** `outlier_detection`, with Envoy's defaults filled in. */
export interface OutlierDetection {
  readonly consecutive5xx: number
  readonly enforcingConsecutive5xx: number
  readonly consecutiveGatewayFailure: number
  readonly enforcingConsecutiveGatewayFailure: number
  readonly consecutiveLocalOriginFailure: number
  readonly enforcingConsecutiveLocalOriginFailure: number
  readonly splitExternalLocalOriginErrors: boolean
  readonly intervalMs: number
  readonly baseEjectionTimeMs: number
  readonly maxEjectionTimeMs: number
  readonly maxEjectionPercent: number
}

export type UpstreamProtocol = 'http1' | 'http2' | 'use_downstream'
