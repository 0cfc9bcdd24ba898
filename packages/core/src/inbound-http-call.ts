// One request from a peer to the application: route, request phase, the application's answer or ours, response phase,
// completion exactly once. The counterpart of router/outbound-http-call.ts.
import type { ClusterLookup } from './cluster/cluster.ts'
import type { Connection } from './exchange/connection.ts'
import { Exchange } from './exchange/exchange.ts'
import type { RequestHead, ResponseHead } from './exchange/head.ts'
import type { HttpFilterChain, RouteChooser } from './exchange/http-filter-chain.ts'
import { replies, type Reply } from './exchange/reply.ts'
import { ResponseFlag } from './exchange/response-flag.ts'
import type { InboundCall, InboundReply } from './inbound.ts'
import type { HeaderMutation } from './route/header-mutation.ts'
import { replyHead } from './router/reply-head.ts'
import type { Clock } from './runtime/clock.ts'
import type { Logger } from './runtime/log.ts'
import type { Random } from './runtime/random.ts'

/** What an inbound call reads of its HTTP connection manager: one per filter chain, shared by all of its calls. */
export interface InboundManager {
  readonly routes: RouteChooser
  readonly filters: HttpFilterChain
  readonly clusters: ClusterLookup
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Called once for each call, after the filters' completion; an error in it is logged. */
  onComplete(x: Exchange): void
}

/**
 * An inbound call.
 *
 *     new -> request phase -> at the application -> response phase -> complete
 *                          -> replied (response phase has run)     -> complete
 */
export class InboundHttpCall implements InboundCall {
  readonly exchange: Exchange
  readonly #manager: InboundManager
  #responseMutations: HeaderMutation | null = null
  #choiceMutations: HeaderMutation | null = null
  #responded = false
  #completed = false

  constructor(manager: InboundManager, head: RequestHead, connection: Connection) {
    this.#manager = manager
    this.exchange = new Exchange('inbound', head, connection, manager.clock.now(), manager.random.next())
  }

  begin(): 'continue' | InboundReply | Promise<'continue' | InboundReply> {
    const x = this.exchange
    const { routes, filters } = this.#manager
    x.route = routes.match(x)
    const answer = filters.onRequest(x, routes)
    return answer instanceof Promise ? answer.then((reply) => this.#route(reply)) : this.#route(answer)
  }

  onResponse(head: ResponseHead): void {
    if (this.#responded || this.#completed) return
    this.exchange.details ??= 'via_upstream'
    this.#respond(head)
  }

  onRequestBytes(bytes: number): void {
    this.exchange.requestBodyBytes += bytes
  }

  onResponseBytes(bytes: number): void {
    this.exchange.responseBodyBytes += bytes
  }

  onComplete(outcome: 'finished' | 'aborted'): void {
    if (this.#completed) return
    this.#completed = true
    const x = this.exchange
    if (outcome === 'aborted') {
      x.flags |= ResponseFlag.DownstreamConnectionTermination
      x.details = 'downstream_remote_disconnect'
    }
    // A clock that stands at 0 (in tests) must not make a completed exchange look unfinished.
    x.completedAt = this.#manager.clock.now() || Number.MIN_VALUE
    this.#manager.filters.onComplete(x)
    try {
      this.#manager.onComplete(x)
    } catch (error) {
      this.#manager.log.error('a listener of completions failed', { error: String(error) })
    }
  }

  /** After the request phase: the application's turn, or a reply of a filter or a route. */
  #route(reply: Reply | undefined): 'continue' | InboundReply {
    if (reply !== undefined) return this.#reply(reply)
    const x = this.exchange
    const route = x.route
    if (route === null) return this.#reply(replies.routeNotFound)
    const action = route.action
    switch (action.kind) {
      case 'non_forwarding':
        return 'continue'
      case 'reply':
        return this.#reply(action.reply(x))
      case 'forward': {
        // An inbound cluster is the application itself (`inbound|8080||`): it is named in metrics and never dialled.
        const choice = action.chooseCluster(x)
        if (choice === null) return this.#reply(replies.clusterNotFound)
        x.cluster = this.#manager.clusters.find(choice.cluster)
        choice.requestMutation?.(x.request, x)
        action.requestMutation?.(x.request, x)
        this.#responseMutations = action.responseMutation
        this.#choiceMutations = choice.responseMutation
        return 'continue'
      }
    }
  }

  #reply(reply: Reply): InboundReply {
    const x = this.exchange
    x.flags |= reply.flag
    x.details = reply.details
    const head = replyHead(reply, x.request)
    this.#respond(head)
    return { reply, head }
  }

  #respond(head: ResponseHead): void {
    const x = this.exchange
    this.#responded = true
    x.respondedAt = this.#manager.clock.now()
    x.response = head
    this.#choiceMutations?.apply(head.headers, x)
    this.#responseMutations?.apply(head.headers, x)
    this.#manager.filters.onResponse(x)
  }
}
