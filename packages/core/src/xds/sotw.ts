// State of the world (xds_protocol.rst, "Basic Protocol Overview"): each request carries all names of its type, the version
// that is in force and the nonce of the response it follows.
import { type DiscoveryResponse, readSotwResponse, writeSotwRequest } from './discovery-messages.ts'
import type { DiscoveryVariant, SubscribedType } from './discovery-variant.ts'
import type { XdsNode } from './node.ts'

/** What the server has been told of a type on this stream. */
interface Told {
  names: ReadonlySet<string>
  /** Of the last response; '' before it. */
  nonce: string
}

/** The state of the world variant. */
export class SotwVariant implements DiscoveryVariant {
  readonly method = 'StreamAggregatedResources'
  readonly keepsLastNames = true
  readonly #told = new Map<string, Told>()

  reset(): void {
    this.#told.clear()
  }

  subscribed(typeUrl: string): boolean {
    return this.#told.has(typeUrl)
  }

  subscribe(type: SubscribedType, node: XdsNode | null): Uint8Array | null {
    const wanted = type.wanted()
    const told = this.#told.get(type.typeUrl)
    if (told === undefined) {
      if (wanted.size === 0) return null
      this.#told.set(type.typeUrl, { names: wanted, nonce: '' })
      return this.#request(type, node, firstVersion(type, wanted), null)
    }
    if (sameNames(wanted, told.names) || (wanted.size === 0 && type.fullState)) return null
    told.names = wanted
    return this.#request(type, node, type.acceptedVersion, null)
  }

  acknowledge(type: SubscribedType, response: DiscoveryResponse, error: string | null): Uint8Array {
    const told = this.#told.get(type.typeUrl) as Told
    told.nonce = response.nonce
    // The list of names counts in every request, so an acknowledgement brings a changed subscription along.
    const wanted = type.wanted()
    if (wanted.size > 0 || !type.fullState) told.names = wanted
    return this.#request(type, null, type.acceptedVersion, error)
  }

  read(message: Uint8Array): DiscoveryResponse {
    return readSotwResponse(message)
  }

  #request(type: SubscribedType, node: XdsNode | null, version: string, error: string | null): Uint8Array {
    const { names, nonce } = this.#told.get(type.typeUrl) as Told
    return writeSotwRequest({ node, typeUrl: type.typeUrl, names, version, nonce, error })
  }
}

/**
 * version_info of the first request on a stream lets the server skip what it would send again. That is only right if
 * everything that is asked for is held: names may have been added while there was no stream.
 */
function firstVersion(type: SubscribedType, wanted: ReadonlySet<string>): string {
  for (const name of wanted) if (type.heldVersion(name) === null) return ''
  return type.acceptedVersion
}

function sameNames(a: ReadonlySet<string>, b: ReadonlySet<string>): boolean {
  if (a.size !== b.size) return false
  for (const name of a) if (!b.has(name)) return false
  return true
}
