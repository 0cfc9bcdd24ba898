// A local reply on its way downstream: a response that no upstream sent, with the callbacks that a real one would bring.
import type { ResponseHead } from '@inmesh/core'
import type { CallHandler, ResponseSource } from './call-handler.ts'
import { REASON_PHRASES } from './reason-phrase.ts'

/** Delivers head, body and end; a pause between head and body is respected. */
export class LocalReply implements ResponseSource {
  readonly #call: CallHandler
  readonly #head: ResponseHead
  readonly #body: Buffer | null
  #state: 'waiting' | 'delivering' | 'done' = 'waiting'

  /** `bodiless`: the request was a HEAD, the body's length is told and the body left out. */
  constructor(call: CallHandler, body: string, head: ResponseHead, bodiless: boolean) {
    this.#call = call
    this.#head = head
    const headers = head.headers
    const bytes = Buffer.from(body)
    if (bytes.length > 0 && !headers.has('content-type')) headers.append('content-type', 'text/plain')
    if (!headers.has('content-length') && !headers.has('grpc-status') && head.status !== 204 && head.status !== 304)
      headers.append('content-length', String(bytes.length))
    this.#body = bodiless || bytes.length === 0 ? null : bytes
  }

  send(): void {
    if (this.#call.finished || this.#state !== 'waiting') return
    this.#state = 'delivering'
    try {
      this.#call.head(this.#head, null, null, REASON_PHRASES[this.#head.status] ?? '')
      this.resume()
    } catch (error) {
      this.#fail(error)
    }
  }

  pause(): void {}

  resume(): void {
    if (this.#state !== 'delivering' || this.#call.paused || this.#call.finished) return
    this.#state = 'done'
    try {
      if (this.#body !== null) this.#call.data(this.#body)
      this.#call.end({}, [])
    } catch (error) {
      this.#fail(error)
    }
  }

  cancel(): void {
    this.#state = 'done'
  }

  /** Downstream's handler threw: it is told its own error, as by undici. */
  #fail(error: unknown): void {
    this.#state = 'done'
    this.#call.fail(error instanceof Error ? error : new Error('the handler failed', { cause: error }))
  }
}
