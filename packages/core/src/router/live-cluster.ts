// A cluster at run time, put together: endpoints, picker, circuit breaker and outlier detection, each kept through updates
// of the resource and of its endpoints. It stands in this folder because its parts come from three below one another.
import { createPicker, emptyPicker } from '../balance/balancer.ts'
import type { Picker } from '../balance/picker.ts'
import type { Cluster, DestinationService } from '../cluster/cluster.ts'
import { type DnsResolver, DnsDiscovery, systemResolver } from '../cluster/dns.ts'
import type { Endpoint } from '../cluster/endpoint.ts'
import { EndpointSet } from '../cluster/endpoint-set.ts'
import { localityName } from '../cluster/locality.ts'
import { OriginalDestinations } from '../cluster/original-dst.ts'
import { ThresholdCircuitBreaker } from '../resilience/circuit-breaker.ts'
import { ConsecutiveOutlierDetector, type OutlierHosts } from '../resilience/outlier-detection.ts'
import type { Cluster as ClusterResource, ClusterDiscovery } from '../resources/cluster.ts'
import type { ClusterLoadAssignment } from '../resources/endpoint.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Closeable, Subscription } from '../runtime/closeable.ts'
import type { Logger } from '../runtime/log.ts'
import type { Random } from '../runtime/random.ts'

/** What a cluster is given beside its resource. */
export interface ClusterRuntime {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** For DNS clusters; the operating system's by default. */
  readonly dns?: DnsResolver
}

/** An endpoint in a configuration dump. */
export interface EndpointDescription {
  readonly address: string
  readonly locality: string
  readonly priority: number
  readonly weight: number
  /** `core.v3.HealthStatus` by name. */
  readonly health: string
  readonly ejected: boolean
  readonly active: number
}

/** The live slot of one (cluster, EDS name). A cluster whose EDS name changes is another slot. */
export class LiveCluster implements Cluster, OutlierHosts, Closeable {
  readonly name: string
  resource: ClusterResource
  picker: Picker = emptyPicker
  readonly circuitBreaker: ThresholdCircuitBreaker
  outlierDetector: ConsecutiveOutlierDetector | null = null
  service: DestinationService | null = null
  external = false
  readonly #runtime: ClusterRuntime
  readonly #endpoints: EndpointSet
  readonly #originals: OriginalDestinations
  readonly #listeners = new Set<(endpoint: Endpoint) => void>()
  #dns: DnsDiscovery | null = null

  constructor(resource: ClusterResource, runtime: ClusterRuntime) {
    this.name = resource.name
    this.resource = resource
    this.#runtime = runtime
    const removed = (endpoint: Endpoint): void => this.#onRemoved(endpoint)
    this.#endpoints = new EndpointSet(resource.healthyPanicThreshold, removed, runtime.log)
    this.#originals = new OriginalDestinations(this.#endpoints.table, removed)
    this.circuitBreaker = new ThresholdCircuitBreaker(resource.circuitBreakers.default, resource.protocol)
    this.#read(resource)
    this.#discover(resource)
  }

  /** Hosts that outlier detection counts. */
  get size(): number {
    return this.#endpoints.priorities.size
  }

  /** Takes a new version of the resource over. Endpoints, counters and ejections stay. */
  update(resource: ClusterResource): void {
    const before = this.resource
    this.resource = resource
    this.circuitBreaker.update(resource.circuitBreakers.default, resource.protocol)
    if (resource.healthyPanicThreshold !== before.healthyPanicThreshold) {
      this.#endpoints.panicThreshold = resource.healthyPanicThreshold
    }
    this.#read(resource)
    this.#makePicker()
    if (!sameDiscovery(resource.discovery, before.discovery)) this.#discover(resource)
  }

