// The peer metadata exchange around a request (istio/proxy's peer_metadata filter).
//   outbound   the request carries our fields; the response's are read into x.peer and taken away
//   inbound    the request's are read into x.peer and taken away before the application; the response carries ours, each
//              of the two only when the request had it
// Routing comes before filters and the cluster after, so the outbound side cannot know here whether the request leaves the
// mesh: the router takes the fields away again for an external cluster (stripPeerMetadata).
import type { Exchange, Side } from '../exchange/exchange.ts'
import type { HttpFilter } from '../exchange/http-filter.ts'
import { Slot } from '../exchange/slot.ts'
import { PEER_METADATA, PEER_METADATA_ID, PeerCache, type SelfMetadata } from '../telemetry/peer-metadata.ts'

/** The filter for one side. `self` is what this workload says of itself; managers of one side may share `peers`. */
export function createPeerMetadataFilter(
  side: Side,
  self: SelfMetadata,
  peers: PeerCache = new PeerCache(),
): HttpFilter {
  return side === 'outbound' ? new OutboundPeerMetadata(self, peers) : new InboundPeerMetadata(self, peers)
}

class OutboundPeerMetadata implements HttpFilter {
  readonly name = 'istio.peer_metadata'
  readonly #self: SelfMetadata
  readonly #peers: PeerCache

  constructor(self: SelfMetadata, peers: PeerCache) {
    this.#self = self
    this.#peers = peers
  }

  onRequest(x: Exchange): undefined {
    const headers = x.request.headers
    headers.set(PEER_METADATA_ID, this.#self.id)
    headers.set(PEER_METADATA, this.#self.value)
  }

  onResponse(x: Exchange): void {
    const response = x.response
    if (response === null) return
    const headers = response.headers
    if (headers.has(PEER_METADATA)) {
      const principal = x.peer === null ? null : x.peer.principal
      x.peer = this.#peers.find(headers, principal) ?? x.peer
      headers.remove(PEER_METADATA)
    }
    headers.remove(PEER_METADATA_ID)
  }
}

class InboundPeerMetadata implements HttpFilter {
  readonly name = 'istio.peer_metadata'
  readonly #self: SelfMetadata
  readonly #peers: PeerCache

  constructor(self: SelfMetadata, peers: PeerCache) {
    this.#self = self
    this.#peers = peers
  }

  onRequest(x: Exchange): undefined {
    const headers = x.request.headers
    x.peer = this.#peers.find(headers, x.connection === null ? null : x.connection.principal) ?? x.peer
    const id = headers.remove(PEER_METADATA_ID) ? ID_RECEIVED : 0
    const value = headers.remove(PEER_METADATA) ? VALUE_RECEIVED : 0
    if ((id | value) !== 0) receivedSlot.set(x, id | value)
  }

  onResponse(x: Exchange): void {
    const received = receivedSlot.get(x)
    if (received === undefined || x.response === null) return
    const headers = x.response.headers
    if ((received & ID_RECEIVED) !== 0) headers.set(PEER_METADATA_ID, this.#self.id)
    if ((received & VALUE_RECEIVED) !== 0) headers.set(PEER_METADATA, this.#self.value)
  }
}

const receivedSlot: Slot<number> = new Slot()
const ID_RECEIVED = 1
const VALUE_RECEIVED = 2
