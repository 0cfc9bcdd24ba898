// A compiled route: what one match leads to, ready to be read on the hot path.
import type { Exchange } from '../exchange/exchange.ts'
import type { RequestHead } from '../exchange/head.ts'
import type { Origin } from '../resources/origin.ts'
import type { Metadata } from '../resources/origin.ts'
import type { HeaderMutation } from './header-mutation.ts'
import type { RetryPolicy } from '../resilience/retry-policy.ts'
import type { Reply } from '../exchange/reply.ts'

/** What RouteTable.match answers. */
export interface CompiledRoute {
  readonly name: string
  readonly origin: Origin
  readonly virtualHost: string
  readonly metadata: Metadata
  readonly decoratorOperation: string | null
  readonly action: CompiledAction
  /** Filter overrides by the slot that the connection manager gave the filter; undefined where there is none. */
  readonly overrides: readonly unknown[]
  readonly includeAttemptCount: boolean
}

export type CompiledAction = ForwardAction | ReplyAction | NonForwardingAction

/** Forwards to a cluster. */
export interface ForwardAction {
  readonly kind: 'forward'
  /** The cluster for this request, by the exchange's own dice where there are several; null when a cluster header is missing. */
  chooseCluster(x: Exchange): ClusterChoice | null
  /** Milliseconds; 0 is none. */
  readonly timeoutMs: number
  readonly retryPolicy: RetryPolicy | null
  /** Path and host rewrites, and the request headers of route, virtual host and route configuration; null when there are none. */
  readonly requestMutation: ((head: RequestHead, x: Exchange) => void) | null
  readonly responseMutation: HeaderMutation | null
}

/** One entry of a weighted split, or the only cluster. Its mutations go before the route's, as in Envoy. */
export interface ClusterChoice {
  readonly cluster: string
  readonly requestMutation: ((head: RequestHead, x: Exchange) => void) | null
  readonly responseMutation: HeaderMutation | null
}

/** Answers by itself: direct response, redirect, or an action we do not support. */
export interface ReplyAction {
  readonly kind: 'reply'
  reply(x: Exchange): Reply
}

/** To the application behind the listener. */
export interface NonForwardingAction {
  readonly kind: 'non_forwarding'
}
