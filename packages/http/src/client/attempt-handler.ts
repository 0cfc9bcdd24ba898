// One attempt at an upstream, as undici sees it: a dispatch into the endpoint's pool and the handler of its outcome.
//
//   waiting    -> delivering   core takes the response: it goes downstream as it arrives
//   waiting    -> draining     core tries again: the rest is read so that the connection can be kept, up to a limit
//   waiting, delivering, draining -> cancelled   core or downstream want no more of it
//   any        -> done
import type { Duplex } from 'node:stream'
import { type Attempt, HeaderMap, MeshError, ResponseHead } from '@inmesh/core'
import type { CallHandler, ResponseSource } from './call-handler.ts'
import { ResponseDrain } from './response-drain.ts'
import { REASON_PHRASES } from './reason-phrase.ts'
import { isCallersError, resetReason } from './reset-reason.ts'
import { type DispatchController, type DispatchHandler, type DispatchOptions, type ResponseHeaders } from './undici.ts'
import { hasFields, readResponseHeaders, toHeadersObject, toRawHeaders, toRequestHeaders } from './undici-headers.ts'

type State = 'waiting' | 'delivering' | 'draining' | 'cancelled' | 'done'

export class AttemptHandler implements DispatchHandler, ResponseSource {
  readonly #call: CallHandler
  readonly #attempt: Attempt
  #state: State = 'waiting'
  /** undici's, for this attempt; null until the request has a connection. */
  #controller: DispatchController | null = null
  #cancelReason: Error | null = null
  #bytesSent = 0
  #drain: ResponseDrain | null = null
  /** What downstream's handler threw: undici hands it back to us as the response's error. */
  #thrown: unknown = null

  constructor(call: CallHandler, attempt: Attempt) {
    this.#call = call
    this.#attempt = attempt
  }

  get delivering(): boolean {
    return this.#state === 'delivering'
  }

  /** Dispatches the attempt; what can't be sent is told as an attempt that failed. */
  send(): void {
    try {
      this.#dispatch()
    } catch (error) {
      this.onResponseError(null, MeshError.from(error))
    }
  }

