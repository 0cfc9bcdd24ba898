// Decoded clusters and load assignments for tests of what works on decoded resources: a line instead of thirty fields.
import type { Cluster, CircuitBreakerThresholds, OutlierDetection } from '../resources/cluster.ts'
import type { ClusterLoadAssignment, LocalityEndpoints } from '../resources/endpoint.ts'

/** One endpoint of `decodedAssignment`. */
export interface DecodedEndpointSpec {
  readonly address: string
  /** 80 unless given. */
  readonly port?: number
  readonly weight?: number
  /** `core.v3.HealthStatus`; 1 (HEALTHY) unless given. */
  readonly health?: number
  readonly priority?: number
  readonly region?: string
  readonly metadata?: Uint8Array
}

/** An assignment; endpoints of one priority and region make a locality, in the order of their first. */
export function decodedAssignment(
  endpoints: readonly DecodedEndpointSpec[],
  overprovisioningFactor: number = 140,
): ClusterLoadAssignment {
  const groups = new Map<string, DecodedEndpointSpec[]>()
  for (const endpoint of endpoints) {
    const key = `${endpoint.priority ?? 0}/${endpoint.region ?? ''}`
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [endpoint])
    else group.push(endpoint)
  }
  return {
    origin: { type: 'ClusterLoadAssignment', name: 'test', version: '1', config: null },
    clusterName: 'test',
    localities: [...groups.values()].map(decodedLocality),
    overprovisioningFactor,
    dropPerMillion: 0,
  }
}

function decodedLocality(endpoints: readonly DecodedEndpointSpec[]): LocalityEndpoints {
  return {
    region: endpoints[0]?.region ?? '',
    zone: '',
    subZone: '',
    priority: endpoints[0]?.priority ?? 0,
    weight: endpoints.reduce((sum, endpoint) => sum + (endpoint.weight ?? 1), 0),
    endpoints: {
      count: endpoints.length,
      addresses: endpoints.map((endpoint) => endpoint.address),
      ports: Uint32Array.from(endpoints, (endpoint) => endpoint.port ?? 80),
      weights: Uint32Array.from(endpoints, (endpoint) => endpoint.weight ?? 1),
      health: Uint8Array.from(endpoints, (endpoint) => endpoint.health ?? 1),
      metadata: endpoints.map((endpoint) => endpoint.metadata ?? null),
    },
  }
}

/** Envoy's default thresholds. */
export const defaultThresholds: CircuitBreakerThresholds = {
  maxConnections: 1024,
  maxPendingRequests: 1024,
  maxRequests: 1024,
  maxRetries: 3,
}

/** Envoy's default outlier detection, success rate apart. */
export const defaultOutlierDetection: OutlierDetection = {
  consecutive5xx: 5,
  enforcingConsecutive5xx: 100,
  consecutiveGatewayFailure: 5,
  enforcingConsecutiveGatewayFailure: 0,
  consecutiveLocalOriginFailure: 5,
  enforcingConsecutiveLocalOriginFailure: 100,
  splitExternalLocalOriginErrors: false,
  intervalMs: 10_000,
  baseEjectionTimeMs: 30_000,
  maxEjectionTimeMs: 300_000,
  maxEjectionPercent: 10,
}

/** An EDS cluster with Envoy's defaults and round robin; `changes` are laid over it. */
export function decodedCluster(name: string, changes: Partial<Cluster> = {}): Cluster {
  return {
    origin: { type: 'Cluster', name, version: '1', config: null },
    name,
    altStatName: '',
    discovery: { kind: 'eds', serviceName: name },
    connectTimeoutMs: 5000,
    loadBalancing: { kind: 'round_robin' },
    circuitBreakers: { default: defaultThresholds, high: defaultThresholds },
    outlierDetection: null,
    protocol: 'http1',
    idleTimeoutMs: 3_600_000,
    maxRequestsPerConnection: null,
    healthyPanicThreshold: 50,
    transportSocket: null,
    transportSocketMatches: [],
    metadata: {},
    ...changes,
  }
}
