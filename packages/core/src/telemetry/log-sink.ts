// Where access-log lines go: files and the standard streams, written in batches. A file is flushed every 10 s or 64 KiB
// (Envoy's file_flush_interval_msec and file_flush_min_size_kb); a standard stream at the end of the turn, since somebody
// is looking at it. A stream that has failed, or whose reader is too slow, loses lines and they are counted: neither the
// application nor its memory pays for a log.
import type { Writable } from 'node:stream'
import type { Clock, Timer } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { LogSink } from './access-log.ts'

export interface BufferedLogSinkOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Milliseconds that a line waits at most; 0 is the end of the turn. Default 10,000. */
  readonly flushMs?: number
  /** Characters after which a batch is written at once. Default 65,536. */
  readonly flushSize?: number
  /** Bytes that the stream may hold unwritten before lines are dropped. Default 4 MiB. */
  readonly maxPendingBytes?: number
  /** True for a stream that is not ours to end (stdout): our error listener stays on it only while a write of ours is under way. Default false. */
  readonly borrowed?: boolean
}

/** A batch in front of a stream, which is opened with the first line. */
export class BufferedLogSink implements LogSink {
  readonly #name: string
  readonly #open: () => Writable
  readonly #clock: Clock
  readonly #log: Logger
  readonly #flushMs: number
  readonly #flushSize: number
  readonly #maxPending: number
  readonly #borrowed: boolean
  #stream: Writable | null = null
  #buffer = ''
  #lines = 0
  #timer: Timer | null = null
  #dropped = 0
  #writes = 0
  #failed = false
  #state: 'open' | 'dead' | 'closed' = 'open'

  constructor(name: string, open: () => Writable, options: BufferedLogSinkOptions) {
    this.#name = name
    this.#open = open
    this.#clock = options.clock
    this.#log = options.log
    this.#flushMs = options.flushMs ?? FILE_FLUSH_MS
    this.#flushSize = options.flushSize ?? FLUSH_SIZE
    this.#maxPending = options.maxPendingBytes ?? MAX_PENDING_BYTES
    this.#borrowed = options.borrowed ?? false
  }

  /** Lines that were not written. */
  get dropped(): number {
    return this.#dropped
  }

  write(line: string): void {
    if (this.#state !== 'open') {
      this.#dropped++
      return
    }
    this.#buffer += line
    this.#lines++
    if (this.#buffer.length >= this.#flushSize) this.flush()
    else this.#timer ??= this.#clock.schedule(this.#flushMs, this.#onTimer)
  }

  /** Hands the batch to the stream. */
  flush(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#lines === 0) return
    const text = this.#buffer
    const lines = this.#lines
    this.#buffer = ''
    this.#lines = 0
    if (this.#state !== 'open') {
      this.#dropped += lines
      return
    }
    try {
      const stream = this.#openOnce()
      if (stream.destroyed || stream.writableLength > this.#maxPending) {
        this.#dropped += lines
        if (stream.destroyed) this.#die(null)
        return
      }
      if (this.#writes++ === 0 && this.#borrowed) stream.on('error', this.#onError)
      stream.write(text, (error) => this.#written(stream, lines, error))
    } catch (error) {
      this.#dropped += lines
      this.#die(error)
    }
  }

  /** Writes what is waiting and lets the stream go. Settles when it is written, or cannot be. */
  close(): Promise<void> {
    if (this.#state === 'closed') return Promise.resolve()
    this.flush()
    const stream = this.#stream
    const usable = this.#state === 'open' && stream !== null && !stream.destroyed
    this.#state = 'closed'
    if (stream === null || !usable) return Promise.resolve()
    return new Promise((resolve) => {
      if (this.#borrowed) stream.write('', () => resolve())
      else stream.end(() => resolve())
    })
  }

  readonly #onTimer = (): void => {
    this.#timer = null
    this.flush()
  }

  readonly #onError = (error: unknown): void => this.#die(error)

  #written(stream: Writable, lines: number, error: Error | null | undefined): void {
    this.#writes--
    if (error) {
      this.#dropped += lines
      this.#die(error)
      // The 'error' event follows this callback and must find the listener; there is no other after it.
    } else if (this.#writes === 0 && this.#borrowed) stream.off('error', this.#onError)
  }

  #openOnce(): Writable {
    if (this.#stream === null) {
      this.#stream = this.#open()
      if (!this.#borrowed) this.#stream.on('error', this.#onError)
    }
    return this.#stream
  }

  #die(error: unknown): void {
    if (this.#failed) return
    this.#failed = true
    if (this.#state === 'open') this.#state = 'dead'
    const reason = error instanceof Error ? error.message : 'the stream was closed'
    this.#log.warn(`access log ${this.#name} cannot be written and is given up: ${reason}`)
  }
}

/** The sinks of a process: one per path, shared by every access log that names it. */
export class LogSinks {
  readonly #sinks = new Map<string, BufferedLogSink>()
  readonly #clock: Clock
  readonly #log: Logger

  constructor(clock: Clock, log: Logger) {
    this.#clock = clock
    this.#log = log
  }

  /** The sink for `path`: a file to append to, `/dev/stdout` or `/dev/stderr`. */
  open(path: string): BufferedLogSink {
    let sink = this.#sinks.get(path)
    if (sink === undefined) {
      const standard = path === '/dev/stdout' || path === '/dev/stderr'
      const open = (): Writable => {
        if (path === '/dev/stdout') return process.stdout
        if (path === '/dev/stderr') return process.stderr
        // An import of node:fs would load all its streams into every process (5 ms).
        return process.getBuiltinModule('node:fs').createWriteStream(path, { flags: 'a' })
      }
      const base = { clock: this.#clock, log: this.#log }
      sink = new BufferedLogSink(path, open, standard ? { ...base, flushMs: 0, borrowed: true } : base)
      this.#sinks.set(path, sink)
    }
    return sink
  }

  /** Lines that were not written, over all sinks. */
  get dropped(): number {
    let dropped = 0
    for (const sink of this.#sinks.values()) dropped += sink.dropped
    return dropped
  }

  /** Hands every batch to its stream; for a process that is about to exit. */
  flush(): void {
    for (const sink of this.#sinks.values()) sink.flush()
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sinks.values()].map((sink) => sink.close()))
    this.#sinks.clear()
  }
}

const FILE_FLUSH_MS = 10_000
const FLUSH_SIZE = 65_536
const MAX_PENDING_BYTES = 4 * 1_024 * 1_024
