// One call through the mesh: what core starts attempts on (AttemptSink), and the one controller that the downstream
// handler holds from before the request phase to the end, whatever attempts come and go.
//
//   waiting    onRequestStart was given downstream; look-up, request phase, attempts, back-off
//   delivering a response head was given downstream; its body follows
//   finished   onResponseEnd or onResponseError was given downstream, nothing follows
//
// Everything downstream is told, and the body that it gave, runs in the async context of dispatch().
import { AsyncResource } from 'node:async_hooks'
import type { Duplex } from 'node:stream'
import {
  type Attempt,
  type AttemptSink,
  type Clock,
  HeaderMap,
  MeshError,
  type Outbound,
  type OutboundCall,
  type ProcessHold,
  type Reply,
  ResponseHead,
} from '@inmesh/core'
import { AttemptHandler } from './attempt-handler.ts'
import { tellData, tellEnd, tellError, tellHead, tellUpgrade } from './downstream.ts'
import { LocalReply } from './local-reply.ts'
import { ReplayBody } from './replay-body.ts'
import { readOnceBody, readRequestHead } from './request-head.ts'
import type { Destination } from './target.ts'
import {
  type DispatchController,
  type DispatchHandler,
  type DispatchOptions,
  errors,
  type ResponseHeaders,
} from './undici.ts'
import { toHeadersObject, toRawHeaders } from './undici-headers.ts'
import type { UpstreamPools } from './upstream-pools.ts'

/** What the calls of one dispatcher share. */
export interface ClientRuntime {
  readonly pools: UpstreamPools
  readonly clock: Clock
  readonly hold: ProcessHold
}

/** What the response comes from at the moment. */
export interface ResponseSource {
  pause(): void
  resume(): void
  /** Stop; nothing more is wanted. */
  cancel(reason: Error): void
}

export class CallHandler extends AsyncResource implements AttemptSink, DispatchController {
  // The controller's surface, as undici's own.
  paused = false
  aborted = false
  reason: Error | null = null
  rawHeaders: Buffer[] | string[] | ResponseHeaders | null = null
  rawTrailers: Buffer[] | string[] | ResponseHeaders | null = null

  readonly options: DispatchOptions
  readonly runtime: ClientRuntime
  readonly #downstream: DispatchHandler
  /** Core's half; null while the configuration is waited for. */
  outbound: OutboundCall | null = null
  /** The body, when it can be read only once. */
  replay: ReplayBody | null = null
  #source: ResponseSource | null = null
  #finished = false
  #held = false
  /** Whether what runs is dispatch() itself: its context needs no restoring then. */
  #inScope = false
  /** Bytes of the request's body that core has been told of, and whether it knows that the request left whole. */
  #bytesTold = 0
  #completeTold = false

  constructor(options: DispatchOptions, downstream: DispatchHandler, runtime: ClientRuntime) {
    super('INMESH_CALL')
    this.options = options
    this.#downstream = downstream
    this.runtime = runtime
  }

  get finished(): boolean {
    return this.#finished
  }

  /** Tells downstream that its request has begun. It may abort at once. */
  started(): void {
    this.#downstream.onRequestStart?.(this, null)
  }

  /** Makes the call through the mesh. */
  begin(outbound: Outbound, destination: Destination): void {
    const head = readRequestHead(this.options, destination)
    const body = readOnceBody(this.options, head)
    if (body !== null) this.replay = new ReplayBody(body, this, this)
    const call = outbound.call(head, this)
    this.outbound = call
    this.#inScope = true
    try {
      call.begin()
    } finally {
      this.#inScope = false
    }
    if (this.#source === null) this.#stay()
  }

  /** Nothing is under way that keeps the process alive: the request phase or a back-off waits. */
  #stay(): void {
    if (this.#held || this.#finished) return
    this.#held = true
    this.runtime.hold.acquire()
  }

  #setSource(source: ResponseSource | null): void {
    this.#source = source
    if (!this.#held) return
    this.#held = false
    this.runtime.hold.release()
  }

  #finish(): void {
    this.#finished = true
    this.#setSource(null)
  }

  // AttemptSink

