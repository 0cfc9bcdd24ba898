// The endpoints of an original_dst cluster (Envoy's original destination discovery): whatever the caller asked for. They
// are kept so that a connection pool outlives its first request, up to a bound.
import { Endpoint } from './endpoint.ts'
import type { GrowingEndpointTable } from './endpoint-table.ts'

/** A bounded cache of destinations; the one unused for longest leaves first. */
export class OriginalDestinations {
  readonly #table: GrowingEndpointTable
  readonly #limit: number
  readonly #onRemoved: (endpoint: Endpoint) => void
  // In the order of last use.
  readonly #byKey = new Map<string, Endpoint>()
  #last: Endpoint | null = null

  /** `limit` is the number of destinations kept while no request is under way on them; 1024 by default. */
  constructor(table: GrowingEndpointTable, onRemoved: (endpoint: Endpoint) => void, limit: number = 1024) {
    this.#table = table
    this.#onRemoved = onRemoved
    this.#limit = limit
  }

  get endpoints(): Iterable<Endpoint> {
    return this.#byKey.values()
  }

  /** The endpoint for a destination. `host` is a name or an IP literal without brackets. */
  pick(host: string, port: number): Endpoint {
    const last = this.#last
    if (last !== null && last.port === port && last.address === host) return last
    const key = `${host}|${port}`
    let endpoint = this.#byKey.get(key)
    if (endpoint === undefined) {
      this.#evict()
      const index = this.#table.allocate()
      this.#table.weight[index] = 1
      endpoint = new Endpoint(this.#table, index, host, port)
    } else this.#byKey.delete(key)
    this.#byKey.set(key, endpoint)
    this.#last = endpoint
    return endpoint
  }

  /** Removes every destination. */
  clear(): void {
    this.#last = null
    for (const endpoint of this.#byKey.values()) {
      endpoint.removed = true
      this.#onRemoved(endpoint)
    }
    this.#byKey.clear()
  }

  // Requests under way protect a destination; a cache in which all are busy grows beyond its bound for that long.
  #evict(): void {
    if (this.#byKey.size < this.#limit) return
    for (const [key, endpoint] of this.#byKey) {
      if (this.#table.active[endpoint.index] !== 0 || endpoint === this.#last) continue
      this.#byKey.delete(key)
      endpoint.removed = true
      this.#onRemoved(endpoint)
      this.#table.free(endpoint.index)
      if (this.#byKey.size < this.#limit) return
    }
  }
}
