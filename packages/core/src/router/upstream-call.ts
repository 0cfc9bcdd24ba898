// The terminal of the request phase (Envoy's router filter): cluster, limits, pick, attempt, and again where the retry
// policy says so. Retries live here and nowhere else.
//
//   choosing -> (warming) -> (pending) -> open -> delivered -> done
//      ^                                   |
//      +----------- backing off <----------+            a reply, a fault or an abort leads from anywhere to done
import { stripPeerMetadata } from '../telemetry/peer-metadata.ts'
import type { Cluster } from '../cluster/cluster.ts'
import type { Endpoint } from '../cluster/endpoint.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { ResponseHead } from '../exchange/head.ts'
import { type Reply, replies } from '../exchange/reply.ts'
import { ResponseFlag } from '../exchange/response-flag.ts'
import type { AdmissionWaiter } from '../resilience/circuit-breaker.ts'
import type { ResetReason, RetryPolicy } from '../resilience/retry-policy.ts'
import { type Timeout, timeoutsOf, type TimeoutTarget } from '../resilience/timeout.ts'
import type { ClusterChoice, ForwardAction } from '../route/route.ts'
import { Attempt } from './attempt.ts'
import { outlierStatus } from './reply-head.ts'
import { failureKind, lateResetDetails, requestTooLarge, resetFlag, resetReply } from './reset-reply.ts'
import { RetryState } from './retry-state.ts'
import type { UpstreamOwner } from './upstream-owner.ts'

/** The attempts of one call. Errors of ours leave by exception, and the owner answers them. */
export class UpstreamCall implements AdmissionWaiter, TimeoutTarget {
  readonly #owner: UpstreamOwner
  readonly #action: ForwardAction
  readonly #choice: ClusterChoice
  #state: 'choosing' | 'warming' | 'pending' | 'open' | 'backing_off' | 'delivered' | 'done' = 'choosing'
  // Where a place is held or waited for; null when there is none.
  #cluster: Cluster | null = null
  #attempt: Attempt | null = null
  #retry: RetryState | null = null
  #routeTimeout: Timeout | null = null
  #tryTimeout: Timeout | null = null

  constructor(owner: UpstreamOwner, action: ForwardAction, choice: ClusterChoice) {
    this.#owner = owner
    this.#action = action
    this.#choice = choice
  }

  /** Changes the request as the route says, and starts the first attempt. `now` is what the clock says. */
  start(now: number): void {
    const x = this.#owner.exchange
    // Most specific first, as Envoy: the entry of the weighted split, then route, virtual host, route configuration.
    this.#choice.requestMutation?.(x.request, x)
    this.#action.requestMutation?.(x.request, x)
    this.#begin(now)
  }

