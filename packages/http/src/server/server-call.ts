// One request on an admitted connection: the adapter's half of an InboundCall. It knows node:http's request and response,
// counts bytes, enters the request's async context for their events, and tells core of the completion exactly once.
import { AsyncResource } from 'node:async_hooks'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { type InboundCall, type Mesh, type RequestContext, type RequestHead, requestContextSlot } from '@inmesh/core'
import type { AsyncRequestContext } from '../context/request-context.ts'
import type { AdmittedConnection } from './connection.ts'

/** Where a request and its response keep their call. */
export const CALL: unique symbol = Symbol('inmesh.call')

/** A request or response that may belong to a call. */
export interface Meshed {
  [CALL]?: ServerCall
}

/** What the calls of a server share. */
export interface Served {
  readonly mesh: Mesh
  /** Carries a request's context to the calls that the application makes while serving it. */
  readonly context: AsyncRequestContext
}

type Emit = (this: unknown, event: string | symbol, ...args: unknown[]) => boolean

/**
 * A request under way.
 *
 *     begun -> at the application -> responded -> complete
 *           -> replied by us                   -> complete
 *           -> (the peer goes away at any point)  complete
 */
export class ServerCall {
  readonly connection: AdmittedConnection
  readonly inbound: InboundCall
  readonly served: Served
  readonly req: IncomingMessage
  /** Null for `upgrade` and `connect`, where the application writes to the socket itself. */
  readonly res: ServerResponse | null
  readonly head: RequestHead
  /** The response head has been given to core, or is one that core made. */
  responded = false
  completed = false
  /** Bytes of the response's body given to write() and end(), where node:http knows no content length. */
  responseBytes = 0
  requestBytes = 0
  next: ServerCall | null = null
  previous: ServerCall | null = null
  /** What the socket had read and written when an upgraded connection was handed over. */
  #readBefore = 0
  #writtenBefore = 0
  #context: RequestContext | null = null
  #scope: AsyncResource | null = null

  constructor(
    served: Served,
    connection: AdmittedConnection,
    head: RequestHead,
    req: IncomingMessage,
    res: ServerResponse | null,
  ) {
    this.served = served
    this.connection = connection
    this.inbound = connection.inbound.call(head)
    this.req = req
    this.res = res
    this.head = head
    ;(req as Meshed)[CALL] = this
    if (res !== null) (res as Meshed)[CALL] = this
    connection.add(this)
  }

  get upgraded(): boolean {
    return this.res === null
  }

  /** Runs `task` in the request's async context, and from now on every event of the request and the response. */
  enter<A, B>(task: (event: string, a: A, b: B) => boolean, event: string, a: A, b: B): boolean {
    const context = requestContextSlot.get(this.inbound.exchange)
    if (context === undefined) return task(event, a, b)
    this.#context = context
    // AsyncResource and not AsyncLocalStorage.snapshot(), which costs twenty times as much.
    const scope = this.connection.scope.runInAsyncScope(createScope, null, this.served.context, context)
    this.#scope = scope
    return scope.runInAsyncScope(task, null, event, a, b)
  }

  /** Emits an event of the request or the response. */
  emit(target: IncomingMessage | ServerResponse, emit: Emit, args: ArrayLike<unknown>): boolean {
    const event = args[0] as string
    if (target === this.res) {
      if (event === 'finish') return this.#finish(target, emit, args)
      if (event === 'close') this.complete('aborted')
    } else if (event === 'data') {
      // Counted as the application reads them: reading is node:http's and the application's business, never ours.
      this.requestBytes += byteLength(args[1], this.req.readableEncoding)
    }
    // Most events have no listener. 'error' without one is thrown, by emit.
    if (event !== 'error' && target.listenerCount(event) === 0) return false
    return this.#emit(target, emit, args)
  }

  #finish(target: ServerResponse, emit: Emit, args: ArrayLike<unknown>): boolean {
    this.complete('finished')
    // The first listener is node:http's own, which ends its turn on the socket and needs no context.
    const alone = target.listenerCount('finish') === 1
    const heard = alone ? (Reflect.apply(emit, target, args) as boolean) : this.#emit(target, emit, args)
    this.connection.settle()
    return heard
  }

  #emit(target: IncomingMessage | ServerResponse, emit: Emit, args: ArrayLike<unknown>): boolean {
    const scope = this.#scope
    const event = args[0] as string
    // Where the request's context is current already, the application may have more on top of it.
    if (scope === null || this.served.context.current() === this.#context) {
      return Reflect.apply(emit, target, args) as boolean
    }
    switch (args.length) {
      case 1:
        return scope.runInAsyncScope(emit, target, event)
      case 2:
        return scope.runInAsyncScope(emit, target, event, args[1])
      default:
        return scope.runInAsyncScope(emit, target, event, ...Array.prototype.slice.call(args, 1))
    }
  }

  /** The application takes the connection over; `early` bytes after the head are its already. */
  takeOver(early: number): void {
    const { socket } = this.connection
    this.#readBefore = socket.bytesRead - early
    this.#writtenBefore = socket.bytesWritten
  }

  /** The socket has gone. For an upgraded connection that is its regular end; its bytes include the response's head. */
  onGone(): void {
    if (this.upgraded && this.responded) {
      const { socket } = this.connection
      this.requestBytes = socket.bytesRead - this.#readBefore
      this.responseBytes = socket.bytesWritten - this.#writtenBefore
    }
    this.complete(this.upgraded && this.responded ? 'finished' : 'aborted')
  }

  /** The response left whole, or the peer went away. Only the first call counts. */
  complete(outcome: 'finished' | 'aborted'): void {
    if (this.completed) return
    this.completed = true
    this.connection.remove(this)
    const { inbound } = this
    try {
      inbound.onRequestBytes(this.#requestBodyBytes())
      inbound.onResponseBytes(this.#responseBodyBytes(outcome))
      inbound.onComplete(outcome)
    } catch (error) {
      this.served.mesh.log.error('completing a request failed', { error: String(error) })
    }
  }

  /** By content-length when the body has come whole, else what the application has read. */
  #requestBodyBytes(): number {
    const declared = this.req.headers['content-length']
    return declared !== undefined && this.req.complete && !this.upgraded ? Number(declared) : this.requestBytes
  }

  /** By content-length when the response has left whole, else what was given to write() and end(). */
  #responseBodyBytes(outcome: 'finished' | 'aborted'): number {
    const res = this.res as OutgoingFields | null
    if (res === null || outcome === 'aborted') return this.responseBytes
    if (res._hasBody === false) return 0
    return typeof res._contentLength === 'number' ? res._contentLength : this.responseBytes
  }
}

/** Within the connection's scope, which puts back what was current; AsyncLocalStorage.run costs twice as much. */
function createScope(carrier: AsyncRequestContext, context: RequestContext): AsyncResource {
  carrier.enter(context)
  return new AsyncResource('INMESH_REQUEST', MANUAL)
}

/** What node:http's OutgoingMessage knows of its body. */
export interface OutgoingFields {
  /** False for HEAD, 204 and 304. */
  readonly _hasBody?: boolean
  /** The content length, declared or known; null where the body is chunked. */
  readonly _contentLength?: number | null
}

/** Bytes of a chunk given to a stream. */
export function byteLength(chunk: unknown, encoding: unknown): number {
  if (typeof chunk === 'string') return Buffer.byteLength(chunk, (encoding ?? 'utf8') as BufferEncoding)
  return chunk instanceof Uint8Array ? chunk.byteLength : 0
}

const MANUAL = { requireManualDestroy: true }
