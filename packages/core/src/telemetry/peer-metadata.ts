// How two workloads of an Istio mesh tell each other who they are, where TLS doesn't: x-envoy-peer-metadata, the base64 of
// a protobuf Struct, and x-envoy-peer-metadata-id, the node id (istio/proxy's peer_metadata filter). What they say is a
// claim for metrics and logs; identity comes from certificates alone.
import type { HeaderMap } from '../exchange/header-map.ts'
import type { Peer } from '../exchange/peer.ts'
import type { WorkloadIdentity } from '../xds/node.ts'
import { decodeStruct, encodeStruct, type StructObject, type StructValue } from './protobuf-struct.ts'

export const PEER_METADATA = 'x-envoy-peer-metadata'
export const PEER_METADATA_ID = 'x-envoy-peer-metadata-id'

/** What this workload sends: both fields' values, made once. */
export interface SelfMetadata {
  /** The node id. */
  readonly id: string
  readonly value: string
}

/** This workload as telemetry names it; `principal` is its own SPIFFE id. */
export function peerOf(identity: WorkloadIdentity): Peer {
  const labels = identity.labels
  const workload = workloadName(identity)
  return {
    workload,
    namespace: identity.namespace,
    canonicalService: labels[CANONICAL_NAME] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? workload,
    canonicalRevision:
      labels[CANONICAL_REVISION] ?? labels['app.kubernetes.io/version'] ?? labels['version'] ?? 'latest',
    app: labels['app'] ?? '',
    version: labels['version'] ?? '',
    cluster: identity.clusterId,
    principal: `spiffe://${identity.trustDomain}/ns/${identity.namespace}/sa/${identity.serviceAccount}`,
  }
}

/** The two fields for this workload. `nodeId` is the id sent to the control plane. */
export function selfMetadata(identity: WorkloadIdentity, nodeId: string): SelfMetadata {
  const self = peerOf(identity)
  const labels: Record<string, StructValue> = {
    [CANONICAL_NAME]: self.canonicalService,
    [CANONICAL_REVISION]: self.canonicalRevision,
  }
  if (self.app !== '') labels['app'] = self.app
  if (self.version !== '') labels['version'] = self.version
  const struct: Record<string, StructValue> = {
    NAME: identity.name,
    NAMESPACE: identity.namespace,
    CLUSTER_ID: identity.clusterId,
    WORKLOAD_NAME: self.workload,
    LABELS: labels,
  }
  const owner = identity.metadata['OWNER']
  if (typeof owner === 'string' && owner !== '') struct['OWNER'] = owner
  return { id: nodeId, value: Buffer.from(encodeStruct(struct)).toString('base64') }
}

/** Reads the value of x-envoy-peer-metadata; null when it is not one. Padding may be missing; long texts are cut. */
export function decodePeerMetadata(value: string): Peer | null {
  if (value === '') return null
  const struct = decodeStruct(Buffer.from(value, 'base64'))
  if (struct === null || Object.keys(struct).length === 0) return null
  const labels = structOf(struct['LABELS'])
  return {
    workload: text(struct['WORKLOAD_NAME']),
    namespace: text(struct['NAMESPACE']),
    canonicalService: text(labels[CANONICAL_NAME]),
    canonicalRevision: text(labels[CANONICAL_REVISION]),
    app: text(labels['app']),
    version: text(labels['version']),
    cluster: text(struct['CLUSTER_ID']),
    principal: null,
  }
}

/** Takes the fields away: from a request that goes to a cluster outside the mesh, and from what the application sees. */
export function stripPeerMetadata(headers: HeaderMap): void {
  headers.remove(PEER_METADATA)
  headers.remove(PEER_METADATA_ID)
}

interface CacheEntry {
  readonly value: string | null
  readonly principal: string | null
  readonly peer: Peer | null
}

/**
 * Peers by what they sent, so that a peer decoded once is the same object for each of its requests. Found by the short id
 * and then compared by the whole text and the certificate's principal: an id that is claimed twice only costs decoding.
 * Differs from Envoy: it trusts the id alone to stand for what was sent with it first.
 */
export class PeerCache {
  readonly #entries = new Map<string, CacheEntry>()
  readonly #limit: number
  // The last one, which is compared without being looked up.
  #last: CacheEntry | null = null

  /** `limit`: peers kept, at least 1, default 500 as Istio's. */
  constructor(limit = 500) {
    this.#limit = limit
  }

  /** The peer that a message's fields and its connection's certificate speak of; null when neither says anything. */
  find(headers: HeaderMap, principal: string | null): Peer | null {
    let value = headers.get(PEER_METADATA)
    if (value !== null && value.length > MAX_VALUE) value = null
    if (value === null && principal === null) return null
    const last = this.#last
    if (last !== null && last.value === value && last.principal === principal) return last.peer
    const key = headers.get(PEER_METADATA_ID) ?? value ?? (principal as string)
    let entry = this.#entries.get(key)
    if (entry === undefined || entry.value !== value || entry.principal !== principal) {
      if (entry === undefined && this.#entries.size >= this.#limit) this.#dropOldest()
      entry = { value, principal, peer: withPrincipal(value === null ? null : decodePeerMetadata(value), principal) }
      this.#entries.set(key, entry)
    }
    this.#last = entry
    return entry.peer
  }

  get size(): number {
    return this.#entries.size
  }

  #dropOldest(): void {
    let drop = Math.max(1, this.#limit >> 2)
    for (const key of this.#entries.keys()) {
      if (drop-- === 0) return
      this.#entries.delete(key)
    }
  }
}

function withPrincipal(peer: Peer | null, principal: string | null): Peer | null {
  if (principal === null) return peer
  return peer === null ? { ...nothingSaid, principal } : { ...peer, principal }
}

/** ISTIO_META_WORKLOAD_NAME, else the WorkloadGroup, else the process's own name. */
function workloadName(identity: WorkloadIdentity): string {
  const named = identity.metadata['WORKLOAD_NAME']
  return typeof named === 'string' && named !== '' ? named : (identity.group ?? identity.name)
}

function text(value: StructValue | undefined): string | null {
  if (typeof value !== 'string' || value === '') return null
  return value.length > MAX_TEXT ? value.slice(0, MAX_TEXT) : value
}

function structOf(value: StructValue | undefined): StructObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as StructObject) : {}
}

const nothingSaid: Peer = {
  workload: null,
  namespace: null,
  canonicalService: null,
  canonicalRevision: null,
  app: null,
  version: null,
  cluster: null,
  principal: null,
}
const CANONICAL_NAME = 'service.istio.io/canonical-name'
const CANONICAL_REVISION = 'service.istio.io/canonical-revision'
// A field that our own metadata fits many times over; the rest is somebody filling our memory.
const MAX_VALUE = 16_384
// Kubernetes names end at 253.
const MAX_TEXT = 256
