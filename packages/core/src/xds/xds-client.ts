// The xDS client: watches of resources in, one ADS stream out (gRFC A27, A46, A57, A88; xds_protocol.rst). Many watches of one
// resource share one subscription; what was accepted stays in force through reconnects and errors.
import type { Clock } from '../runtime/clock.ts'
import type { Closeable, Subscription } from '../runtime/closeable.ts'
import { MeshError } from '../runtime/errors.ts'
import type { Logger } from '../runtime/log.ts'
import type { Random } from '../runtime/random.ts'
import { AdsStream, type AdsStreamOwner, type AdsStreamState } from './ads-stream.ts'
import { type CachedResource, Watch } from './cached-resource.ts'
import type { XdsDump, XdsStats } from './client-status.ts'
import { DeltaVariant } from './delta.ts'
import type { DiscoveryResponse } from './discovery-messages.ts'
import type { DiscoveryVariant } from './discovery-variant.ts'
import type { XdsNode } from './node.ts'
import { ResourceCache } from './resource-cache.ts'
import type { ResourceType } from './resource-type.ts'
import { SotwVariant } from './sotw.ts'
import type { XdsTransport } from './transport.ts'
import type { ResourceSource, ResourceWatcher } from './watch.ts'

/** What an xDS client is made of. */
export interface XdsClientOptions {
  readonly transport: XdsTransport
  readonly node: XdsNode
  /** `delta` (incremental) or `sotw` (state of the world). */
  readonly variant: 'delta' | 'sotw'
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Types in the order in which they are asked for on a new stream. A type that is not in it comes with its first watch. */
  readonly resourceTypes?: readonly ResourceType<unknown>[]
}

/** Follows resources of one control plane. It connects with the first watch. */
export class XdsClient implements ResourceSource, Closeable {
  readonly #options: XdsClientOptions
  readonly #stream: AdsStream
  readonly #variant: DiscoveryVariant
  readonly #caches = new Map<string, ResourceCache>()
  readonly #dirty = new Set<ResourceCache>()
  readonly #listeners = new Set<(connected: boolean) => void>()
  readonly #stats: XdsStats = { acks: 0, nacks: 0, reconnects: 0 }
  #closed = false
  #flushing = false
  #connected = false
  #streams = 0
  #nodeSent = false
  #controlPlane = ''

  constructor(options: XdsClientOptions) {
    this.#options = options
    const { transport, clock, random, log, variant } = options
    this.#variant = variant === 'delta' ? new DeltaVariant() : new SotwVariant()
    const { method } = this.#variant
    const owner: AdsStreamOwner = {
      isWanted: () => this.#anythingWanted(),
      onConnected: () => this.#onConnected(),
      onMessage: (message) => this.#onMessage(message),
      onDown: (error) => this.#onDown(error),
      onState: (state) => this.#onState(state),
    }
    this.#stream = new AdsStream({ transport, method, clock, random, log }, owner)
    for (const type of options.resourceTypes ?? []) this.#cache(type)
  }

  /** Whether a stream stands. */
  get connected(): boolean {
    return this.#connected
  }

  /** Counts since the client was made. */
  get stats(): Readonly<XdsStats> {
    return this.#stats
  }

  /** control_plane.identifier of the last response; '' before it or when not told. */
  get controlPlane(): string {
    return this.#controlPlane
  }

