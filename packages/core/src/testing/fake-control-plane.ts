// A control plane for tests: a real ADS server (envoy.service.discovery.v3) on a loopback port or a unix socket, both
// variants. It serves what a test has set, records every request, and can be silent, rude or gone when told so.
// Its messages go through the generated code, so that it also judges the client's own reader and writer.
import { createHash } from 'node:crypto'
import { Server, ServerCredentials, type ServerDuplexStream, type handleBidiStreamingCall } from '@grpc/grpc-js'
import {
  type RawResource,
  type RawResponse,
  readDelta,
  readSotw,
  type RecordedRequest,
  writeResponse,
} from './recorded-request.ts'

/** Where to listen and as whom. */
export interface FakeControlPlaneOptions {
  /** A unix socket; default: a free port on 127.0.0.1. */
  readonly unixPath?: string
  /** A port on 127.0.0.1, to come back where an earlier one was. Default: a free one. */
  readonly port?: number
  /** control_plane.identifier. Default `fake`. */
  readonly identifier?: string
}

interface Stored {
  readonly value: Uint8Array
  readonly version: string
}

/** What one stream has asked for of one type. */
interface TypeState {
  names: Set<string>
  wildcard: boolean
  /** Versions that the client has been sent or said it holds. */
  sent: Map<string, string>
}

class Stream {
  readonly number: number
  readonly variant: 'sotw' | 'delta'
  readonly call: ServerDuplexStream<Buffer, Buffer>
  readonly types = new Map<string, TypeState>()
  /** Types to answer once the control plane is no longer paused. */
  readonly owed = new Set<string>()

  constructor(number: number, variant: 'sotw' | 'delta', call: ServerDuplexStream<Buffer, Buffer>) {
    this.number = number
    this.variant = variant
    this.call = call
  }
}

/** An ADS server in the test's own process. */
export class FakeControlPlane {
  /** In the form of INMESH_XDS: `unix:///path` or `host:port`. */
  readonly address: string
  /** Every request of every stream, in order. */
  readonly requests: RecordedRequest[] = []
  readonly #server: Server
  readonly #identifier: string
  readonly #resources = new Map<string, Map<string, Stored>>()
  readonly #streams = new Set<Stream>()
  readonly #dirty = new Map<string, Set<string>>()
  #waiting: { test: () => boolean; resolve: () => void }[] = []
  #streamCount = 0
  #version = 0
  #nonce = 0
  #paused = false
  #refusal: string | null = null

  private constructor(server: Server, address: string, identifier: string) {
    this.#server = server
    this.address = address
    this.#identifier = identifier
  }

