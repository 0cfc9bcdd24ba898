// A cluster at run time: its resource, its endpoints, its picker and its limits. A live slot: routes name it, and each
// attempt looks it up, so that a retry sees today's endpoints.
import type { Picker } from '../balance/picker.ts'
import type { Cluster as ClusterResource } from '../resources/cluster.ts'
import type { CircuitBreaker } from '../resilience/circuit-breaker.ts'
import type { OutlierDetector } from '../resilience/outlier-detection.ts'
import type { Subscription } from '../runtime/closeable.ts'
import type { Endpoint } from './endpoint.ts'

/** The destination service as metrics name it, from `filter_metadata.istio.services`. */
export interface DestinationService {
  readonly host: string
  readonly name: string
  readonly namespace: string
}

/** A cluster as the router and telemetry read it. */
export interface Cluster {
  readonly name: string
  readonly resource: ClusterResource
  readonly picker: Picker
  readonly circuitBreaker: CircuitBreaker
  readonly outlierDetector: OutlierDetector | null
  readonly service: DestinationService | null
  /** True when calls leave the mesh: peer metadata is not sent there. */
  readonly external: boolean
  /** Only where the cluster's endpoints are not known yet (DNS under way): settles when they are. Null: they are known. */
  whenWarm?(): Promise<void> | null
  /** Calls `listener` for each endpoint that leaves: what an adapter keeps for it is to be let go. */
  onEndpointRemoved?(listener: (endpoint: Endpoint) => void): Subscription
  /** Only of original_dst clusters: the endpoint that the caller asked for. */
  pickOriginal?(host: string, port: number): Endpoint
}

/** Finds clusters by name; null when the control plane has none of that name (NC). */
export interface ClusterLookup {
  find(name: string): Cluster | null
}
