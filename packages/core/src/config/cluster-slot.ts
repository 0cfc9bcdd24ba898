// One cluster and its endpoints, shared by all roots that name it: one CDS watch, one EDS watch, one live cluster. It is
// resolved as a whole: a cluster without its endpoints is not there yet (gRFC A74; warming in Envoy's cluster manager).
import type { Cluster } from '../cluster/cluster.ts'
import type { Cluster as ClusterResource } from '../resources/cluster.ts'
import type { ClusterLoadAssignment } from '../resources/endpoint.ts'
import type { Clock, Timer } from '../runtime/clock.ts'
import type { Subscription } from '../runtime/closeable.ts'
import type { MeshError } from '../runtime/errors.ts'
import type { ResourceTypes } from '../resources/resource-types.ts'
import type { ResourceSource } from '../xds/watch.ts'

/** A cluster that takes updates: its limits and its endpoints' state survive them. */
export interface UpdatableCluster extends Cluster {
  update(resource: ClusterResource): void
  setEndpoints(assignment: ClusterLoadAssignment): void
  close(): void
}

/** What a slot needs around it. */
export interface ClusterSlotContext<C extends UpdatableCluster> {
  readonly source: ResourceSource
  readonly types: ResourceTypes
  readonly clock: Clock
  createCluster(resource: ClusterResource): C
  /** The slot was resolved for the first time, its resource changed, or it became an error. */
  onChanged(slot: ClusterSlot<C>): void
}

/** A live slot. Routes name it; each attempt looks it up. */
export class ClusterSlot<C extends UpdatableCluster = UpdatableCluster> {
  readonly name: string
  /** The cluster in force; null until it is whole, and when there is none. */
  cluster: C | null = null
  /** Why there is no cluster; null while it is waited for, and when there is one. */
  error: MeshError | null = null
  /** The last error beside which the cluster stays good; null after a change. */
  ambientError: MeshError | null = null
  /** Roots that hold this slot. */
  holders = 0

  readonly #context: ClusterSlotContext<C>
  readonly #watch: Subscription
  #endpoints: EndpointsWatch | null = null
  /** Endpoints under another EDS name, waited for while the cluster in force stays. */
  #nextEndpoints: EndpointsWatch | null = null
  #removal: Timer | null = null

  constructor(name: string, context: ClusterSlotContext<C>) {
    this.name = name
    this.#context = context
    this.#watch = context.source.watch(context.types.cluster, name, {
      onChanged: (resource) => this.#onResource(resource),
      onError: (error) => this.#onError(error),
      onAmbientError: (error) => {
        this.ambientError = error
      },
    })
  }

  /** Whether the cluster is there with its endpoints, or is known not to be. */
  get resolved(): boolean {
    return this.cluster !== null || this.error !== null
  }

  close(): void {
    this.#watch.cancel()
    this.#cancelRemoval()
    this.#endpoints?.watch.cancel()
    this.#nextEndpoints?.watch.cancel()
    this.#endpoints = this.#nextEndpoints = null
    this.cluster?.close()
    this.cluster = null
  }

  #onResource(resource: ClusterResource): void {
    this.ambientError = null
    this.#cancelRemoval()
    this.#nextEndpoints?.watch.cancel()
    this.#nextEndpoints = null
    if (resource.discovery.kind !== 'eds') {
      this.#endpoints?.watch.cancel()
      this.#endpoints = null
      this.#install(resource, null)
      return
    }
    const current = this.#endpoints
    if (current !== null && current.serviceName === resource.discovery.serviceName) {
      current.resource = resource
      if (current.resolved) this.#install(resource, null)
      return
    }
    const next = this.#watchEndpoints(resource, resource.discovery.serviceName)
    if (this.cluster === null) {
      current?.watch.cancel()
      this.#endpoints = next
    } else this.#nextEndpoints = next
  }

  /** A cluster that was removed stays a moment: the routes that no longer name it are on their way (CDS goes before RDS). */
  #onError(error: MeshError): void {
    if (this.cluster === null) {
      this.#remove(error)
      return
    }
    this.ambientError = error
    this.#removal ??= this.#context.clock.schedule(REMOVAL_GRACE_MS, () => this.#remove(error))
  }

  #remove(error: MeshError): void {
    this.#removal = null
    this.#endpoints?.watch.cancel()
    this.#nextEndpoints?.watch.cancel()
    this.#endpoints = this.#nextEndpoints = null
    this.cluster?.close()
    this.cluster = null
    this.error = error
    this.#context.onChanged(this)
  }

  #cancelRemoval(): void {
    this.#removal?.cancel()
    this.#removal = null
  }

  #watchEndpoints(resource: ClusterResource, serviceName: string): EndpointsWatch {
    const endpoints: EndpointsWatch = {
      serviceName,
      resource,
      resolved: false,
      watch: this.#context.source.watch(this.#context.types.endpoints, serviceName, {
        onChanged: (assignment) => this.#onAssignment(endpoints, assignment),
        onError: (error) => {
          this.ambientError = error
          this.#onAssignment(endpoints, noEndpoints(serviceName))
        },
        onAmbientError: (error) => {
          this.ambientError = error
        },
      }),
    }
    return endpoints
  }

  #onAssignment(endpoints: EndpointsWatch, assignment: ClusterLoadAssignment): void {
    if (endpoints === this.#nextEndpoints) {
      this.#endpoints?.watch.cancel()
      this.#endpoints = endpoints
      this.#nextEndpoints = null
    } else if (endpoints.resolved && this.cluster !== null) {
      this.cluster.setEndpoints(assignment)
      return
    }
    endpoints.resolved = true
    this.#install(endpoints.resource, assignment)
  }

  #install(resource: ClusterResource, assignment: ClusterLoadAssignment | null): void {
    this.error = null
    const old = this.cluster
    if (old !== null && discoveryKey(old.resource) === discoveryKey(resource)) {
      old.update(resource)
      if (assignment !== null) old.setEndpoints(assignment)
    } else {
      // Limits and ejections belong to (cluster, EDS name): another name is another cluster.
      const cluster = this.#context.createCluster(resource)
      if (assignment !== null) cluster.setEndpoints(assignment)
      this.cluster = cluster
      old?.close()
    }
    this.#context.onChanged(this)
  }
}

interface EndpointsWatch {
  readonly serviceName: string
  readonly watch: Subscription
  /** The cluster that these endpoints are for. */
  resource: ClusterResource
  resolved: boolean
}

function discoveryKey(resource: ClusterResource): string {
  return resource.discovery.kind === 'eds' ? `eds/${resource.discovery.serviceName}` : resource.discovery.kind
}

function noEndpoints(clusterName: string): ClusterLoadAssignment {
  return {
    origin: { type: 'ClusterLoadAssignment', name: clusterName, version: '', config: null },
    clusterName,
    localities: [],
    overprovisioningFactor: 140,
    dropPerMillion: 0,
  }
}

// Differs from Envoy, which drops a removed cluster at once: long enough for the routes of the same push to arrive.
const REMOVAL_GRACE_MS = 5_000