  /** Starts one. */
  static async start(options: FakeControlPlaneOptions = {}): Promise<FakeControlPlane> {
    // Streams can only come once the address is known, and the address once the server stands.
    const started: { plane: FakeControlPlane | null } = { plane: null }
    const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 })
    const method =
      (variant: 'sotw' | 'delta'): handleBidiStreamingCall<Buffer, Buffer> =>
      (call) => {
        if (started.plane !== null) started.plane.#accept(variant, call)
      }
    server.addService(
      { StreamAggregatedResources: definition('Stream'), DeltaAggregatedResources: definition('Delta') },
      { StreamAggregatedResources: method('sotw'), DeltaAggregatedResources: method('delta') },
    )
    const target = options.unixPath === undefined ? `127.0.0.1:${options.port ?? 0}` : `unix://${options.unixPath}`
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync(target, ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      )
    })
    const address = options.unixPath === undefined ? `127.0.0.1:${port}` : target
    started.plane = new FakeControlPlane(server, address, options.identifier ?? 'fake')
    return started.plane
  }

  /** Serves a resource and pushes it to who asked for it. What is set in one tick goes out in one response per type. */
  set(typeUrl: string, name: string, value: Uint8Array): void {
    let ofType = this.#resources.get(typeUrl)
    if (ofType === undefined) this.#resources.set(typeUrl, (ofType = new Map()))
    ofType.set(name, { value, version: contentVersion(value) })
    this.#version++
    this.#changed(typeUrl, name)
  }

  /** Stops serving a resource and says so to who asked for it. */
  remove(typeUrl: string, name: string): void {
    if (this.#resources.get(typeUrl)?.delete(name) !== true) return
    this.#version++
    this.#changed(typeUrl, name)
  }

  /** Sends a response of the test's making on every open stream. */
  respond(typeUrl: string, response: RawResponse): void {
    for (const stream of this.#streams) this.#write(stream, typeUrl, response)
  }

  /** Sends bytes that need not be a response at all. */
  sendBytes(bytes: Uint8Array): void {
    for (const stream of this.#streams) stream.call.write(Buffer.from(bytes))
  }

  /** Streams that are open now. */
  get openStreams(): number {
    return this.#streams.size
  }

  /** Ends all streams; `status` is the gRPC status, default 0. The listening socket stays. */
  dropStreams(status: number = 0, details: string = 'dropped by the test'): void {
    for (const stream of this.#streams) {
      if (status === 0) stream.call.end()
      else stream.call.emit('error', { code: status, details })
    }
    this.#streams.clear()
  }

  /** From now on streams are recorded but nothing is answered or pushed. */
  pause(): void {
    this.#paused = true
  }

  /** Answers again, what is owed first. */
  resume(): void {
    this.#paused = false
    for (const stream of this.#streams) {
      for (const typeUrl of stream.owed) this.#answer(stream, typeUrl)
      stream.owed.clear()
    }
  }

  /** New streams end at once with UNAVAILABLE and these details; null accepts again. */
  refuse(details: string | null): void {
    this.#refusal = details
  }

  /** The first request, of those that came or will come, for which `test` holds. */
  async request(test: (request: RecordedRequest) => boolean): Promise<RecordedRequest> {
    await this.until(() => this.requests.some(test))
    return this.requests.find(test) as RecordedRequest
  }

  /** Settles when `test` holds; it is tried after every request and every stream that opens or ends. */
  until(test: () => boolean): Promise<void> {
    if (test()) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ test, resolve }))
  }

  /** Ends everything, at once. */
  async close(): Promise<void> {
    this.#server.forceShutdown()
    this.#streams.clear()
    await Promise.resolve()
  }

  #accept(variant: 'sotw' | 'delta', call: ServerDuplexStream<Buffer, Buffer>): void {
    call.on('error', () => {})
    const stream = new Stream(++this.#streamCount, variant, call)
    if (this.#refusal !== null) {
      call.emit('error', { code: 14, details: this.#refusal })
      this.#wake()
      return
    }
    this.#streams.add(stream)
    const gone = (): void => {
      this.#streams.delete(stream)
      this.#wake()
    }
    call.on('data', (bytes: Buffer) => {
      this.#receive(stream, bytes)
      this.#wake()
    })
    call.on('end', () => {
      gone()
      call.end()
    })
    call.on('cancelled', gone)
    call.on('close', gone)
    this.#wake()
  }

  #wake(): void {
    const ready = this.#waiting.filter((w) => w.test())
    this.#waiting = this.#waiting.filter((w) => !ready.includes(w))
    for (const w of ready) w.resolve()
  }

  #receive(stream: Stream, bytes: Buffer): void {
    const request = stream.variant === 'sotw' ? readSotw(stream.number, bytes) : readDelta(stream.number, bytes)
    this.requests.push(request)
    const first = !stream.types.has(request.typeUrl)
    const state: TypeState = stream.types.get(request.typeUrl) ?? { names: new Set(), wildcard: false, sent: new Map() }
    stream.types.set(request.typeUrl, state)
    const asked = stream.variant === 'sotw' ? applySotw(state, request) : applyDelta(state, request)
    if (first && request.names.length === 0 && request.subscribe.length === 0)
      state.wildcard = FULL_STATE.has(request.typeUrl)
    if (!asked && !first) return
    if (this.#paused) stream.owed.add(request.typeUrl)
    else this.#answer(stream, request.typeUrl, asked || state.wildcard)
  }

  /** Sends what a stream wants of a type and does not have. */
  #answer(stream: Stream, typeUrl: string, asked: boolean = true): void {
    const state = stream.types.get(typeUrl)
    if (state === undefined) return
    const stored = this.#resources.get(typeUrl) ?? new Map<string, Stored>()
    const wanted = state.wildcard ? new Set([...stored.keys(), ...state.names, ...state.sent.keys()]) : state.names
    if (stream.variant === 'sotw') this.#answerSotw(stream, typeUrl, state, wanted)
    else if (asked || state.sent.size > 0) this.#answerDelta(stream, typeUrl, state, wanted)
  }

  #answerSotw(stream: Stream, typeUrl: string, state: TypeState, wanted: ReadonlySet<string>): void {
    const resources: RawResource[] = []
    for (const name of wanted) {
      const stored = this.#resources.get(typeUrl)?.get(name)
      if (stored === undefined) continue
      state.sent.set(name, stored.version)
      resources.push({ name, value: stored.value })
    }
    if (resources.length > 0 || FULL_STATE.has(typeUrl)) this.#write(stream, typeUrl, { resources })
  }

  #answerDelta(stream: Stream, typeUrl: string, state: TypeState, wanted: ReadonlySet<string>): void {
    const resources: RawResource[] = []
    const removed: string[] = []
    for (const name of wanted) {
      const stored = this.#resources.get(typeUrl)?.get(name)
      if (state.sent.get(name) === (stored?.version ?? ABSENT)) continue
      state.sent.set(name, stored?.version ?? ABSENT)
      if (stored === undefined) removed.push(name)
      else resources.push({ name, value: stored.value, version: stored.version })
    }
    if (resources.length + removed.length > 0) this.#write(stream, typeUrl, { resources, removed })
  }

  #changed(typeUrl: string, name: string): void {
    if (this.#dirty.size === 0) queueMicrotask(() => this.#push())
    const names = this.#dirty.get(typeUrl)
    if (names === undefined) this.#dirty.set(typeUrl, new Set([name]))
    else names.add(name)
  }

  #push(): void {
    const dirty = [...this.#dirty]
    this.#dirty.clear()
    for (const stream of this.#streams) {
      for (const [typeUrl, names] of dirty) {
        const state = stream.types.get(typeUrl)
        if (state === undefined || !(state.wildcard || [...names].some((name) => state.names.has(name)))) continue
        if (this.#paused) stream.owed.add(typeUrl)
        else this.#answer(stream, typeUrl)
      }
    }
  }

  #write(stream: Stream, typeUrl: string, response: RawResponse): void {
    const nonce = response.nonce ?? `nonce-${++this.#nonce}`
    const version = response.version ?? String(this.#version)
    const bytes = writeResponse(stream.variant, typeUrl, response.resources, {
      nonce,
      version,
      removed: response.removed ?? [],
      identifier: this.#identifier,
    })
    stream.call.write(Buffer.from(bytes))
  }
}

