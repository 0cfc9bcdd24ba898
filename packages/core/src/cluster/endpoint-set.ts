// The endpoints of a cluster across updates: handles by address and port, what was added, what left, and the priorities
// that result. Hot for large clusters: 100,000 endpoints in one assignment are expected.
import type { ClusterLoadAssignment, EndpointColumns, LocalityEndpoints } from '../resources/endpoint.ts'
import type { Logger } from '../runtime/log.ts'
import { Endpoint } from './endpoint.ts'
import { EndpointIndex } from './endpoint-index.ts'
import { GrowingEndpointTable } from './endpoint-table.ts'
import type { Locality } from './locality.ts'
import { PrioritySet } from './priority-set.ts'

/** Keeps an endpoint's handle as long as EDS names its address and port. */
export class EndpointSet {
  readonly table: GrowingEndpointTable = new GrowingEndpointTable()
  #priorities: PrioritySet
  #overprovisioningFactor = 140
  #panicThreshold: number
  readonly #index = new EndpointIndex()
  // Left while requests were under way on them; their rows are freed by a later update.
  #leaving: Endpoint[] = []
  #generation = 0
  #changed = false
  readonly #onRemoved: (endpoint: Endpoint) => void
  readonly #log: Logger

  constructor(panicThreshold: number, onRemoved: (endpoint: Endpoint) => void, log: Logger) {
    this.#panicThreshold = panicThreshold
    this.#priorities = new PrioritySet([], this.table, this.#overprovisioningFactor, panicThreshold)
    this.#onRemoved = onRemoved
    this.#log = log
  }

  get priorities(): PrioritySet {
    return this.#priorities
  }

  set panicThreshold(percent: number) {
    this.#panicThreshold = percent
    this.#priorities.panicThreshold = percent
  }

  /** Takes an assignment over. False when it changes neither members nor weights, health or priorities. */
  apply(assignment: ClusterLoadAssignment): boolean {
    this.#generation++
    const before = this.#priorities
    this.#changed =
      assignment.localities.length !== before.localities.length ||
      assignment.overprovisioningFactor !== this.#overprovisioningFactor
    this.#overprovisioningFactor = assignment.overprovisioningFactor
    this.#reserve(assignment)
    const localities = assignment.localities.map((locality, i) => this.#locality(locality, before.localities[i]))
    this.#sweep(before.localities)
    if (!this.#changed) return false
    this.#priorities = new PrioritySet(localities, this.table, this.#overprovisioningFactor, this.#panicThreshold)
    return true
  }

  /** Removes every endpoint. */
  clear(): void {
    this.#generation++
    this.#sweep(this.#priorities.localities)
    this.#priorities = new PrioritySet([], this.table, this.#overprovisioningFactor, this.#panicThreshold)
  }

  #reserve(assignment: ClusterLoadAssignment): void {
    let rows = 0
    for (const locality of assignment.localities) rows += locality.endpoints.count
    this.table.reserve(rows)
    this.#index.reserve(rows)
  }

  #locality(locality: LocalityEndpoints, before: Locality | undefined): Locality {
    if (before === undefined || before.priority !== locality.priority || before.weight !== locality.weight) {
      this.#changed = true
    }
    return {
      region: locality.region,
      zone: locality.zone,
      subZone: locality.subZone,
      priority: locality.priority,
      weight: locality.weight,
      endpoints: this.#endpoints(locality.endpoints, locality.priority, before),
      columns: locality.endpoints,
    }
  }

  // Most updates leave most endpoints where they were: the handle at the same position is tried before the map.
  #endpoints(columns: EndpointColumns, priority: number, before: Locality | undefined): readonly Endpoint[] {
    const { addresses, ports, weights, health, metadata, count } = columns
    const { table } = this
    const generation = this.#generation
    const old = before?.endpoints ?? NONE
    const unread = before?.columns === columns && old.length === count
    const endpoints: Endpoint[] = []
    let changed = old.length !== count
    for (let i = 0; i < count; i++) {
      const address = addresses[i] as string
      const port = ports[i] as number
      let endpoint = old[i]
      if (endpoint === undefined || endpoint.port !== port || endpoint.address !== address || endpoint.removed) {
        changed = true
        endpoint = this.#index.find(address, port) ?? this.#create(address, port, metadata[i] as Uint8Array | null)
      }
      const index = endpoint.index
      // Named twice: the first place counts, as in Envoy.
      if (table.seen[index] === generation) {
        changed = true
        continue
      }
      table.seen[index] = generation
      if (table.weight[index] !== weights[i] || table.health[index] !== health[i]) {
        table.weight[index] = weights[i] as number
        table.health[index] = health[i] as number
        changed = true
      }
      if (table.priority[index] !== priority) {
        table.priority[index] = priority
        changed = true
      }
      if (!unread) endpoint.setMetadata(metadata[i] as Uint8Array | null)
      endpoints.push(endpoint)
    }
    if (!changed) return old
    this.#changed = true
    return endpoints
  }

  #create(address: string, port: number, metadata: Uint8Array | null): Endpoint {
    const endpoint = new Endpoint(this.table, this.table.allocate(), address, port, metadata)
    this.#index.add(endpoint)
    return endpoint
  }

  #sweep(localities: readonly Locality[]): void {
    const { seen } = this.table
    for (const locality of localities) {
      for (const endpoint of locality.endpoints) {
        if (seen[endpoint.index] !== this.#generation && !endpoint.removed) this.#remove(endpoint)
      }
    }
    const leaving = this.#leaving
    if (leaving.length === 0) return
    this.#leaving = []
    for (const endpoint of leaving) {
      if (this.table.active[endpoint.index] === 0) this.table.free(endpoint.index)
      else this.#leaving.push(endpoint)
    }
  }

  #remove(endpoint: Endpoint): void {
    this.#changed = true
    endpoint.removed = true
    this.#index.remove(endpoint)
    this.#leaving.push(endpoint)
    try {
      this.#onRemoved(endpoint)
    } catch (error) {
      this.#log.error(`listener for the removal of endpoint ${endpoint.key} failed`, { error: String(error) })
    }
  }
}

const NONE: readonly Endpoint[] = []
