// The aggregated discovery service: accepts ADS streams on any number of addresses and keeps each client up to date.
import { chmodSync } from 'node:fs'
import * as grpc from '@grpc/grpc-js'
import type { Clock, Logger } from '@inmesh/core'
import type { Proxy } from '../model/proxy.ts'
import type { PushContext } from '../model/push-context.ts'
import { claimSocketPath, formatAddress, type ServeAddress } from './address.ts'
import { ClientStream, type StreamHost } from './client-stream.ts'
import type { Variant } from './discovery-messages.ts'
import type { Generator } from './generator.ts'
import { PushQueue } from './push-queue.ts'
import { NO_STATISTICS, type ServeStatistics } from './serve-statistics.ts'

/** What the server needs. */
export interface DiscoveryServerOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Chooses by the client's kind. */
  readonly generatorFor: (proxy: Proxy) => Generator
  readonly onConnected?: (stream: ClientStream, proxy: Proxy) => void
  readonly onListenersAsked?: (stream: ClientStream, names: ReadonlySet<string>) => void
  readonly onDisconnected?: (stream: ClientStream) => void
  readonly statistics?: ServeStatistics
}

/** Serves xDS. */
export class DiscoveryServer implements StreamHost {
  readonly log: Logger
  readonly #options: DiscoveryServerOptions
  readonly #statistics: ServeStatistics
  readonly #server: grpc.Server
  readonly #streams = new Set<ClientStream>()
  readonly #queue: PushQueue
  readonly #clock: Clock
  #context: PushContext | null = null

  constructor(options: DiscoveryServerOptions) {
    this.log = options.log
    this.#options = options
    this.#clock = options.clock
    this.#statistics = options.statistics ?? NO_STATISTICS
    this.#queue = new PushQueue(options.clock, () => this.#pushAll())
    this.#server = new grpc.Server(SERVER_OPTIONS)
    this.#server.addService(ADS, {
      streamAggregatedResources: (call: AdsCall) => this.#accept(call, 'sotw'),
      deltaAggregatedResources: (call: AdsCall) => this.#accept(call, 'delta'),
    })
  }

  get context(): PushContext | null {
    return this.#context
  }

  /** The clients that are connected, in order of their connecting. */
  get streams(): ReadonlySet<ClientStream> {
    return this.#streams
  }

  /** Starts to listen; answers the address with the port that was given. A unix socket is for its user alone (0600). */
  async listen(address: ServeAddress): Promise<string> {
    if (address.kind === 'unix') await claimSocketPath(address.path)
    const target = address.kind === 'unix' ? `unix:${address.path}` : formatAddress(address)
    const port = await new Promise<number>((resolve, reject) => {
      this.#server.bindAsync(target, grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? resolve(bound) : reject(error),
      )
    })
    if (address.kind === 'unix') {
      chmodSync(address.path, 0o600)
      return formatAddress(address)
    }
    return formatAddress({ ...address, port })
  }

  /** Puts a model into force and tells the clients: at once, or together with what else changes in this moment. */
  push(context: PushContext): void {
    const first = this.#context === null
    this.#context = context
    if (!first) this.#queue.add()
  }

  /** Ends every stream and frees the addresses. */
  async close(): Promise<void> {
    this.#queue.close()
    for (const stream of this.#streams) stream.end()
    const gone = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()))
    const timer = this.#clock.schedule(CLOSE_GRACE_MS, () => this.#server.forceShutdown())
    await gone
    timer.cancel()
  }

  generatorFor(proxy: Proxy): Generator {
    return this.#options.generatorFor(proxy)
  }

  onIdentified(stream: ClientStream): void {
    this.#statistics.clients(this.#streams.size)
    this.#options.onConnected?.(stream, stream.proxy as Proxy)
  }

  onListenersAsked(stream: ClientStream, names: ReadonlySet<string>): void {
    this.#options.onListenersAsked?.(stream, names)
  }

  onResponse(typeUrl: string, resources: number, bytes: number): void {
    this.#statistics.response(typeUrl, resources, bytes)
  }

  onRejected(stream: ClientStream, typeUrl: string, error: string): void {
    this.#statistics.rejected(typeUrl)
    this.log.warn('a client rejected its configuration (NACK)', { proxy: stream.proxy?.id, typeUrl, error })
  }

  onEnded(stream: ClientStream): void {
    if (!this.#streams.delete(stream)) return
    this.#statistics.clients(this.#streams.size)
    this.#options.onDisconnected?.(stream)
  }

  #accept(call: AdsCall, variant: Variant): void {
    if (this.#context === null) {
      call.emit('error', { code: grpc.status.UNAVAILABLE, details: 'the configuration is still being read' })
      return
    }
    this.#streams.add(new ClientStream(call, variant, this))
  }

  #pushAll(): void {
    const start = this.#clock.now()
    for (const stream of this.#streams) stream.push()
    this.#statistics.pushed(this.#clock.now() - start)
  }
}

type AdsCall = grpc.ServerDuplexStream<Uint8Array, Uint8Array>

const bytes = (value: Uint8Array): Buffer => Buffer.from(value.buffer, value.byteOffset, value.byteLength)
const method = (name: string): grpc.MethodDefinition<Uint8Array, Uint8Array> => ({
  path: `/envoy.service.discovery.v3.AggregatedDiscoveryService/${name}`,
  requestStream: true,
  responseStream: true,
  requestSerialize: bytes,
  requestDeserialize: (value) => value,
  responseSerialize: bytes,
  responseDeserialize: (value) => value,
})
const ADS = {
  streamAggregatedResources: method('StreamAggregatedResources'),
  deltaAggregatedResources: method('DeltaAggregatedResources'),
}

// istiod: keepalive 30 s / 10 s, requests up to 4 MiB, 100,000 streams.
const SERVER_OPTIONS: grpc.ServerOptions = {
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  'grpc.max_receive_message_length': 4 * 1024 * 1024,
  'grpc.max_send_message_length': -1,
  'grpc.max_concurrent_streams': 100_000,
}
const CLOSE_GRACE_MS = 1_000
