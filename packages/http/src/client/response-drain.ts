// The rest of a response that nobody wants: read, so that its connection can serve the next request, as long as that is
// cheaper than a new connection.
import type { Clock, Timer } from '@inmesh/core'
import { type DispatchController, errors, type ResponseHeaders } from './undici.ts'

/** Reads a response to its end, up to a limit of bytes and of time. */
export class ResponseDrain {
  readonly #controller: DispatchController
  readonly #timer: Timer
  #bytes = 0

  constructor(controller: DispatchController, clock: Clock) {
    this.#controller = controller
    this.#timer = clock.schedule(LIMIT_MS, () => this.stop())
    if (controller.paused) controller.resume()
  }

  /** The response's head is known. */
  onHead(headers: ResponseHeaders): void {
    if (Number(headers['content-length'] ?? 0) > LIMIT_BYTES) this.stop()
  }

  onData(chunk: Buffer): void {
    this.#bytes += chunk.byteLength
    if (this.#bytes > LIMIT_BYTES) this.stop()
  }

  /** The response has ended, well or not. */
  end(): void {
    this.#timer.cancel()
  }

  /** Closes the connection. */
  stop(): void {
    this.#timer.cancel()
    this.#controller.abort(new errors.RequestAbortedError())
  }
}

// A TLS handshake costs about as much as reading this.
const LIMIT_BYTES = 64 * 1024
const LIMIT_MS = 1000
