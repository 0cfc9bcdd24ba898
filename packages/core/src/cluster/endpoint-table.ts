// The typed columns behind a cluster's endpoints. P2C over 100,000 endpoints reads two cells of an array instead of two objects.

/** Columns by endpoint index; they grow by doubling and freed indexes are used again. */
export interface EndpointTable {
  /** load_balancing_weight. */
  weight: Float64Array
  /** Requests under way. */
  active: Int32Array
  /** 1 while outlier detection keeps the endpoint out. */
  ejected: Uint8Array
  /** EDS health: see EndpointColumns.health. */
  health: Uint8Array
  /** Consecutive 5xx, gateway and local-origin failures. */
  consecutive5xx: Uint16Array
  consecutiveGateway: Uint16Array
  consecutiveLocal: Uint16Array
}

/** A table that hands out indexes. The columns are replaced when it grows: read them from the table each time. */
export class GrowingEndpointTable implements EndpointTable {
  weight: Float64Array
  active: Int32Array
  ejected: Uint8Array
  health: Uint8Array
  consecutive5xx: Uint16Array
  consecutiveGateway: Uint16Array
  consecutiveLocal: Uint16Array
  /** The priority that the endpoint is in. */
  priority: Uint8Array
  /** The update that named the endpoint last. */
  seen: Uint32Array
  #used = 0
  readonly #free: number[] = []

  constructor(capacity: number = 8) {
    this.weight = new Float64Array(capacity)
    this.active = new Int32Array(capacity)
    this.ejected = new Uint8Array(capacity)
    this.health = new Uint8Array(capacity)
    this.consecutive5xx = new Uint16Array(capacity)
    this.consecutiveGateway = new Uint16Array(capacity)
    this.consecutiveLocal = new Uint16Array(capacity)
    this.priority = new Uint8Array(capacity)
    this.seen = new Uint32Array(capacity)
  }

  /** Rows that exist. */
  get capacity(): number {
    return this.weight.length
  }

  /** Indexes that are handed out. */
  get size(): number {
    return this.#used - this.#free.length
  }

  /** Makes room for `rows` rows at once. */
  reserve(rows: number): void {
    if (rows <= this.capacity) return
    let capacity = Math.max(8, this.capacity)
    while (capacity < rows) capacity *= 2
    this.weight = grown(this.weight, new Float64Array(capacity))
    this.active = grown(this.active, new Int32Array(capacity))
    this.ejected = grown(this.ejected, new Uint8Array(capacity))
    this.health = grown(this.health, new Uint8Array(capacity))
    this.consecutive5xx = grown(this.consecutive5xx, new Uint16Array(capacity))
    this.consecutiveGateway = grown(this.consecutiveGateway, new Uint16Array(capacity))
    this.consecutiveLocal = grown(this.consecutiveLocal, new Uint16Array(capacity))
    this.priority = grown(this.priority, new Uint8Array(capacity))
    this.seen = grown(this.seen, new Uint32Array(capacity))
  }

  /** An index whose cells are all zero. */
  allocate(): number {
    const index = this.#free.pop()
    if (index !== undefined) return index
    if (this.#used === this.capacity) this.reserve(this.#used + 1)
    return this.#used++
  }

  /** Gives an index back. Nothing may read or write its cells any more. */
  free(index: number): void {
    this.weight[index] = 0
    this.active[index] = 0
    this.ejected[index] = 0
    this.health[index] = 0
    this.consecutive5xx[index] = 0
    this.consecutiveGateway[index] = 0
    this.consecutiveLocal[index] = 0
    this.priority[index] = 0
    this.seen[index] = 0
    this.#free.push(index)
  }
}

function grown<T extends { set(source: T): void }>(from: T, to: T): T {
  to.set(from)
  return to
}