  /** The request has left whole: the route's timeout and the timeout per try start, as in Envoy. */
  onRequestComplete(): void {
    if (this.#state === 'done' || (this.#action.timeoutMs === 0 && this.#tryTimeoutMs() === 0)) return
    const now = this.#owner.manager.clock.now()
    this.#startRouteTimeout(now)
    if (this.#state === 'open' && this.#tryTimeout === null) this.#startTryTimeout(now)
  }

  onResponse(attempt: Attempt, head: ResponseHead): 'deliver' | 'retry' | 'discard' {
    if (attempt !== this.#attempt || this.#state !== 'open') return 'discard'
    attempt.state = 'responded'
    this.#tryTimeout?.cancel()
    this.#tryTimeout = null
    const detector = attempt.cluster.outlierDetector
    detector?.onResponse(attempt.endpoint, outlierStatus(this.#owner.exchange.request, head))
    const policy = this.#action.retryPolicy
    if (policy !== null && policy.retriesResponse(head) && this.#retries(attempt, policy)) {
      this.#end(attempt)
      this.#backOff()
      return 'retry'
    }
    this.#retry?.release()
    this.#state = 'delivered'
    const x = this.#owner.exchange
    x.response = head
    x.respondedAt = this.#owner.manager.clock.now()
    x.details = 'via_upstream'
    this.#choice.responseMutation?.apply(head.headers, x)
    this.#action.responseMutation?.apply(head.headers, x)
    return 'deliver'
  }

  onReset(attempt: Attempt, reason: ResetReason, error: Error): 'fail' | 'retry' | 'discard' {
    // An adapter may tell of the end that our own cancelling caused.
    if (attempt !== this.#attempt || this.#state === 'done') return 'discard'
    const x = this.#owner.exchange
    x.upstreamFailure = error.message
    // An overflow says nothing about the host - Envoy issue 25487.
    if (reason !== 'overflow')
      attempt.cluster.outlierDetector?.onLocalOriginFailure(attempt.endpoint, failureKind(reason))
    if (this.#state === 'delivered') {
      x.flags |= resetFlag(reason)
      x.details = lateResetDetails(reason)
      this.close(false)
      this.#owner.complete()
      return 'fail'
    }
    return this.#failed(attempt, reason, false) ? 'retry' : 'discard'
  }

  /** Whether `attempt` is the one whose response is passed on. */
  delivers(attempt: Attempt): boolean {
    return this.#state === 'delivered' && attempt === this.#attempt
  }

  /** Gives back everything that is held; `cancel` tells the adapter to stop an attempt under way. */
  close(cancel: boolean): void {
    if (this.#state === 'done') return
    const pending = this.#state === 'pending'
    this.#state = 'done'
    this.#routeTimeout?.cancel()
    this.#tryTimeout?.cancel()
    this.#retry?.release()
    if (pending) this.#cluster?.circuitBreaker.abandon(this)
    const attempt = this.#attempt
    if (attempt === null) return
    try {
      if (cancel) this.#owner.sink.cancel(attempt)
    } finally {
      this.#end(attempt)
    }
  }

  /** A place under the circuit breaker came free and is ours. */
  onAdmitted(): void {
    try {
      this.#launch(this.#owner.manager.clock.now())
    } catch (error) {
      this.#owner.fault(error)
    }
  }

  onTimeout(tag: number): void {
    try {
      if (tag === ROUTE_TIMEOUT) this.#onRouteTimeout()
      else this.#onTryTimeout()
    } catch (error) {
      this.#owner.fault(error)
    }
  }

  #begin(now: number): void {
    const { exchange: x, manager } = this.#owner
    const cluster = manager.clusters.find(this.#choice.cluster)
    if (cluster === null) {
      this.#reply(replies.clusterNotFound)
      return
    }
    this.#cluster = cluster
    x.cluster = cluster
    const warm = cluster.whenWarm?.() ?? null
    if (warm === null) this.#admit(cluster, now)
    else this.#warmUp(cluster, warm, now)
  }

  #warmUp(cluster: Cluster, warm: Promise<void>, now: number): void {
    this.#state = 'warming'
    this.#startRouteTimeout(now)
    void warm.then(() => {
      if (this.#state !== 'warming') return
      try {
        this.#admit(cluster, this.#owner.manager.clock.now())
      } catch (error) {
        this.#owner.fault(error)
      }
    })
  }

  #admit(cluster: Cluster, now: number): void {
    switch (cluster.circuitBreaker.acquire(this)) {
      case 'admitted':
        this.#launch(now)
        return
      case 'pending':
        this.#state = 'pending'
        // Differs from Envoy: a request that waits for a place has begun its route timeout, body or not, because its
        // body is not read while it waits.
        this.#startRouteTimeout(now)
        return
      case 'overflow':
        this.#reply(resetReply('overflow', this.#retry !== null))
    }
  }

  // A place is held; it belongs to the attempt from here on, or is given back.
  #launch(now: number): void {
    const { exchange: x, sink } = this.#owner
    const cluster = this.#cluster as Cluster
    let endpoint: Endpoint | null
    try {
      endpoint = this.#pick(cluster)
    } catch (error) {
      cluster.circuitBreaker.release()
      throw error
    }
    if (endpoint === null) {
      cluster.circuitBreaker.release()
      this.#reply(replies.noHealthyUpstream)
      return
    }
    const number = ++x.attempts
    const attempt = new Attempt(number, cluster, endpoint, x.request, now)
    const active = endpoint.table.active
    active[endpoint.index] = (active[endpoint.index] as number) + 1
    this.#attempt = attempt
    this.#state = 'open'
    x.endpoint = endpoint
    x.peer = endpoint.peer
    // Who calls is told to workloads of the mesh alone (Istio's peer metadata filter: skip_external_clusters).
    if (cluster.external) stripPeerMetadata(x.request.headers)
    if (x.route?.includeAttemptCount === true) x.request.headers.set('x-envoy-attempt-count', String(number))
    this.#announceTimeout(x, now)
    if (this.#owner.requestComplete) this.#startTryTimeout(now)
    sink.start(attempt)
  }

  #pick(cluster: Cluster): Endpoint | null {
    const { exchange: x, manager } = this.#owner
    if (cluster.resource.discovery.kind === 'original_dst') {
      return cluster.pickOriginal?.(manager.target.host, manager.target.port) ?? null
    }
    const tried = this.#retry === null ? null : this.#retry.tried
    if (tried === null) return cluster.picker.pick(x, null)
    return cluster.picker.pick(x, tried, this.#action.retryPolicy?.hostSelectionMaxAttempts ?? 1)
  }

  // What the upstream may spend: the timeout per try, else what is left of the route's.
  #announceTimeout(x: Exchange, now: number): void {
    const { timeoutMs } = this.#action
    let expected = this.#tryTimeoutMs() || timeoutMs
    if (expected === 0) return
    if (timeoutMs > 0 && this.#routeTimeout !== null) {
      expected = Math.max(1, Math.min(expected, Math.floor(x.deadline - now)))
    }
    x.request.headers.set('x-envoy-expected-rq-timeout-ms', String(expected))
  }

  #startRouteTimeout(now: number): void {
    const { timeoutMs } = this.#action
    if (timeoutMs === 0 || this.#routeTimeout !== null) return
    const { exchange: x, manager } = this.#owner
    x.deadline = now + timeoutMs
    this.#routeTimeout = timeoutsOf(manager.clock).start(timeoutMs, now, this, ROUTE_TIMEOUT)
  }

  // Differs from Envoy: time spent on connecting counts, because the adapter connects within the attempt.
  #startTryTimeout(now: number): void {
    const timeoutMs = this.#tryTimeoutMs()
    if (timeoutMs === 0) return
    this.#tryTimeout = timeoutsOf(this.#owner.manager.clock).start(timeoutMs, now, this, TRY_TIMEOUT)
  }

  // A timeout per try that is not below the route's is ignored.
  #tryTimeoutMs(): number {
    const { retryPolicy, timeoutMs } = this.#action
    const perTry = retryPolicy === null ? 0 : retryPolicy.perTryTimeoutMs
    return timeoutMs > 0 && perTry >= timeoutMs ? 0 : perTry
  }

  // Never tried again, whatever the policy says.
  #onRouteTimeout(): void {
    if (this.#state === 'done') return
    const attempt = this.#attempt
    const x = this.#owner.exchange
    if (this.#state === 'delivered') {
      x.flags |= ResponseFlag.UpstreamRequestTimeout
      x.details = replies.upstreamRequestTimeout.details
      this.close(true)
      this.#owner.complete()
      return
    }
    if (attempt !== null) attempt.cluster.outlierDetector?.onLocalOriginFailure(attempt.endpoint, 'timeout')
    this.#reply(replies.upstreamRequestTimeout)
  }

  #onTryTimeout(): void {
    this.#tryTimeout = null
    const attempt = this.#attempt
    if (attempt === null || this.#state !== 'open') return
    attempt.cluster.outlierDetector?.onLocalOriginFailure(attempt.endpoint, 'timeout')
    this.#failed(attempt, 'per_try_timeout', true)
  }

  // An attempt ended before its response head, by itself or by us (`cancel`). True: another follows.
  #failed(attempt: Attempt, reason: ResetReason, cancel: boolean): boolean {
    const policy = this.#action.retryPolicy
    const sent = reason !== 'connection_failure' && reason !== 'connection_timeout' && reason !== 'overflow'
    const again = policy !== null && policy.retriesReset(reason, sent) && this.#retries(attempt, policy)
    this.#end(attempt)
    if (cancel) this.#owner.sink.cancel(attempt)
    if (again) {
      this.#backOff()
      return true
    }
    this.#reply(resetReply(reason, attempt.number > 1))
    return false
  }

  // The policy would try again: whether it may. Sets Envoy's flags when it may not.
  #retries(attempt: Attempt, policy: RetryPolicy): boolean {
    const { exchange: x, bodyLost } = this.#owner
    if (bodyLost) return false
    this.#retry ??= new RetryState(policy)
    switch (this.#retry.decide(attempt.endpoint, attempt.cluster.circuitBreaker)) {
      case 'retry':
        return true
      case 'limit':
        x.flags |= ResponseFlag.UpstreamRetryLimitExceeded
        return false
      case 'overflow':
        x.flags |= ResponseFlag.UpstreamOverflow
        return false
    }
  }

  #backOff(): void {
    const { manager } = this.#owner
    this.#state = 'backing_off'
    // Counted from the first failure on at the latest: a host that never answers must not postpone it for ever.
    this.#startRouteTimeout(manager.clock.now())
    this.#retry?.schedule(manager.clock, manager.random, () => {
      if (this.#state !== 'backing_off') return
      this.#state = 'choosing'
      try {
        if (this.#owner.bodyLost) this.#reply(requestTooLarge)
        else this.#begin(manager.clock.now())
      } catch (error) {
        this.#owner.fault(error)
      }
    })
  }

  #end(attempt: Attempt): void {
    if (attempt.state === 'done') return
    attempt.state = 'done'
    this.#attempt = null
    this.#tryTimeout?.cancel()
    this.#tryTimeout = null
    const { table, index } = attempt.endpoint
    table.active[index] = (table.active[index] as number) - 1
    attempt.cluster.circuitBreaker.release()
  }

  #reply(reply: Reply): void {
    this.close(true)
    this.#owner.reply(reply)
  }
}

const ROUTE_TIMEOUT = 0
const TRY_TIMEOUT = 1
