// One outbound request through the mesh: route, request phase, attempts, response phase, completion. What an adapter
// calls; nothing that happens in here throws into it.
import { Exchange } from '../exchange/exchange.ts'
import type { RequestHead, ResponseHead } from '../exchange/head.ts'
import type { HeaderMap } from '../exchange/header-map.ts'
import { internalError } from '../exchange/http-filter-chain.ts'
import { type Reply, replies } from '../exchange/reply.ts'
import { ResponseFlag } from '../exchange/response-flag.ts'
import type { OutboundCall } from '../outbound.ts'
import type { ResetReason } from '../resilience/retry-policy.ts'
import type { Attempt } from './attempt.ts'
import type { AttemptSink } from './attempt-sink.ts'
import type { OutboundManager } from './outbound-manager.ts'
import { replyHead } from './reply-head.ts'
import { UpstreamCall } from './upstream-call.ts'
import type { UpstreamOwner } from './upstream-owner.ts'

/** A call through a compiled outbound listener. */
export class OutboundHttpCall implements OutboundCall, UpstreamOwner {
  readonly exchange: Exchange
  readonly manager: OutboundManager
  readonly sink: AttemptSink
  requestComplete = false
  bodyLost = false
  #upstream: UpstreamCall | null = null
  #state: 'new' | 'begun' | 'delivered' | 'replying' | 'complete' = 'new'

  constructor(manager: OutboundManager, head: RequestHead, sink: AttemptSink) {
    this.manager = manager
    this.sink = sink
    this.exchange = new Exchange('outbound', head, null, manager.clock.now(), manager.random.next())
  }

  begin(): void {
    if (this.#state !== 'new') return
    this.#state = 'begun'
    try {
      const x = this.exchange
      const { routes, filters } = this.manager
      x.route = routes.match(x)
      // As in Envoy the filters run without a route too: each of them then sees the reply and the completion.
      const answer = filters.onRequest(x, routes)
      if (answer === undefined) this.#forward(x.startedAt)
      else if (answer instanceof Promise) this.#wait(answer)
      else this.reply(answer)
    } catch (error) {
      this.fault(error)
    }
  }

  onRequestBytes(bytes: number): void {
    this.exchange.requestBodyBytes += bytes
  }

  onRequestComplete(): void {
    if (this.requestComplete || this.#state === 'complete') return
    this.requestComplete = true
    try {
      this.#upstream?.onRequestComplete()
    } catch (error) {
      this.fault(error)
    }
  }

  onBodyLost(): void {
    this.bodyLost = true
  }

  onResponse(attempt: Attempt, head: ResponseHead): 'deliver' | 'retry' | 'discard' {
    try {
      const verdict = this.#upstream === null ? 'discard' : this.#upstream.onResponse(attempt, head)
      if (verdict === 'deliver') {
        this.manager.filters.onResponse(this.exchange)
        this.#state = 'delivered'
      }
      return verdict
    } catch (error) {
      // The head was not handed on yet: a reply can take its place.
      this.#replaceBy(internalError, error)
      return 'discard'
    }
  }

  onResponseBytes(bytes: number): void {
    this.exchange.responseBodyBytes += bytes
  }

  onTrailers(attempt: Attempt, trailers: HeaderMap): void {
    if (this.#upstream?.delivers(attempt) === true) this.manager.filters.onTrailers(this.exchange, trailers)
  }

  onReset(attempt: Attempt, reason: ResetReason, error: Error): 'fail' | 'retry' | 'discard' {
    const upstream = this.#upstream
    if (upstream === null) return 'discard'
    const delivered = upstream.delivers(attempt)
    try {
      return upstream.onReset(attempt, reason, error)
    } catch (fault) {
      this.fault(fault)
      return delivered ? 'fail' : 'discard'
    }
  }

  onComplete(attempt: Attempt): void {
    const upstream = this.#upstream
    if (upstream === null || !upstream.delivers(attempt)) return
    try {
      upstream.close(false)
    } catch (error) {
      this.#report(error)
    }
    this.complete()
  }

  abort(): void {
    if (this.#state === 'complete' || this.#state === 'replying') return
    const x = this.exchange
    x.flags |= ResponseFlag.DownstreamConnectionTermination
    x.details = 'downstream_remote_disconnect'
    this.#close()
    this.complete()
  }

  reply(reply: Reply): void {
    if (this.#state === 'complete' || this.#state === 'replying') return
    this.#state = 'replying'
    const x = this.exchange
    try {
      const head = replyHead(reply, x.request)
      x.flags |= reply.flag
      x.details = reply.details
      x.response = head
      x.responseBodyBytes = reply.body.length
      this.manager.filters.onResponse(x)
      this.sink.reply(reply, head)
    } catch (error) {
      this.#report(error)
    }
    this.complete()
  }

  complete(): void {
    if (this.#state === 'complete') return
    this.#state = 'complete'
    const x = this.exchange
    // A clock that stands at 0 (in tests) must not make a completed exchange look unfinished.
    x.completedAt = this.manager.clock.now() || Number.MIN_VALUE
    this.manager.filters.onComplete(x)
    try {
      this.manager.onComplete(x)
    } catch (error) {
      this.#report(error)
    }
  }

  fault(error: unknown): void {
    // A response that is being passed on can't be replaced: it is cut off.
    if (this.#state !== 'delivered') {
      this.#replaceBy(internalError, error)
      return
    }
    this.#report(error)
    this.#close()
    this.complete()
  }

  // `now` is what the clock says: reading it costs as much as the rest of this function.
  #forward(now: number): void {
    const x = this.exchange
    const { route } = x
    if (route === null) {
      this.reply(replies.routeNotFound)
      return
    }
    const { action } = route
    if (action.kind === 'reply') {
      this.reply(action.reply(x))
      return
    }
    // Non-forwarding routes belong to a server; a client that meets one has no route (gRFC A36).
    const choice = action.kind === 'forward' ? action.chooseCluster(x) : null
    if (action.kind !== 'forward' || choice === null) {
      this.reply(action.kind === 'forward' ? replies.clusterNotFound : replies.routeNotFound)
      return
    }
    this.#upstream = new UpstreamCall(this, action, choice)
    this.#upstream.start(now)
    // Told before there was an upstream to tell, or while it was being started.
    if (this.requestComplete) this.#upstream.onRequestComplete()
  }

  #wait(answer: Promise<Reply | undefined>): void {
    void answer.then(
      (reply) => {
        if (this.#state !== 'begun') return
        try {
          if (reply === undefined) this.#forward(this.manager.clock.now())
          else this.reply(reply)
        } catch (error) {
          this.fault(error)
        }
      },
      (error: unknown) => this.fault(error),
    )
  }

  #replaceBy(reply: Reply, error: unknown): void {
    this.#report(error)
    this.#close()
    this.reply(reply)
  }

  #close(): void {
    try {
      this.#upstream?.close(true)
    } catch (error) {
      this.#report(error)
    }
  }

  #report(error: unknown): void {
    this.manager.log.error('an outbound call failed inside the mesh', {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
  }
}
