// The one thing that core may call in an adapter while a request is under way.
import type { ResponseHead } from '../exchange/head.ts'
import type { Reply } from '../exchange/reply.ts'
import type { Attempt } from './attempt.ts'

/**
 * An adapter's side of one outbound call. Core begins per-try timers, retries, hedges and mirrors on its own side and
 * tells the adapter by these four. They are called synchronously from `begin()` or later from timers, never after
 * the call has completed. None may throw.
 */
export interface AttemptSink {
  /** Send the request to `attempt.endpoint`. The outcome is told by onResponse, onReset, onComplete of the call. */
  start(attempt: Attempt): void
  /** Send a copy whose answer nobody reads. */
  startShadow(attempt: Attempt): void
  /**
   * Stop the attempt; its further events are not wanted. While `attempt.state` is 'responded' its response was being
   * passed on: the route's timeout ended it, so fail it downstream with MESH_UPSTREAM_TIMEOUT (after an `abort()` of the
   * caller's own there is nobody to tell).
   */
  cancel(attempt: Attempt): void
  /** Give this answer downstream. The response phase has run; `head` is what to send. */
  reply(reply: Reply, head: ResponseHead): void
}
