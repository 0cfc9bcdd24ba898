// A request that waited for its configuration and then turned out not to be the mesh's: it goes out by the fallback, and
// downstream keeps the controller that it was given before the wait.
import type { Duplex } from 'node:stream'
import { HeaderMap, ResponseHead } from '@inmesh/core'
import type { CallHandler, ResponseSource } from './call-handler.ts'
import type { DispatchController, DispatchHandler, ResponseHeaders } from './undici.ts'

export class PassThroughHandler implements DispatchHandler, ResponseSource {
  readonly #call: CallHandler
  #controller: DispatchController | null = null
  #cancelReason: Error | null = null

  constructor(call: CallHandler) {
    this.#call = call
    call.attach(this)
  }

  pause(): void {
    this.#controller?.pause()
  }

  resume(): void {
    this.#controller?.resume()
  }

  cancel(reason: Error): void {
    this.#cancelReason = reason
    this.#controller?.abort(reason)
  }

  onRequestStart(controller: DispatchController): void {
    this.#controller = controller
    if (this.#cancelReason !== null) controller.abort(this.#cancelReason)
    else if (this.#call.paused) controller.pause()
  }

  onBodySent(chunk: Buffer): void {
    this.#call.bodySent(chunk)
  }

  onRequestSent(): void {
    this.#call.sentWhole()
  }

  onResponseStarted(): void {
    this.#call.responseStarted()
  }

  onResponseStart(controller: DispatchController, status: number, headers: ResponseHeaders, text?: string): void {
    if (this.#call.finished) return
    this.#call.head(new ResponseHead(status, NO_FIELDS), headers, controller.rawHeaders, text)
  }

  onRequestUpgrade(controller: DispatchController, status: number, headers: ResponseHeaders, socket: Duplex): void {
    if (this.#call.finished) socket.destroy()
    else this.#call.upgraded(new ResponseHead(status, NO_FIELDS), headers, controller.rawHeaders, socket)
  }

  onResponseData(_controller: DispatchController, chunk: Buffer): void {
    if (!this.#call.finished) this.#call.data(chunk)
  }

  onResponseEnd(controller: DispatchController, trailers: ResponseHeaders): void {
    this.#call.end(trailers, controller.rawTrailers)
  }

  onResponseError(_controller: DispatchController | null, error: Error): void {
    this.#call.fail(error)
  }
}

// Nobody reads it: downstream gets undici's own object.
const NO_FIELDS = new HeaderMap()
