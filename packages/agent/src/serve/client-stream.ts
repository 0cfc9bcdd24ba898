// One ADS stream of one client: who it is, what it subscribed to, and what it is owed when it reads slowly.
import type * as grpc from '@grpc/grpc-js'
import type { Logger } from '@inmesh/core'
import type { Proxy } from '../model/proxy.ts'
import type { PushContext } from '../model/push-context.ts'
import { TYPE_URL, type TypeUrl } from '../translate/resource.ts'
import { decodeRequest, encodeResponse, type SubscriptionRequest, type Variant } from './discovery-messages.ts'
import type { Generator } from './generator.ts'
import { proxyFromNode } from './proxy-from-node.ts'
import { type Demand, TypeSubscription } from './type-subscription.ts'

/** What a stream needs of the server that accepted it. */
export interface StreamHost {
  readonly log: Logger
  /** The model in force; null until the configuration has been read for the first time. */
  readonly context: PushContext | null
  generatorFor(proxy: Proxy): Generator
  /** The client has said who it is. */
  onIdentified(stream: ClientStream): void
  /** The client's inbound listeners, told whenever they change; never before its first request for listeners. */
  onListenersAsked(stream: ClientStream, names: ReadonlySet<string>): void
  onResponse(typeUrl: string, resources: number, bytes: number): void
  onRejected(stream: ClientStream, typeUrl: string, error: string): void
  onEnded(stream: ClientStream): void
}

/** One client. */
export class ClientStream {
  readonly #call: grpc.ServerDuplexStream<Uint8Array, Uint8Array>
  readonly #variant: Variant
  readonly #host: StreamHost
  readonly #types = new Map<string, TypeSubscription>()
  #proxy: Proxy | null = null
  #generator: Generator | null = null
  #unsentBytes = 0
  #owed = false
  #ended = false

  constructor(call: grpc.ServerDuplexStream<Uint8Array, Uint8Array>, variant: Variant, host: StreamHost) {
    this.#call = call
    this.#variant = variant
    this.#host = host
    call.on('data', (bytes: Uint8Array) => this.#guard(() => this.#receive(decodeRequest(variant, bytes))))
    call.on('end', () => {
      call.end()
      this.#finish()
    })
    call.on('cancelled', () => this.#finish())
    call.on('error', () => this.#finish())
    call.on('close', () => this.#finish())
  }

  /** Null until the first request. */
  get proxy(): Proxy | null {
    return this.#proxy
  }

  get variant(): Variant {
    return this.#variant
  }

  /** Subscriptions by type URL, for status. */
  get subscriptions(): ReadonlyMap<string, TypeSubscription> {
    return this.#types
  }

  /** Sends what changed since the last time, in make-before-break order. A client that does not read is owed it. */
  push(): void {
    if (this.#ended || this.#generator === null) return
    if (this.#unsentBytes > LONGEST_BACKLOG_BYTES) {
      this.#owed = true
      return
    }
    this.#guard(() => {
      for (const typeUrl of PUSH_ORDER) {
        const subscription = this.#types.get(typeUrl)
        if (subscription !== undefined) this.#answer(subscription, 'none')
      }
    })
  }

  /** Ends the stream from our side. */
  end(): void {
    this.#call.end()
    this.#finish()
  }

  #receive(request: SubscriptionRequest): void {
    if (this.#proxy === null && !this.#identify(request)) return
    let subscription = this.#types.get(request.typeUrl)
    if (subscription === undefined) {
      subscription = new TypeSubscription(request.typeUrl, this.#variant)
      this.#types.set(request.typeUrl, subscription)
    }
    const before = subscription.nonce
    if (request.error !== null && request.nonce === before) this.#host.onRejected(this, request.typeUrl, request.error)
    const demand = subscription.receive(request)
    if (request.typeUrl === TYPE_URL.listener) this.#host.onListenersAsked(this, subscription.names)
    if (demand !== 'none') this.#answer(subscription, demand)
  }

  #identify(request: SubscriptionRequest): boolean {
    const proxy =
      request.node === null
        ? { invalid: 'the first request of a stream must carry the node' }
        : proxyFromNode(request.node)
    if ('invalid' in proxy) {
      this.#host.log.warn(`refused an ADS stream: ${proxy.invalid}`)
      this.#call.emit('error', { code: INVALID_ARGUMENT, details: proxy.invalid })
      return false
    }
    this.#proxy = proxy
    this.#generator = this.#host.generatorFor(proxy)
    this.#host.onIdentified(this)
    return true
  }

  #answer(subscription: TypeSubscription, demand: Demand): void {
    const context = this.#host.context
    if (context === null || this.#proxy === null || this.#generator === null) return
    const known = (PUSH_ORDER as readonly string[]).includes(subscription.typeUrl)
    const resources = known
      ? this.#generator.generate(subscription.typeUrl as TypeUrl, [...subscription.names], this.#proxy, context)
      : []
    const content = subscription.respond(resources, demand)
    if (content === null) return
    const bytes = encodeResponse(this.#variant, content)
    this.#host.onResponse(subscription.typeUrl, content.resources.length, bytes.length)
    this.#unsentBytes += bytes.length
    this.#call.write(bytes, () => this.#guard(() => this.#sent(bytes.length)))
  }

  #sent(bytes: number): void {
    this.#unsentBytes -= bytes
    if (!this.#owed || this.#unsentBytes > LONGEST_BACKLOG_BYTES) return
    this.#owed = false
    this.push()
  }

  /** A fault while serving one client ends its stream and nothing else. */
  #guard(work: () => void): void {
    if (this.#ended) return
    try {
      work()
    } catch (error) {
      this.#host.log.error('ADS stream failed', {
        proxy: this.#proxy?.id,
        error: String((error as Error)?.stack ?? error),
      })
      this.#call.emit('error', { code: INTERNAL, details: 'internal error' })
      this.#finish()
    }
  }

  #finish(): void {
    if (this.#ended) return
    this.#ended = true
    this.#host.onEnded(this)
  }
}

// Make before break: clusters and their endpoints are there before the listeners and routes that name them.
const PUSH_ORDER: readonly TypeUrl[] = [
  TYPE_URL.cluster,
  TYPE_URL.clusterLoadAssignment,
  TYPE_URL.listener,
  TYPE_URL.routeConfiguration,
]
const INVALID_ARGUMENT = 3
const INTERNAL = 13
// More than this unsent, and a client gets no further pushes until it has read.
const LONGEST_BACKLOG_BYTES = 256 * 1024
