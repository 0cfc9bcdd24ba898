// The ClusterLoadAssignment resource, decoded (config/endpoint/v3). Hot: 100,000 endpoints in one message are expected,
// so the endpoints of a locality lie in parallel columns and metadata stays bytes until somebody reads it.
import type { Origin } from './origin.ts'

export interface ClusterLoadAssignment {
  readonly origin: Origin
  readonly clusterName: string
  readonly localities: readonly LocalityEndpoints[]
  /** policy.overprovisioning_factor; Envoy's default is 140. */
  readonly overprovisioningFactor: number
  /** Drop overloads as per million, all categories together. */
  readonly dropPerMillion: number
}

export interface LocalityEndpoints {
  readonly region: string
  readonly zone: string
  readonly subZone: string
  /** 0 is the highest. */
  readonly priority: number
  /** load_balancing_weight; 0 when unset. */
  readonly weight: number
  readonly endpoints: EndpointColumns
}

/** Endpoints as columns; index i of each array is one endpoint. */
export interface EndpointColumns {
  readonly count: number
  /** IP literal or path of a unix socket; with `ports[i]` it is the endpoint's key `address:port`. */
  readonly addresses: readonly string[]
  readonly ports: Uint32Array
  /** load_balancing_weight; 1 when unset. */
  readonly weights: Uint32Array
  /** `core.v3.HealthStatus`: 0 unknown, 1 healthy, 2 unhealthy, 3 draining, 4 timeout, 5 degraded. */
  readonly health: Uint8Array
  /** Encoded `core.v3.Metadata`; null when there is none. */
  readonly metadata: readonly (Uint8Array | null)[]
}
