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