  #dispatch(): void {
    const call = this.#call
    const { cluster, endpoint, head } = this.#attempt
    const given = call.options
    const options: DispatchOptions & { readonly servername: string } = {
      path: head.path,
      method: head.method,
      headers: toRequestHeaders(head),
      body: this.#body() as never,
      upgrade: given.upgrade ?? null,
      reset: given.reset as boolean,
      blocking: given.blocking as boolean,
      idempotent: given.idempotent as boolean,
      headersTimeout: given.headersTimeout ?? null,
      bodyTimeout: given.bodyTimeout ?? null,
      expectContinue: given.expectContinue as boolean,
      typeOfService: given.typeOfService as number,
      // Else undici reads one from the Host header, with regular expressions, and looks it up in place of the address.
      servername: endpoint.address,
    }
    call.runtime.pools.of(cluster, endpoint).dispatch(options, this)
  }

  /** Nobody reads the answer: it is a copy's. */
  discard(): void {
    this.#state = 'draining'
  }

  // ResponseSource

  pause(): void {
    this.#controller?.pause()
  }

  resume(): void {
    this.#controller?.resume()
  }

  cancel(reason: Error): void {
    if (this.#state === 'cancelled' || this.#state === 'done') return
    this.#state = 'cancelled'
    this.#cancelReason = reason
    this.#drain?.end()
    this.#call.forget(this)
    // Without a connection yet there is nothing to abort: onRequestStart does it when there is one.
    this.#controller?.abort(reason)
  }

  // undici's handler

  onRequestStart(controller: DispatchController): void {
    this.#controller = controller
    if (this.#cancelReason !== null) controller.abort(this.#cancelReason)
    else if (this.#call.paused) controller.pause()
  }

  onBodySent(chunk: Buffer): void {
    if (this.#state !== 'waiting' && this.#state !== 'delivering') return
    this.#bytesSent += typeof chunk === 'string' ? Buffer.byteLength(chunk) : chunk.byteLength
    this.#call.sent(this.#bytesSent)
    this.#call.bodySent(chunk)
  }

  onRequestSent(): void {
    if (this.#state === 'waiting') this.#call.sentWhole()
  }

  onResponseStarted(): void {
    if (this.#state === 'waiting') this.#call.responseStarted()
  }

  onResponseStart(controller: DispatchController, status: number, headers: ResponseHeaders, text?: string): void {
    if (this.#state === 'draining') this.#drainRest(controller, headers)
    if (this.#state !== 'waiting') return
    const head = new ResponseHead(status, new HeaderMap(readResponseHeaders(headers)))
    if (status < 200) {
      this.#deliverHead(controller, head, headers, text)
      return
    }
    const verdict = this.#outbound.onResponse(this.#attempt, head)
    if (this.#state !== 'waiting') return
    if (verdict === 'deliver') {
      this.#state = 'delivering'
      this.#call.replay?.keepNoMore()
      this.#deliverHead(controller, head, headers, head.status === status ? text : REASON_PHRASES[head.status])
    } else {
      this.#state = 'draining'
      this.#call.forget(this)
      this.#drainRest(controller, headers)
    }
  }

  onRequestUpgrade(controller: DispatchController, status: number, headers: ResponseHeaders, socket: Duplex): void {
    const head = new ResponseHead(status, new HeaderMap(readResponseHeaders(headers)))
    const wanted = this.#state === 'waiting' && this.#outbound.onResponse(this.#attempt, head) === 'deliver'
    if (!wanted) {
      this.#state = 'done'
      socket.destroy()
      return
    }
    this.#state = 'done'
    const outbound = this.#outbound
    socket.once('close', () => outbound.onComplete(this.#attempt))
    this.#call.upgraded(head, headers, controller.rawHeaders, socket)
  }

  onResponseData(_controller: DispatchController, chunk: Buffer): void {
    if (this.#state === 'delivering') {
      this.#outbound.onResponseBytes(chunk.byteLength)
      try {
        this.#call.data(chunk)
      } catch (error) {
        this.#thrown = error
        throw error
      }
    } else {
      this.#drain?.onData(chunk)
    }
  }

  onResponseEnd(controller: DispatchController, trailers: ResponseHeaders): void {
    const delivering = this.#state === 'delivering'
    this.#drain?.end()
    if (this.#state !== 'cancelled') this.#state = 'done'
    if (!delivering) return
    let fields = trailers
    let raw = controller.rawTrailers
    if (hasFields(trailers)) {
      const map = new HeaderMap(readResponseHeaders(trailers))
      this.#outbound.onTrailers(this.#attempt, map)
      if (map.changed) {
        fields = toHeadersObject(map.flat)
        raw = toRawHeaders(map.flat)
      }
    }
    this.#outbound.onComplete(this.#attempt)
    this.#call.end(fields, raw)
  }

  onResponseError(_controller: DispatchController | null, error: Error): void {
    const state = this.#state
    this.#drain?.end()
    if (state !== 'waiting' && state !== 'delivering') return
    this.#state = 'done'
    const call = this.#call
    if (error === this.#thrown || error === call.replay?.failure || isCallersError(error)) {
      call.failCaller(error)
      return
    }
    call.forget(this)
    try {
      const reason = resetReason(error, this.#controller !== null)
      if (this.#outbound.onReset(this.#attempt, reason, error) === 'fail') call.fail(error)
    } catch (fault) {
      // undici calls this from a socket's event, where nobody would catch it.
      call.fail(MeshError.from(fault))
    }
  }

  get #outbound(): NonNullable<CallHandler['outbound']> {
    return this.#call.outbound as NonNullable<CallHandler['outbound']>
  }

  #deliverHead(
    controller: DispatchController,
    head: ResponseHead,
    headers: ResponseHeaders,
    text: string | undefined,
  ): void {
    try {
      this.#call.head(head, head.headers.changed ? null : headers, controller.rawHeaders, text)
    } catch (error) {
      this.#thrown = error
      throw error
    }
  }

  #drainRest(controller: DispatchController, headers: ResponseHeaders): void {
    this.#drain ??= new ResponseDrain(controller, this.#call.runtime.clock)
    this.#drain.onHead(headers)
  }

  #body(): unknown {
    const call = this.#call
    const replay = call.replay
    if (replay === null) return call.options.body
    const action = call.outbound?.exchange.route?.action
    const policy = action !== undefined && action.kind === 'forward' ? action.retryPolicy : null
    if (policy === null || this.#attempt.number > policy.numRetries) replay.keepNoMore()
    return replay.open()
  }
}
