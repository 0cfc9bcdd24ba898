// One host of a cluster: a handle that stays the same across EDS updates, so that its counters and its ejection survive.
import type { EndpointTable } from './endpoint-table.ts'
import type { Peer } from '../exchange/peer.ts'

/** A host. Weight, active requests and ejection lie in the table's typed columns, at `index`. */
export class Endpoint {
  readonly table: EndpointTable
  readonly index: number
  readonly address: string
  readonly port: number
  /** `address:port`, IPv6 in brackets: Envoy's %UPSTREAM_HOST%. */
  readonly key: string
  /** Who it is, from endpoint metadata `istio.workload`; replaced when the metadata changes. */
  peer: Peer | null = null
  /** Decoded on demand from EDS metadata: `envoy.transport_socket_match`; empty when there is none. */
  transportSocketMatch: Readonly<Record<string, unknown>> = NO_MATCH
  /** Adapters keep what belongs to this endpoint and lives as long as it (a connection pool). */
  attachment: unknown = null

  constructor(table: EndpointTable, index: number, address: string, port: number) {
    this.table = table
    this.index = index
    this.address = address
    this.port = port
    this.key = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  }
}

const NO_MATCH: Readonly<Record<string, unknown>> = Object.freeze({})