  /** Calls `listener` when the stream comes to stand or falls. */
  onStateChange(listener: (connected: boolean) => void): Subscription {
    this.#listeners.add(listener)
    return { cancel: () => this.#listeners.delete(listener) }
  }

  watch<T>(type: ResourceType<T>, name: string, watcher: ResourceWatcher<T>): Subscription {
    if (this.#closed) throw new MeshError('MESH_CLOSED', 'the xDS client is closed')
    const cache = this.#cache(type as ResourceType<unknown>)
    const resource = cache.resource(name)
    const watch = new Watch(watcher as ResourceWatcher<unknown>, (cancelled) => {
      resource.watches.delete(cancelled)
      if (resource.watches.size === 0) this.#touch(cache)
    })
    resource.watches.add(watch)
    if (resource.watches.size === 1) this.#touch(cache)
    if (resource.status !== 'REQUESTED') {
      queueMicrotask(() => {
        if (!watch.told) resource.tell(watch)
      })
    }
    this.#stream.start()
    return watch
  }

  /** Ends the stream. Watchers hear nothing any more. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    for (const cache of this.#caches.values()) {
      for (const resource of cache.resources.values()) {
        resource.missingTimer?.cancel()
        for (const watch of resource.watches) watch.active = false
      }
    }
    this.#stream.close()
    this.#listeners.clear()
  }

  /** Every resource that is asked for and where it stands. */
  dump(): XdsDump {
    const resources = [...this.#caches.values()].flatMap((cache) =>
      [...cache.resources.values()].map((resource) => resource.dump()),
    )
    return {
      connected: this.#connected,
      stream: this.#stream.state,
      variant: this.#options.variant,
      controlPlane: this.#controlPlane,
      stats: { ...this.#stats },
      resources,
    }
  }

  #cache(type: ResourceType<unknown>): ResourceCache {
    let cache = this.#caches.get(type.typeUrl)
    if (cache === undefined) {
      cache = new ResourceCache(type, this.#options.clock, this.#options.log)
      this.#caches.set(type.typeUrl, cache)
    }
    return cache
  }

  #anythingWanted(): boolean {
    for (const cache of this.#caches.values()) {
      for (const resource of cache.resources.values()) if (resource.watches.size > 0) return true
    }
    return false
  }

  /** What is watched and left in one tick goes out in one request per type. */
  #touch(cache: ResourceCache): void {
    this.#dirty.add(cache)
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => {
      this.#flushing = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#closed) return
    for (const cache of this.#dirty) this.#subscribe(cache)
    this.#dirty.clear()
    this.#updateHold()
  }

  #subscribe(cache: ResourceCache): void {
    const variant = this.#variant
    const lastNamesStay =
      this.#connected &&
      variant.keepsLastNames &&
      cache.fullState &&
      variant.subscribed(cache.typeUrl) &&
      cache.wanted().size === 0
    if (!lastNamesStay) cache.forgetUnwatched()
    if (!this.#connected) return
    const request = variant.subscribe(cache, this.#nodeSent ? null : this.#options.node)
    if (request !== null) {
      this.#nodeSent = true
      this.#stream.send(request)
    }
    if (variant.subscribed(cache.typeUrl)) this.#awaitMissing(cache)
  }

  /** What does not come within 15 s of being asked for on a live stream does not exist (gRFC A57). */
  #awaitMissing(cache: ResourceCache): void {
    for (const resource of cache.resources.values()) {
      if (resource.status !== 'REQUESTED' || resource.missingTimer !== null) continue
      resource.missingTimer = this.#options.clock.schedule(DOES_NOT_EXIST_AFTER_MS, () => {
        if (cache.miss(resource)) resource.tellAll()
        this.#updateHold()
      })
    }
  }

  #onConnected(): void {
    this.#variant.reset()
    this.#nodeSent = false
    this.#streams++
    if (this.#streams > 1) this.#stats.reconnects++
    this.#connected = true
    for (const cache of this.#caches.values()) this.#subscribe(cache)
    this.#dirty.clear()
    this.#updateHold()
    this.#tellConnected(true)
  }

  #onMessage(message: Uint8Array): void {
    const variant = this.#variant
    const response = variant.read(message)
    if (response.controlPlane !== '') this.#controlPlane = response.controlPlane
    const cache = this.#caches.get(response.typeUrl)
    if (cache === undefined || !variant.subscribed(response.typeUrl)) {
      this.#options.log.warn('the control plane sent a type that was not asked for', { type: response.typeUrl })
      return
    }
    this.#onResponse(variant, cache, response)
  }

  #onResponse(variant: DiscoveryVariant, cache: ResourceCache, response: DiscoveryResponse): void {
    const complete = cache.fullState && variant.method === 'StreamAggregatedResources'
    const { errors, changed } = cache.apply(response, complete)
    if (errors.length === 0) {
      cache.acceptedVersion = response.version
      cache.rejection = null
      this.#stats.acks++
      this.#stream.send(variant.acknowledge(cache, response, null))
    } else {
      const detail = errorDetail(errors)
      this.#stats.nacks++
      // A control plane may send what was rejected again at once, for ever: it is said once.
      if (cache.rejection !== detail) {
        this.#options.log.warn(`a response of the control plane was rejected (NACK): ${detail}`, {
          type: cache.typeUrl,
        })
      }
      cache.rejection = detail
      this.#stream.send(variant.acknowledge(cache, response, detail))
    }
    for (const resource of changed) resource.tellAll()
    this.#updateHold()
  }

  #onDown(error: MeshError | null): void {
    for (const cache of this.#caches.values()) {
      for (const resource of cache.resources.values()) {
        resource.missingTimer?.cancel()
        resource.missingTimer = null
        if (error !== null) for (const watch of resource.watches) resource.ambient(watch, error)
      }
    }
  }

  #onState(state: AdsStreamState): void {
    if (state === 'connected' || state === 'established' || !this.#connected) return
    this.#connected = false
    this.#tellConnected(false)
  }

  #tellConnected(connected: boolean): void {
    for (const listener of this.#listeners) {
      try {
        listener(connected)
      } catch (error) {
        this.#options.log.error('a listener of the xDS client threw', { error: String(error) })
      }
    }
  }

  /** The stream keeps the process alive while a watched resource is awaited. */
  #updateHold(): void {
    this.#stream.hold([...this.#caches.values()].some(awaitsAnything))
  }
}

function awaitsAnything(cache: ResourceCache): boolean {
  for (const resource of cache.resources.values()) if (isAwaited(resource)) return true
  return false
}

function isAwaited(resource: CachedResource): boolean {
  return resource.status === 'REQUESTED' && resource.watches.size > 0
}

/** All reasons, as far as a server takes them: istiod receives 4 MiB at most. */
function errorDetail(errors: readonly string[]): string {
  const detail = errors.join('\n')
  if (detail.length <= LONGEST_DETAIL) return detail
  return `${detail.slice(0, LONGEST_DETAIL)} ... (${errors.length} errors)`
}

// gRFC A57; Envoy's initial_fetch_timeout.
const DOES_NOT_EXIST_AFTER_MS = 15_000

const LONGEST_DETAIL = 65_536
