// The outbound half as an adapter sees it: a compiled listener for one destination, and a call through it.
import type { Exchange } from './exchange/exchange.ts'
import type { RequestHead, ResponseHead } from './exchange/head.ts'
import type { HeaderMap } from './exchange/header-map.ts'
import type { ResetReason } from './resilience/retry-policy.ts'
import type { Attempt } from './router/attempt.ts'
import type { AttemptSink } from './router/attempt-sink.ts'

/** A destination that the mesh knows: route table, filters, clusters, as of now. Look it up anew for each request. */
export interface Outbound {
  /** Makes a call. Nothing happens until `begin()`. */
  call(head: RequestHead, sink: AttemptSink): OutboundCall
}

/** One request to an upstream: route, request phase, attempts, response phase, completion. */
export interface OutboundCall {
  readonly exchange: Exchange
  /** Chooses the route, runs the request phase, and asks the sink to start an attempt or to reply. */
  begin(): void
  /** `bytes` more of the request's body have left. */
  onRequestBytes(bytes: number): void
  /** The request has left whole: the route's timeout starts here, as in Envoy. Counted once, for the first attempt that reaches it. */
  onRequestComplete(): void
  /** The request's body can't be sent a second time: no more retries. */
  onBodyLost(): void
  /**
   * A response head came. 'deliver': the response phase has run, hand `head` on. 'retry': drop this attempt's response
   * (drain or cancel it), another attempt follows. 'discard': nobody waits for it (a hedge's loser).
   */
  onResponse(attempt: Attempt, head: ResponseHead): 'deliver' | 'retry' | 'discard'
  onResponseBytes(bytes: number): void
  onTrailers(attempt: Attempt, trailers: HeaderMap): void
  /**
   * The attempt ended without a whole response. 'fail': its response had been delivered in part, hand `error` on.
   * 'retry': another attempt follows. 'discard': a reply has been given or will be, nothing to do.
   */
  onReset(attempt: Attempt, reason: ResetReason, error: Error): 'fail' | 'retry' | 'discard'
  /** The delivered response is whole. */
  onComplete(attempt: Attempt): void
  /** The caller has gone away: attempts are cancelled, completion follows with DC. */
  abort(): void
}

/** The mesh does not handle this destination: the adapter sends the request as if there were no mesh. */
export const PASS_THROUGH: unique symbol = Symbol('pass through')
/** The configuration that decides has not arrived; it is not a permission. Ask `whenOutbound` or `whenInbound`. */
export const NOT_READY: unique symbol = Symbol('not ready')
