// What a downstream handler is told, as functions to run in an async scope: one call of each is made per event of a request,
// so there is no closure.
import type { Duplex } from 'node:stream'
import type { DispatchController, DispatchHandler, ResponseHeaders } from './undici.ts'

/** A response head, 1xx included. */
export function tellHead(
  downstream: DispatchHandler,
  controller: DispatchController,
  status: number,
  headers: ResponseHeaders,
  text: string | undefined,
): void {
  downstream.onResponseStart?.(controller, status, headers as never, text)
}

/** The connection is downstream's from here on. */
export function tellUpgrade(
  downstream: DispatchHandler,
  controller: DispatchController,
  status: number,
  headers: ResponseHeaders,
  socket: Duplex,
): void {
  downstream.onRequestUpgrade?.(controller, status, headers as never, socket)
}

/** A piece of the body. */
export function tellData(downstream: DispatchHandler, controller: DispatchController, chunk: Buffer): void {
  downstream.onResponseData?.(controller, chunk)
}

/** The response is whole. */
export function tellEnd(downstream: DispatchHandler, controller: DispatchController, trailers: ResponseHeaders): void {
  downstream.onResponseEnd?.(controller, trailers as never)
}

/** The request has failed; nothing follows. */
export function tellError(downstream: DispatchHandler, controller: DispatchController, error: Error): void {
  downstream.onResponseError?.(controller, error)
}
