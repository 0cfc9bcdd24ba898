// What is held of one type of resource, and what a response does to it: good resources are applied, bad ones are collected
// for one NACK (gRFC A46), what nobody asked for is left alone. It outlives streams (gRFC A57).
import type { Clock } from '../runtime/clock.ts'
import { MeshError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import { type AcceptedValue, CachedResource } from './cached-resource.ts'
import { type DiscoveryResponse, peekName, type ReceivedResource } from './discovery-messages.ts'
import type { SubscribedType } from './discovery-variant.ts'
import type { ResourceType } from './resource-type.ts'

/** What applying a response did. */
export interface Applied {
  /** Every reason to reject the response; empty accepts it. */
  readonly errors: readonly string[]
  /** Resources whose watchers have something to hear. */
  readonly changed: readonly CachedResource[]
}

/** What became of a resource in a response. */
type Outcome =
  | { readonly kind: 'same'; readonly version: string }
  | { readonly kind: 'accepted'; readonly value: AcceptedValue }
  | { readonly kind: 'rejected'; readonly errors: readonly string[]; readonly version: string }

/** The resources of one type, by name. Keys go by (type, name). */
export class ResourceCache implements SubscribedType {
  readonly type: ResourceType<unknown>
  readonly resources: Map<string, CachedResource> = new Map()
  acceptedVersion = ''
  /** Why the last response was rejected; null when it was not. */
  rejection: string | null = null
  readonly #heard = new Set<string>()
  readonly #clock: Clock
  readonly #log: Logger

  constructor(type: ResourceType<unknown>, clock: Clock, log: Logger) {
    this.type = type
    this.#clock = clock
    this.#log = log
  }

  get typeUrl(): string {
    return this.type.typeUrl
  }

  get fullState(): boolean {
    return this.type.fullState
  }

  wanted(): ReadonlySet<string> {
    const names = new Set<string>()
    for (const [name, resource] of this.resources) if (resource.watches.size > 0) names.add(name)
    return names
  }

  heldVersion(name: string): string | null {
    return this.resources.get(name)?.value?.version ?? null
  }

  /** The resource of that name, made if nobody has asked for it. */
  resource(name: string): CachedResource {
    let resource = this.resources.get(name)
    if (resource === undefined) {
      resource = new CachedResource(this.typeUrl, name, this.#log)
      this.resources.set(name, resource)
    }
    return resource
  }

  /** Forgets what nobody watches. */
  forgetUnwatched(): void {
    for (const [name, resource] of this.resources) {
      if (resource.watches.size > 0) continue
      resource.missingTimer?.cancel()
      this.resources.delete(name)
    }
  }

  /** Applies a response. `complete`: what it leaves out does not exist (LDS and CDS in state of the world). */
  apply(response: DiscoveryResponse, complete: boolean): Applied {
    const errors: string[] = []
    const outcomes = new Map<string, Outcome>()
    let nameless = false
    for (const received of response.resources) {
      const { name, outcome } = this.#judge(received)
      if (name === '') {
        nameless = true
        const reasons = outcome.kind === 'rejected' ? outcome.errors : ['has no name']
        errors.push(`${this.type.shortName} without a name: ${reasons.join('; ')}`)
      } else if (outcomes.has(name)) {
        outcomes.set(name, {
          kind: 'rejected',
          errors: ['occurs more than once in the response'],
          version: received.version,
        })
      } else {
        outcomes.set(name, outcome)
      }
    }
    const changed: CachedResource[] = []
    for (const [name, outcome] of outcomes) this.#take(name, outcome, errors, changed)
    for (const name of response.removed) if (!outcomes.has(name)) this.#remove(name, changed)
    // A resource that could not even be named may be any of those that seem to be left out.
    if (complete && !nameless) {
      for (const [name, resource] of this.resources) {
        if (resource.value !== null && !outcomes.has(name)) this.#remove(name, changed)
      }
    }
    return { errors, changed }
  }

  /** The resource has not come in time. */
  miss(resource: CachedResource): boolean {
    return resource.miss(this.#missing(resource.name, 'did not send it within 15 s'), this.#clock.wallTime())
  }

  #judge(received: ReceivedResource): { readonly name: string; readonly outcome: Outcome } {
    const { name, version, value } = received
    if (value === null) return { name, outcome: { kind: 'same', version } }
    const known = name === '' ? peekName(value) : name
    const held = this.resources.get(known)
    // Delta says the name: what nobody asked for need not be read.
    if (name !== '' && held === undefined) return { name, outcome: { kind: 'same', version } }
    if (received.typeUrl !== this.typeUrl) {
      return {
        name,
        outcome: { kind: 'rejected', version, errors: [`is a ${received.typeUrl} in a response of ${this.typeUrl}`] },
      }
    }
    if (held?.value != null && sameBytes(held.value.bytes, value))
      return { name: known, outcome: { kind: 'same', version } }
    return this.#decode(received, value)
  }

  #decode(received: ReceivedResource, view: Uint8Array): { readonly name: string; readonly outcome: Outcome } {
    const { version } = received
    // A copy: a view would keep the whole response in memory for as long as one resource of it is in force.
    const bytes = new Uint8Array(view)
    try {
      const decoded = this.type.decode(bytes, { version })
      const name = received.name === '' ? decoded.name : received.name
      if (!decoded.ok) return { name, outcome: { kind: 'rejected', errors: decoded.errors, version } }
      if (name !== decoded.name) {
        return {
          name,
          outcome: { kind: 'rejected', errors: [`is named ${JSON.stringify(decoded.name)} inside`], version },
        }
      }
      const { resource, warnings } = decoded
      return { name, outcome: { kind: 'accepted', value: { resource, bytes, version, warnings } } }
    } catch (error) {
      return {
        name: received.name,
        outcome: { kind: 'rejected', errors: [`cannot be read: ${String(error)}`], version },
      }
    }
  }

  #take(name: string, outcome: Outcome, errors: string[], changed: CachedResource[]): void {
    const resource = this.resources.get(name)
    if (resource === undefined) return
    const now = this.#clock.wallTime()
    if (outcome.kind === 'same') {
      resource.confirm(outcome.version, now)
    } else if (outcome.kind === 'accepted') {
      this.#warn(resource, outcome.value.warnings)
      resource.accept(outcome.value, now)
      changed.push(resource)
    } else {
      const message = `${this.type.shortName} ${JSON.stringify(name)} ${outcome.errors.join('; ')}`
      errors.push(message)
      if (resource.reject(new MeshError('MESH_XDS_RESOURCE_INVALID', message), outcome.version, now))
        changed.push(resource)
    }
  }

  #remove(name: string, changed: CachedResource[]): void {
    const resource = this.resources.get(name)
    if (resource === undefined) return
    if (resource.miss(this.#missing(name, 'has none of that name'), this.#clock.wallTime())) changed.push(resource)
  }

  #missing(name: string, what: string): MeshError {
    const message = `${this.type.shortName} ${JSON.stringify(name)} does not exist: the control plane ${what}`
    return new MeshError('MESH_XDS_RESOURCE_MISSING', message)
  }

  /** What is not honoured is said once per type of resource and field, whatever the number of resources. */
  #warn(resource: CachedResource, warnings: readonly string[]): void {
    const unheard = warnings.filter((warning) => {
      const kind = warning.replace(/\[[^\]]*\]/g, '[]')
      if (this.#heard.has(kind)) return false
      if (this.#heard.size < MOST_HEARD) this.#heard.add(kind)
      return true
    })
    if (unheard.length === 0) return
    this.#log.warn(`${this.type.shortName} ${JSON.stringify(resource.name)} is not honoured in full`, {
      warnings: unheard,
    })
  }
}

const MOST_HEARD = 1_000

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.byteLength === b.byteLength && Buffer.compare(a, b) === 0
}