  start(attempt: Attempt): void {
    if (this.#finished) return
    const handler = new AttemptHandler(this, attempt)
    attempt.handle = handler
    this.#setSource(handler)
    if (this.#inScope) handler.send()
    else this.runInAsyncScope(sendAttempt, null, handler)
  }

  startShadow(attempt: Attempt): void {
    if (this.replay !== null) return
    const handler = new AttemptHandler(this, attempt)
    attempt.handle = handler
    handler.discard()
    this.runInAsyncScope(sendAttempt, null, handler)
  }

  cancel(attempt: Attempt): void {
    const handler = attempt.handle
    if (!(handler instanceof AttemptHandler)) return
    const delivering = handler.delivering
    handler.cancel(new errors.RequestAbortedError())
    if (delivering && !this.#finished)
      this.fail(new MeshError('MESH_UPSTREAM_TIMEOUT', 'the route ended the response while it was under way'))
  }

  reply(reply: Reply, head: ResponseHead): void {
    if (this.#finished) return
    // A reply to a gRPC request is trailers only: its message lies in the head.
    const body = head.headers.has('grpc-status') ? '' : reply.body
    const local = new LocalReply(this, body, head, this.options.method === 'HEAD')
    this.#setSource(local)
    process.nextTick(sendLocalReply, local)
  }

  /** Answers without the mesh's phases: the configuration that decides did not come. */
  refuse(reply: Reply): void {
    this.reply(reply, new ResponseHead(reply.status, new HeaderMap([...reply.headers])))
  }

  // DispatchController, in downstream's hand

  pause(): void {
    this.paused = true
    this.#source?.pause()
  }

  resume(): void {
    if (!this.paused) return
    this.paused = false
    this.#source?.resume()
  }

  abort(reason?: Error): void {
    if (this.aborted || this.#finished) return
    const error = reason ?? new errors.RequestAbortedError()
    this.aborted = true
    this.reason = error
    this.#abandon(error)
    this.runInAsyncScope(tellError, null, this.#downstream, this, error)
  }

  // What attempts and local replies tell

  /** The attempt's response comes from somewhere else than `source` now, or nobody waits for it. */
  forget(source: ResponseSource): void {
    if (this.#source !== source) return
    this.#source = null
    this.#stay()
  }

  /** The source of a request that goes out without the mesh after all. */
  attach(source: ResponseSource): void {
    this.#setSource(source)
  }

  /** An attempt has sent so much of the body; core hears of each byte once. */
  sent(bytes: number): void {
    const more = bytes - this.#bytesTold
    if (more <= 0 || this.outbound === null) return
    this.#bytesTold = bytes
    this.outbound.onRequestBytes(more)
  }

  sentWhole(): void {
    this.#downstream.onRequestSent?.()
    if (this.#completeTold || this.outbound === null) return
    this.#completeTold = true
    this.outbound.onRequestComplete()
  }

  bodySent(chunk: Buffer): void {
    this.#downstream.onBodySent?.(chunk)
  }

  responseStarted(): void {
    this.#downstream.onResponseStarted?.()
  }

  /** Part of the body can't be sent again. */
  onBodyLost(): void {
    this.outbound?.onBodyLost()
  }

  /** A 1xx head, or the response's. `headers` are undici's; null says that `head` was made or changed here. */
  head(
    head: ResponseHead,
    headers: ResponseHeaders | null,
    raw: DispatchController['rawHeaders'],
    text?: string,
  ): void {
    this.rawHeaders = headers === null ? toRawHeaders(head.headers.flat) : (raw ?? null)
    const fields = headers ?? toHeadersObject(head.headers.flat)
    this.runInAsyncScope(tellHead, null, this.#downstream, this, head.status, fields, text)
  }

  /** The connection has changed its protocol and is downstream's now. */
  upgraded(head: ResponseHead, headers: ResponseHeaders, raw: DispatchController['rawHeaders'], socket: Duplex): void {
    this.rawHeaders = raw ?? null
    this.#finish()
    this.runInAsyncScope(tellUpgrade, null, this.#downstream, this, head.status, headers, socket)
  }

  data(chunk: Buffer): void {
    this.runInAsyncScope(tellData, null, this.#downstream, this, chunk)
  }

  end(trailers: ResponseHeaders, raw: DispatchController['rawTrailers']): void {
    if (this.#finished) return
    this.rawTrailers = raw ?? null
    this.#finish()
    this.replay?.close()
    this.runInAsyncScope(tellEnd, null, this.#downstream, this, trailers)
  }

  fail(error: Error): void {
    if (this.#finished) return
    this.#finish()
    this.replay?.close()
    this.runInAsyncScope(tellError, null, this.#downstream, this, error)
  }

  /** The error is downstream's own doing: core is told that the caller has gone, downstream gets its error. */
  failCaller(error: Error): void {
    if (this.#finished) return
    this.#abandon(error)
    this.runInAsyncScope(tellError, null, this.#downstream, this, error)
  }

  /** Ends everything on this side, without a word to downstream. */
  #abandon(error: Error): void {
    const source = this.#source
    this.#finish()
    this.outbound?.abort()
    source?.cancel(error)
    this.replay?.close()
  }
}

function sendAttempt(handler: AttemptHandler): void {
  handler.send()
}

function sendLocalReply(reply: LocalReply): void {
  reply.send()
}
