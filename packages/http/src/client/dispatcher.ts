// The mesh as an undici Dispatcher: for fetch, undici's request and whatever else dispatches. A request whose destination
// the mesh does not know goes to the fallback, untouched.
import { type Mesh, MeshError, NOT_READY, type Outbound, PASS_THROUGH, ProcessHold, Reply } from '@inmesh/core'
import { CallHandler, type ClientRuntime } from './call-handler.ts'
import { PassThroughHandler } from './pass-through-handler.ts'
import { type Destination, Destinations } from './target.ts'
import {
  api,
  assertRequestHandler,
  Dispatcher,
  type DispatchHandler,
  type DispatchOptions,
  errors,
  wrapHandler,
} from './undici.ts'
import { UpstreamPools } from './upstream-pools.ts'

/** Where requests go that are not the mesh's: an undici Dispatcher, or anything with its `dispatch`. */
export interface Fallback {
  dispatch(options: DispatchOptions, handler: DispatchHandler): boolean
}

export class MeshDispatcher extends Dispatcher {
  readonly #mesh: Mesh
  readonly #fallback: Fallback
  readonly #runtime: ClientRuntime
  readonly #destinations = new Destinations()
  #closed = false

  constructor(mesh: Mesh, fallback: Fallback) {
    super()
    this.#mesh = mesh
    this.#fallback = fallback
    this.#runtime = { pools: new UpstreamPools(), clock: mesh.clock, hold: new ProcessHold() }
  }

  /** Takes handlers of undici 8 and of 6 and 7. Always true: waiting for a free place is core's. */
  override dispatch(options: DispatchOptions, handler: DispatchHandler): boolean {
    try {
      if (this.#closed) throw new errors.ClientClosedError()
      if (typeof options !== 'object' || options === null)
        throw new errors.InvalidArgumentError('opts must be an object.')
      const destination = this.#destinations.of(options.origin)
      // The application's TLS stays the application's: there is no HTTP in it that the mesh could read.
      if (destination === null || destination.scheme === 'https') return this.#fallback.dispatch(options, handler)
      const outbound = this.#mesh.outbound(destination)
      if (outbound === PASS_THROUGH) return this.#fallback.dispatch(options, handler)
      this.#call(options, handler, destination, outbound)
      return true
    } catch (error) {
      return refuse(handler, error)
    }
  }

  #call(
    options: DispatchOptions,
    handler: DispatchHandler,
    destination: Destination,
    outbound: Outbound | typeof NOT_READY,
  ): void {
    const downstream = wrapHandler(handler)
    assertRequestHandler(downstream, options.method, options.upgrade)
    const call = new CallHandler(options, downstream, this.#runtime)
    call.started()
    if (call.aborted) return
    if (outbound === NOT_READY) void this.#whenReady(call, destination)
    else begin(call, outbound, destination)
  }

  async #whenReady(call: CallHandler, destination: Destination): Promise<void> {
    const outbound = await this.#mesh.whenOutbound(destination)
    if (call.finished) return
    if (outbound === PASS_THROUGH) {
      try {
        this.#fallback.dispatch(call.options, new PassThroughHandler(call))
      } catch (error) {
        call.fail(MeshError.from(error))
      }
    } else if (outbound instanceof Reply) call.refuse(outbound)
    else begin(call, outbound, destination)
  }

  /** Open connection pools, for tests and the configuration dump. */
  get pools(): number {
    return this.#runtime.pools.size
  }

  /** No request is taken any more; settles when those under way have ended. The fallback is not ours to close. */
  override close(callback?: () => void): Promise<void> {
    this.#closed = true
    return settled(this.#runtime.pools.close(), callback)
  }

  /** Ends requests under way with `error`. */
  override destroy(error?: Error | (() => void) | null, callback?: () => void): Promise<void> {
    this.#closed = true
    const reason = error instanceof Error ? error : new errors.ClientDestroyedError()
    return settled(this.#runtime.pools.destroy(reason), typeof error === 'function' ? error : callback)
  }
}

// undici's index puts these on Dispatcher itself; without the index they are looked up when first called.
for (const name of ['request', 'stream', 'pipeline', 'upgrade', 'connect'] as const) {
  Object.defineProperty(MeshDispatcher.prototype, name, {
    value(this: MeshDispatcher, ...args: unknown[]): unknown {
      return api(name).apply(this, args)
    },
    writable: true,
    configurable: true,
  })
}

/** A fault of ours on the way into core is the request's error, never an exception. */
function begin(call: CallHandler, outbound: Outbound, destination: Destination): void {
  try {
    call.begin(outbound, destination)
  } catch (error) {
    call.fail(error instanceof errors.UndiciError ? error : MeshError.from(error))
  }
}

/** As undici's own dispatchers: the handler is told, and only one that can't be told gets an exception. */
function refuse(handler: DispatchHandler, error: unknown): false {
  if (typeof handler !== 'object' || handler === null) throw error
  const legacy = handler as { onError?(error: unknown): void }
  if (typeof handler.onResponseError === 'function') handler.onResponseError(null as never, error as Error)
  else if (typeof legacy.onError === 'function') legacy.onError(error)
  else throw error
  return false
}

async function settled(work: Promise<void>, callback: (() => void) | undefined): Promise<void> {
  await work
  callback?.()
}
