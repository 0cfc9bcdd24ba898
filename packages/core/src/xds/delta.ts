// Delta (xds_protocol.rst, "Incremental xDS"): a request says what is added to the subscription and what is taken away,
// with an empty nonce; an ACK or NACK carries the nonce and nothing else. The first request of a type on a stream names
// the versions that are held, so that only what changed is sent.
import { type DiscoveryResponse, readDeltaResponse, writeDeltaRequest } from './discovery-messages.ts'
import type { DiscoveryVariant, SubscribedType } from './discovery-variant.ts'
import type { XdsNode } from './node.ts'

/** The delta variant. */
export class DeltaVariant implements DiscoveryVariant {
  readonly method = 'DeltaAggregatedResources'
  readonly keepsLastNames = false
  /** Names that the server was told, by type. */
  readonly #told = new Map<string, ReadonlySet<string>>()

  reset(): void {
    this.#told.clear()
  }

  subscribed(typeUrl: string): boolean {
    return this.#told.has(typeUrl)
  }

  subscribe(type: SubscribedType, node: XdsNode | null): Uint8Array | null {
    const { typeUrl } = type
    const wanted = type.wanted()
    const told = this.#told.get(typeUrl)
    if (told === undefined) {
      if (wanted.size === 0) return null
      this.#told.set(typeUrl, wanted)
      const initialVersions = heldVersions(type, wanted)
      return writeDeltaRequest({
        node,
        typeUrl,
        subscribe: wanted,
        unsubscribe: [],
        initialVersions,
        nonce: '',
        error: null,
      })
    }
    const subscribe = without(wanted, told)
    const unsubscribe = without(told, wanted)
    if (subscribe.length === 0 && unsubscribe.length === 0) return null
    this.#told.set(typeUrl, wanted)
    return writeDeltaRequest({ node, typeUrl, subscribe, unsubscribe, initialVersions: [], nonce: '', error: null })
  }

  acknowledge(type: SubscribedType, response: DiscoveryResponse, error: string | null): Uint8Array {
    const { typeUrl } = type
    const { nonce } = response
    return writeDeltaRequest({ node: null, typeUrl, subscribe: [], unsubscribe: [], initialVersions: [], nonce, error })
  }

  read(message: Uint8Array): DiscoveryResponse {
    return readDeltaResponse(message)
  }
}

/** The names of `of` that are not in `others`. */
function without(of: ReadonlySet<string>, others: ReadonlySet<string>): string[] {
  const rest: string[] = []
  for (const name of of) if (!others.has(name)) rest.push(name)
  return rest
}

function* heldVersions(type: SubscribedType, names: ReadonlySet<string>): Iterable<readonly [string, string]> {
  for (const name of names) {
    const version = type.heldVersion(name)
    if (version !== null) yield [name, version]
  }
}