/** Takes a request's names over; true when it asks for more than before. */
function applySotw(state: TypeState, request: RecordedRequest): boolean {
  const added = request.names.some((name) => !state.names.has(name))
  state.names = new Set(request.names)
  return added
}

function applyDelta(state: TypeState, request: RecordedRequest): boolean {
  for (const [name, version] of Object.entries(request.initialVersions)) state.sent.set(name, version)
  for (const name of request.unsubscribe) {
    state.names.delete(name)
    state.sent.delete(name)
  }
  for (const name of request.subscribe) state.names.add(name)
  return request.subscribe.length > 0
}

/** A resource's own version tells its content, so that it means the same after a restart. */
function contentVersion(value: Uint8Array): string {
  return createHash('sha256').update(value).digest('hex').slice(0, 16)
}

function definition(prefix: 'Stream' | 'Delta') {
  const identity = (bytes: Buffer): Buffer => bytes
  return {
    path: `/envoy.service.discovery.v3.AggregatedDiscoveryService/${prefix}AggregatedResources`,
    requestStream: true,
    responseStream: true,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  } as const
}

// Types whose state-of-the-world responses are complete and whose empty first request means everything.
const FULL_STATE: ReadonlySet<string> = new Set([
  'type.googleapis.com/envoy.config.listener.v3.Listener',
  'type.googleapis.com/envoy.config.cluster.v3.Cluster',
])

// Stands among the versions a client has for a resource that it was told does not exist.
const ABSENT = '-'