  /** Takes an assignment over. Handles of addresses that stay, stay. */
  setEndpoints(assignment: ClusterLoadAssignment): void {
    if (this.#endpoints.apply(assignment)) this.#makePicker()
  }

  /** Called for each endpoint that leaves, before its row is used again: close its pool once its requests have ended. */
  onEndpointRemoved(listener: (endpoint: Endpoint) => void): Subscription {
    this.#listeners.add(listener)
    return { cancel: () => this.#listeners.delete(listener) }
  }

  whenWarm(): Promise<void> | null {
    if (this.#dns === null || this.#dns.isWarm || this.size > 0) return null
    return this.#dns.warm
  }

  pickOriginal(host: string, port: number): Endpoint {
    return this.#originals.pick(host, port)
  }

  onEjectionChange(endpoint: Endpoint): void {
    this.#endpoints.priorities.onEjectionChange(endpoint)
    const ejected = endpoint.table.ejected[endpoint.index] === 1
    this.#runtime.log.info(`endpoint ${endpoint.key} of cluster "${this.name}" ${ejected ? 'ejected' : 'is back'}`)
  }

  /** Endpoints as plain JSON, for configuration dumps. */
  describe(): { readonly cluster: string; readonly endpoints: readonly EndpointDescription[] } {
    const endpoints: EndpointDescription[] = []
    for (const locality of this.#endpoints.priorities.localities) {
      const name = localityName(locality)
      for (const endpoint of locality.endpoints) endpoints.push(describe(endpoint, name, locality.priority))
    }
    for (const endpoint of this.#originals.endpoints) endpoints.push(describe(endpoint, '', 0))
    return { cluster: this.name, endpoints }
  }

  /** Ends timers and look-ups and lets every endpoint go; requests under way end by themselves. */
  close(): void {
    this.#dns?.close()
    this.#dns = null
    this.outlierDetector?.close()
    this.#endpoints.clear()
    this.#originals.clear()
    this.picker = emptyPicker
  }

  #read(resource: ClusterResource): void {
    const { outlierDetection: config } = resource
    if (config === null) {
      this.outlierDetector?.close()
      this.outlierDetector = null
    } else if (this.outlierDetector === null) {
      this.outlierDetector = new ConsecutiveOutlierDetector(config, this, this.#runtime.clock, this.#runtime.random)
    } else this.outlierDetector.update(config)
    const istio = resource.metadata['istio']
    this.service = destinationService(istio?.['services'])
    this.external = istio?.['external'] === true || resource.discovery.kind === 'original_dst'
  }

  #discover(resource: ClusterResource): void {
    const { discovery } = resource
    this.#dns?.close()
    this.#dns = null
    if (discovery.kind === 'static') this.setEndpoints(discovery.endpoints)
    else if (discovery.kind === 'strict_dns' || discovery.kind === 'logical_dns') {
      this.#dns = new DnsDiscovery(discovery, this.#runtime, this.#runtime.dns ?? systemResolver, (assignment) =>
        this.setEndpoints(assignment),
      )
      this.#dns.start()
    }
  }

  #makePicker(): void {
    const { priorities, table } = this.#endpoints
    this.picker = createPicker(this.resource.loadBalancing, priorities, table, this.#runtime.random)
  }

  #onRemoved(endpoint: Endpoint): void {
    this.outlierDetector?.onRemoved(endpoint)
    for (const listener of this.#listeners) {
      try {
        listener(endpoint)
      } catch (error) {
        this.#runtime.log.error(`a listener for removed endpoints of cluster "${this.name}" failed`, {
          error: error instanceof Error ? error.stack : String(error),
        })
      }
    }
  }
}

// Whether look-ups under way stay right. Static assignments are compared endpoint by endpoint when they are applied.
function sameDiscovery(a: ClusterDiscovery, b: ClusterDiscovery): boolean {
  if (a === b || (a.kind === 'eds' && b.kind === 'eds')) return true
  if (a.kind !== b.kind || a.kind === 'static' || !('refreshMs' in a) || !('refreshMs' in b)) return false
  if (a.refreshMs !== b.refreshMs || a.respectTtl !== b.respectTtl) return false
  return JSON.stringify(a.endpoints.localities) === JSON.stringify(b.endpoints.localities)
}

/** The first of `filter_metadata.istio.services`: `{ host, name, namespace }`. */
function destinationService(services: unknown): DestinationService | null {
  const first: unknown = Array.isArray(services) ? services[0] : undefined
  if (typeof first !== 'object' || first === null) return null
  const { host, name, namespace } = first as Readonly<Record<string, unknown>>
  return { host: text(host), name: text(name), namespace: text(namespace) }
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : ''
}

function describe(endpoint: Endpoint, locality: string, priority: number): EndpointDescription {
  const { table, index } = endpoint
  return {
    address: endpoint.key,
    locality,
    priority,
    weight: table.weight[index] as number,
    health: HEALTH_NAMES[table.health[index] as number] ?? 'UNKNOWN',
    ejected: table.ejected[index] === 1,
    active: table.active[index] as number,
  }
}

const HEALTH_NAMES = ['UNKNOWN', 'HEALTHY', 'UNHEALTHY', 'DRAINING', 'TIMEOUT', 'DEGRADED'] as const
