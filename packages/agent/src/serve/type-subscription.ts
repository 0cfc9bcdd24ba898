// What one client wants of one resource type, what it was sent, and what it said to that. The rules of both variants of
// the xDS protocol (xds_protocol.rst; istio pilot/pkg/xds ShouldRespond), apart from any socket.
import { createHash } from 'node:crypto'
import type { TranslatedResource } from '../translate/resource.ts'
import type { ResponseContent, SubscriptionRequest, Variant } from './discovery-messages.ts'

/** What a request asks the server to do: answer for all names, for these names, or not at all. */
export type Demand = 'all' | 'none' | readonly string[]

/** The subscription of one client to one type. */
export class TypeSubscription {
  readonly typeUrl: string
  readonly variant: Variant
  readonly names: Set<string> = new Set()
  /** Nonce of the last response; '' before the first. */
  nonce = ''
  /** Nonce that the client acknowledged last. */
  ackedNonce = ''
  /** Why the client rejected the last response; null when it did not. */
  error: string | null = null
  /** Version of each resource that the client holds as far as we know. */
  readonly #sent = new Map<string, string>()
  #responses = 0

  constructor(typeUrl: string, variant: Variant) {
    this.typeUrl = typeUrl
    this.variant = variant
  }

  /** True when every response was acknowledged. */
  get synced(): boolean {
    return this.nonce === this.ackedNonce && this.error === null
  }

  /** Takes a request in and says what has to be answered. */
  receive(request: SubscriptionRequest): Demand {
    return this.variant === 'sotw' ? this.#receiveSotw(request) : this.#receiveDelta(request)
  }

  /**
   * The response that brings the client from what it holds to `resources`; null when there is nothing to say.
   * `demand` names what must be answered even when nothing changed.
   */
  respond(resources: readonly TranslatedResource[], demand: Demand): ResponseContent | null {
    return this.variant === 'sotw' ? this.#respondSotw(resources, demand) : this.#respondDelta(resources, demand)
  }

  #receiveSotw(request: SubscriptionRequest): Demand {
    const names = request.names ?? []
    if (request.nonce !== '' && this.nonce !== '' && request.nonce !== this.nonce) return 'none' // stale: a newer response is on its way
    this.#settle(request)
    let added = false
    for (const name of names) {
      if (this.names.has(name)) continue
      this.names.add(name)
      added = true
    }
    if (this.names.size > names.length) {
      const wanted = new Set(names)
      for (const name of this.names) {
        if (wanted.has(name)) continue
        this.names.delete(name)
        this.#sent.delete(name)
      }
    }
    // A client that comes back with a nonce of an earlier stream is a new one: it is answered whatever it holds.
    // After a NACK only a changed subscription is answered, or a bad resource would be sent for ever.
    return this.nonce === '' || request.nonce === '' || added ? 'all' : 'none'
  }

  #receiveDelta(request: SubscriptionRequest): Demand {
    if (request.nonce === '' || request.nonce === this.nonce) this.#settle(request)
    for (const name of request.unsubscribe) {
      this.names.delete(name)
      this.#sent.delete(name)
    }
    const asked: string[] = []
    for (const name of request.subscribe) {
      if (name === '*') continue
      this.names.add(name)
      const held = request.initialVersions[name]
      if (held === undefined) {
        this.#sent.delete(name)
        asked.push(name)
      } else {
        this.#sent.set(name, held)
      }
    }
    // Names held from an earlier stream are compared with what is true now: changed ones are sent, vanished ones removed.
    return asked.length > 0 ? asked : request.subscribe.length > 0 ? [] : 'none'
  }

  #settle(request: SubscriptionRequest): void {
    if (request.nonce === '') return
    this.ackedNonce = request.nonce
    this.error = request.error
  }

  #respondSotw(resources: readonly TranslatedResource[], demand: Demand): ResponseContent | null {
    let changed = demand === 'all' || resources.length !== this.#sent.size
    for (const resource of resources) {
      if (this.#sent.get(resource.name) !== resource.version) changed = true
    }
    if (!changed) return null
    this.#sent.clear()
    for (const resource of resources) this.#sent.set(resource.name, resource.version)
    return this.#content(resources, [])
  }

  #respondDelta(resources: readonly TranslatedResource[], demand: Demand): ResponseContent | null {
    const changed: TranslatedResource[] = []
    const present = new Set<string>()
    for (const resource of resources) {
      present.add(resource.name)
      if (this.#sent.get(resource.name) === resource.version) continue
      this.#sent.set(resource.name, resource.version)
      changed.push(resource)
    }
    const removed: string[] = []
    for (const name of this.#sent.keys()) if (!present.has(name)) removed.push(name)
    for (const name of removed) this.#sent.delete(name)
    // A name that was asked for and does not exist is answered as removed, so that the client need not wait.
    if (Array.isArray(demand))
      for (const name of demand as readonly string[])
        if (!present.has(name) && !removed.includes(name)) removed.push(name)
    if (changed.length === 0 && removed.length === 0 && (demand === 'none' || this.nonce !== '')) return null
    return this.#content(changed, removed)
  }

  #content(resources: readonly TranslatedResource[], removed: readonly string[]): ResponseContent {
    const hash = createHash('sha256')
    for (const [name, version] of this.#sent) hash.update(name).update('\0').update(version).update('\0')
    const version = hash.digest('hex').slice(0, 16)
    this.nonce = `${version}-${(++this.#responses).toString(36)}`
    return { typeUrl: this.typeUrl, version, nonce: this.nonce, resources, removed }
  }
}
