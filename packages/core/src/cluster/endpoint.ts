// One host of a cluster: a handle that stays the same across EDS updates, so that its counters and its ejection survive.
import type { EndpointTable } from './endpoint-table.ts'
import type { Peer } from '../exchange/peer.ts'
import type { Metadata } from '../resources/origin.ts'
import { endpointMetadata } from '../resources/endpoint-metadata.ts'

/** A host. Weight, active requests and ejection lie in the table's typed columns, at `index`. */
export class Endpoint {
  readonly table: EndpointTable
  readonly index: number
  readonly address: string
  readonly port: number
  /** It has left its cluster; requests under way on it go on. */
  removed = false
  /** Adapters keep what belongs to this endpoint and lives as long as it (a connection pool). */
  attachment: unknown = null
  #key: string | null = null
  #bytes: Uint8Array | null
  // Null until somebody reads the metadata: most of 100,000 endpoints are never called by one process.
  #identity: EndpointIdentity | null = null

  constructor(table: EndpointTable, index: number, address: string, port: number, metadata: Uint8Array | null = null) {
    this.table = table
    this.index = index
    this.address = address
    this.port = port
    this.#bytes = metadata
  }

  /** `address:port`, IPv6 in brackets: Envoy's %UPSTREAM_HOST%. */
  get key(): string {
    this.#key ??= this.address.includes(':') ? `[${this.address}]:${this.port}` : `${this.address}:${this.port}`
    return this.#key
  }

  /** Who it is, from endpoint metadata `istio.workload`; null when that is not said. */
  get peer(): Peer | null {
    return (this.#identity ??= readIdentity(this.#bytes)).peer
  }

  set peer(peer: Peer | null) {
    this.#identity = { peer, transportSocketMatch: this.transportSocketMatch }
  }

  /** Endpoint metadata `envoy.transport_socket_match`; empty when there is none. */
  get transportSocketMatch(): Readonly<Record<string, unknown>> {
    return (this.#identity ??= readIdentity(this.#bytes)).transportSocketMatch
  }

  set transportSocketMatch(match: Readonly<Record<string, unknown>>) {
    this.#identity = { peer: this.peer, transportSocketMatch: match }
  }

  /** Encoded metadata as EDS sent it. What was read of equal bytes before is kept. */
  setMetadata(bytes: Uint8Array | null): void {
    const before = this.#bytes
    this.#bytes = bytes
    if (this.#identity !== null && !sameBytes(before, bytes)) this.#identity = null
  }
}

interface EndpointIdentity {
  readonly peer: Peer | null
  readonly transportSocketMatch: Readonly<Record<string, unknown>>
}

const NO_MATCH: Readonly<Record<string, unknown>> = Object.freeze({})
const NOTHING: EndpointIdentity = { peer: null, transportSocketMatch: NO_MATCH }

function readIdentity(bytes: Uint8Array | null): EndpointIdentity {
  if (bytes === null || bytes.length === 0) return NOTHING
  let metadata: Metadata
  try {
    metadata = endpointMetadata(bytes)
  } catch {
    // Undecodable metadata must not fail a request; without it the endpoint is an unknown workload.
    return NOTHING
  }
  return {
    peer: peerFromWorkload(metadata['istio']?.['workload']),
    transportSocketMatch: metadata['envoy.transport_socket_match'] ?? NO_MATCH,
  }
}

/** Istio's `workloadName;namespace;canonicalName;canonicalRevision;clusterId`; the revision `latest` is sent empty. */
export function peerFromWorkload(workload: unknown): Peer | null {
  if (typeof workload !== 'string' || workload === '') return null
  const [name = '', namespace = '', canonicalName = '', revision = '', cluster = ''] = workload.split(';')
  return {
    workload: name,
    namespace,
    canonicalService: canonicalName,
    canonicalRevision: revision === '' ? 'latest' : revision,
    app: null,
    version: null,
    cluster,
    principal: null,
  }
}

function sameBytes(a: Uint8Array | null, b: Uint8Array | null): boolean {
  if (a === b) return true
  if (a === null || b === null || a.length !== b.length) return false
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false
  return true
}
