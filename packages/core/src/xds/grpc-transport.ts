// XdsTransport over gRPC: one HTTP/2 connection per ADS stream (service envoy.service.discovery.v3.AggregatedDiscoveryService).
// Messages pass as bytes. grpc-js is loaded with the first stream, so that a process that never asks pays nothing.
import type { Socket } from 'node:net'
import type { ChannelCredentials, ClientDuplexStream, Client } from '@grpc/grpc-js'
import type { Clock, Timer } from '../runtime/clock.ts'
import { MeshError } from '../runtime/errors.ts'
import type { StreamEvents, XdsStream, XdsTransport } from './transport.ts'

/** What grpc-js offers, as loaded. */
export type Grpc = typeof import('@grpc/grpc-js')

/** How to reach the control plane. */
export interface GrpcTransportOptions {
  /** `unix:///path` or `host:port` (IPv6 in brackets), as INMESH_XDS. */
  readonly address: string
  readonly clock: Clock
  /**
   * Credentials for a new connection; asked for with each one, so that a rotated certificate is used from then on.
   * Default: plaintext.
   */
  readonly credentials?: (grpc: Grpc) => ChannelCredentials
  /** Milliseconds until a connection must stand. Default 20,000 (gRPC's connection back-off document). */
  readonly connectTimeoutMs?: number
}

/** Whether `text` is `unix:///path` or `host:port` (IPv6 in brackets). */
export function isXdsAddress(text: string): boolean {
  const match = ADDRESS.exec(text)
  return match !== null && (match[1] === undefined || Number(match[1]) <= 65_535)
}

/** ADS streams to one address. */
export class GrpcTransport implements XdsTransport {
  readonly #options: GrpcTransportOptions
  readonly #streams = new Set<GrpcStream>()

  /** Throws MESH_OPTION_INVALID when the address has neither form. */
  constructor(options: GrpcTransportOptions) {
    if (!isXdsAddress(options.address)) {
      throw new MeshError(
        'MESH_OPTION_INVALID',
        `xds address ${JSON.stringify(options.address)} is not unix:///path or host:port`,
      )
    }
    this.#options = options
  }

