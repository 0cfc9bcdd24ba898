// What differs between state of the world and delta: how a subscription and its answers are put into messages.
// A variant knows one stream at a time; what outlives streams is in the resource cache.
import type { DiscoveryResponse } from './discovery-messages.ts'
import type { XdsNode } from './node.ts'

/** A type of resource as a variant sees it: what is wanted of it and what is held. */
export interface SubscribedType {
  readonly typeUrl: string
  /** LDS and CDS: a first request without names would mean "everything" (wildcard). */
  readonly fullState: boolean
  /** Names that are watched. */
  wanted(): ReadonlySet<string>
  /** Version of a name's value that is held; null for none. */
  heldVersion(name: string): string | null
  /** State of the world: version_info of the last response that was accepted; '' for none. */
  readonly acceptedVersion: string
}

/** One of the two protocol variants, for the stream that is open now. */
export interface DiscoveryVariant {
  readonly method: 'StreamAggregatedResources' | 'DeltaAggregatedResources'
  /**
   * State of the world can't leave LDS and CDS without any name: an empty list may be read as everything. The last names
   * stay subscribed then, and what comes for them is kept up to date.
   */
  readonly keepsLastNames: boolean
  /** A new stream: nothing has been asked and no nonce is known. */
  reset(): void
  /** Whether a type has been asked for on this stream. */
  subscribed(typeUrl: string): boolean
  /** The request that tells the server what is wanted now; null when it knows. `node` goes into it if given. */
  subscribe(type: SubscribedType, node: XdsNode | null): Uint8Array | null
  /** The ACK (`error` null) or NACK of a response. An accepted version has been written into the type before. */
  acknowledge(type: SubscribedType, response: DiscoveryResponse, error: string | null): Uint8Array
  /** Decodes a response. Throws on bytes that are none. */
  read(message: Uint8Array): DiscoveryResponse
}
