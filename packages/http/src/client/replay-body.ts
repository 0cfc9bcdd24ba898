// A request body that can be read only once, sent as often as there are attempts: what has been read is kept while a
// retry is still possible, up to a limit (Envoy's per_connection_buffer_limit_bytes), and each attempt reads it from the
// first byte. Strings, buffers and Blobs need none of this.
//
//     chunks read so far      |kept, kept, kept|  next() of the source
//                                    ^ an attempt's reader: first what is kept, then what is still to come
import type { AsyncResource } from 'node:async_hooks'
import type { Readable } from 'node:stream'

export type Chunk = string | Uint8Array
export type BodySource = AsyncIterable<Chunk> | Iterable<Chunk>
type ChunkIterator = AsyncIterator<Chunk> | Iterator<Chunk>

/** Envoy's default of per_connection_buffer_limit_bytes. */
export const REPLAY_LIMIT_BYTES: number = 1024 * 1024

/** A body that one source feeds and each attempt reads anew. */
export class ReplayBody {
  /** The error that the source ended with: the caller's, not the upstream's. */
  failure: Error | null = null
  readonly #source: BodySource
  readonly #scope: AsyncResource
  readonly #onLost: { onBodyLost(): void }
  readonly #limit: number
  #iterator: ChunkIterator | null = null
  /** The last chunks that were read, all of them unless `keepNoMore` or the limit took the first ones away. */
  #kept: Chunk[] = []
  #keptBytes = 0
  #keeping = true
  /** Chunks read from the source. */
  #read = 0
  #ended = false
  #pending: Promise<IteratorResult<Chunk>> | null = null
  readonly #onStep = (step: IteratorResult<Chunk>): IteratorResult<Chunk> => this.#take(step)
  readonly #onFailure = (error: unknown): never => this.#fail(error)

  /**
   * The source runs in `scope`, whoever reads. `onLost` is told once, when something was read that a further attempt
   * would miss. `limit` is in bytes; default 1 MiB.
   */
  constructor(
    source: BodySource,
    scope: AsyncResource,
    onLost: { onBodyLost(): void },
    limit: number = REPLAY_LIMIT_BYTES,
  ) {
    this.#source = source
    this.#scope = scope
    this.#onLost = onLost
    this.#limit = limit
    // A stream may fail before anybody reads it; its iterator reports that later.
    if (isStream(source)) source.on('error', ignore)
  }

  /** Reads from the first byte. */
  open(): AsyncIterable<Chunk> {
    return new BodyReader(this)
  }

  /** No attempt follows the one that reads now: what comes is not kept any more. */
  keepNoMore(): void {
    this.#keeping = false
  }

  /** Nobody will read again: the source is told to stop, if it has not ended. */
  close(): void {
    this.#keeping = false
    this.#kept = []
    if (this.#ended) return
    this.#ended = true
    if (isStream(this.#source)) this.#source.destroy()
    else if (this.#iterator !== null) this.#stop(this.#iterator)
  }

  /** The next step of a reader that has taken `position` chunks. */
  next(position: number): Promise<IteratorResult<Chunk>> {
    const value = this.#kept[position - this.#read + this.#kept.length]
    if (value !== undefined) return Promise.resolve({ value, done: false })
    if (position < this.#read) return Promise.reject(new Error('the request body was not kept for a further attempt'))
    if (this.failure !== null) return Promise.reject(this.failure)
    if (this.#ended) return Promise.resolve({ value: undefined, done: true })
    // Somebody waits for it already: an attempt that was given up, or one that runs beside this one.
    if (this.#pending !== null) return this.#pending.then(() => this.next(position))
    return this.#pull()
  }

  #pull(): Promise<IteratorResult<Chunk>> {
    // The reader that asks for more has taken all there is.
    if (!this.#keeping) this.#kept = []
    let step: Promise<IteratorResult<Chunk>> | IteratorResult<Chunk>
    try {
      step = this.#scope.runInAsyncScope(nextChunk, null, (this.#iterator ??= iteratorOf(this.#source)))
    } catch (error) {
      step = Promise.reject(error)
    }
    return (this.#pending = Promise.resolve(step).then(this.#onStep, this.#onFailure))
  }

  #take(step: IteratorResult<Chunk>): IteratorResult<Chunk> {
    this.#pending = null
    if (step.done === true) this.#ended = true
    else if (!this.#ended) this.#keep(step.value)
    return step
  }

  #fail(error: unknown): never {
    this.#pending = null
    this.#ended = true
    this.failure = error instanceof Error ? error : new Error('the request body failed', { cause: error })
    throw this.failure
  }

  #keep(chunk: Chunk): void {
    this.#keptBytes += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.byteLength
    if (this.#keeping && this.#keptBytes > this.#limit) {
      this.#keeping = false
      this.#onLost.onBodyLost()
    }
    this.#kept.push(chunk)
    this.#read++
  }

  #stop(iterator: ChunkIterator): void {
    try {
      const stopped: unknown = this.#scope.runInAsyncScope(stopIteration, null, iterator)
      if (stopped instanceof Promise) stopped.catch(ignore)
    } catch {
      // The caller's generator failed while it was told to stop; the request's outcome is known already.
    }
  }
}

/** One attempt's way through the body. */
class BodyReader implements AsyncIterableIterator<Chunk> {
  readonly #body: ReplayBody
  #position = 0

  constructor(body: ReplayBody) {
    this.#body = body
  }

  next(): Promise<IteratorResult<Chunk>> {
    return this.#body.next(this.#position++)
  }

  /** The attempt gave up; another may read on, so the source is left alone. */
  return(): Promise<IteratorResult<Chunk>> {
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

function iteratorOf(source: BodySource): ChunkIterator {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]()
}

function nextChunk(iterator: ChunkIterator): Promise<IteratorResult<Chunk>> | IteratorResult<Chunk> {
  return iterator.next()
}

function stopIteration(iterator: ChunkIterator): unknown {
  return iterator.return?.()
}

function isStream(source: BodySource): source is BodySource & Readable {
  return 'pipe' in source && 'destroy' in source && typeof source.destroy === 'function'
}

function ignore(): void {}