  open(method: 'StreamAggregatedResources' | 'DeltaAggregatedResources', events: StreamEvents): XdsStream {
    const stream = new GrpcStream(method, events, this.#options, () => this.#streams.delete(stream))
    this.#streams.add(stream)
    return stream
  }

  close(): void {
    for (const stream of this.#streams) stream.end()
  }
}

/**
 * One stream with a channel of its own. The channel goes when the stream goes, so that reconnecting and its back-off
 * belong to the ADS client alone and grpc-js never connects behind its back.
 *
 *     loading -> connecting -> open -> over
 */
class GrpcStream implements XdsStream {
  readonly #events: StreamEvents
  readonly #options: GrpcTransportOptions
  readonly #onOver: () => void
  #client: Client | null = null
  #call: ClientDuplexStream<Uint8Array, Uint8Array> | null = null
  #connectTimer: Timer | null = null
  #queued: Uint8Array[] = []
  #held = true
  #socket: HeldSocket | null = null
  #over = false

  constructor(method: string, events: StreamEvents, options: GrpcTransportOptions, onOver: () => void) {
    this.#events = events
    this.#options = options
    this.#onOver = onOver
    import('@grpc/grpc-js').then(
      (grpc) => this.#connect(grpc, method),
      (error: unknown) => this.#fail(UNAVAILABLE, `@grpc/grpc-js cannot be loaded: ${String(error)}`),
    )
  }

  send(message: Uint8Array): void {
    if (this.#over) return
    if (this.#call === null) this.#queued.push(message)
    else this.#call.write(message)
  }

  hold(held: boolean): void {
    this.#held = held
    this.#socket?.hold(held)
  }

  end(): void {
    if (this.#over) return
    const call = this.#call
    this.#finish()
    // A cancelled call answers with one last error event.
    call?.on('error', () => {})
    call?.cancel()
  }

  #connect(grpc: Grpc, method: string): void {
    if (this.#over) return
    try {
      const inner = this.#options.credentials?.(grpc) ?? grpc.credentials.createInsecure()
      const credentials = observeSocket(inner, (socket) => {
        this.#socket = socket
        socket.hold(this.#held)
      })
      this.#client = new grpc.Client(grpcTarget(this.#options.address), credentials, CHANNEL_OPTIONS)
      this.#start(grpc, this.#client, method)
    } catch (error) {
      this.#fail(UNAVAILABLE, error instanceof Error ? error.message : String(error))
    }
  }

  #start(grpc: Grpc, client: Client, method: string): void {
    const call = client.makeBidiStreamRequest(`${SERVICE}/${method}`, asBuffer, asIs)
    this.#call = call
    call.on('data', (message: Uint8Array) => {
      if (!this.#over) this.#events.onMessage(message)
    })
    // Every end is reported by the status event; without this listener Node would throw the error that precedes it.
    call.on('error', () => {})
    call.on('status', (status) => this.#fail(status.code, status.details))
    for (const message of this.#queued) call.write(message)
    this.#queued = []
    const after = this.#options.connectTimeoutMs ?? DEFAULT_CONNECT_TIMEOUT_MS
    this.#connectTimer = this.#options.clock.schedule(after, () =>
      this.#fail(UNAVAILABLE, `no connection to ${this.#options.address} within ${after} ms`),
    )
    this.#awaitReady(grpc, client)
  }

  /** The call starts as soon as the channel is READY; grpc-js tells of that only through the channel's state. */
  #awaitReady(grpc: Grpc, client: Client): void {
    if (this.#over) return
    const channel = client.getChannel()
    const state = channel.getConnectivityState(true)
    if (state === grpc.connectivityState.READY) {
      this.#connectTimer?.cancel()
      this.#events.onConnected()
      return
    }
    channel.watchConnectivityState(state, Number.POSITIVE_INFINITY, () => this.#awaitReady(grpc, client))
  }

  #fail(status: number, details: string): void {
    if (this.#over) return
    this.#finish()
    this.#events.onEnd(status, details)
  }

  #finish(): void {
    this.#over = true
    this.#connectTimer?.cancel()
    this.#queued = []
    this.#onOver()
    const client = this.#client
    this.#client = null
    // Closing a channel inside one of its own callbacks confuses it.
    if (client !== null) queueMicrotask(() => client.close())
  }
}

/**
 * The connection's socket. An ADS stream lasts as long as the process; grpc-js would keep the process alive for it, and a
 * program that has done its work would never end. So the socket holds the process only while somebody waits for an answer.
 */
class HeldSocket {
  readonly #socket: Socket
  readonly #ref: () => void

  constructor(socket: Socket) {
    this.#socket = socket
    this.#ref = socket.ref.bind(socket)
    // node:http2 calls it for every stream of a session.
    socket.ref = () => socket
  }

  hold(held: boolean): void {
    if (held) this.#ref()
    else this.#socket.unref()
  }
}

type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>

/** The same credentials, which show each connected socket. */
function observeSocket(inner: ChannelCredentials, onSocket: (socket: HeldSocket) => void): ChannelCredentials {
  const createConnector = (...args: Parameters<ChannelCredentials['_createSecureConnector']>): SecureConnector => {
    const connector = inner._createSecureConnector(...args)
    return {
      async connect(socket) {
        const result = await connector.connect(socket)
        onSocket(new HeldSocket(result.socket))
        return result
      },
      waitForReady: () => connector.waitForReady(),
      getCallCredentials: () => connector.getCallCredentials(),
      destroy: () => connector.destroy(),
    }
  }
  return Object.create(inner, { _createSecureConnector: { value: createConnector } }) as ChannelCredentials
}

/** grpc-js resolves names; an address is taken as it is. */
function grpcTarget(address: string): string {
  return address.startsWith('unix:') ? address : `dns:${address}`
}

function asBuffer(message: Uint8Array): Buffer {
  return Buffer.from(message.buffer, message.byteOffset, message.byteLength)
}

function asIs(message: Buffer): Uint8Array {
  return message
}

const SERVICE = '/envoy.service.discovery.v3.AggregatedDiscoveryService'

const ADDRESS = /^(?:unix:\/\/\/.+|(?:\[[0-9a-fA-F:.%]+\]|[^:[\]/\s]+):(\d{1,5}))$/

const UNAVAILABLE = 14

// gRPC connection back-off document: MIN_CONNECT_TIMEOUT.
const DEFAULT_CONNECT_TIMEOUT_MS = 20_000

const CHANNEL_OPTIONS = {
  // A half-open connection would serve stale endpoints for ever.
  'grpc.keepalive_time_ms': 30_000,
  'grpc.keepalive_timeout_ms': 10_000,
  // A push of a large mesh passes grpc-js's 4 MiB.
  'grpc.max_receive_message_length': 256 * 1024 * 1024,
  'grpc.max_send_message_length': -1,
  // Pushes come in bursts: 64 KiB windows would cost a round trip each.
  'grpc-node.flow_control_window': 4 * 1024 * 1024,
  // Our own traffic is never proxied or meshed.
  'grpc.enable_http_proxy': 0,
  'grpc.enable_channelz': 0,
  'grpc.enable_retries': 0,
  'grpc.service_config_disable_resolution': 1,
  // Nothing is shared with channels of the application, which has its own ideas of keepalive.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1_000,
} as const
