// One request through the mesh, from its head to its completion: the state that filters, routes, clusters and telemetry
// share. Every field is set in the constructor, so that all exchanges have one shape.
import type { Cluster } from '../cluster/cluster.ts'
import type { Endpoint } from '../cluster/endpoint.ts'
import type { CompiledRoute } from '../route/route.ts'
import type { Connection } from './connection.ts'
import type { RequestHead, ResponseHead } from './head.ts'
import type { Peer } from './peer.ts'

export type Side = 'outbound' | 'inbound'

export class Exchange {
  readonly side: Side
  readonly request: RequestHead
  /** The downstream connection; null for a call of this process's own. */
  readonly connection: Connection | null
  /** Clock.now() when the request's head was known. */
  readonly startedAt: number
  /** The one dice of this request, in [0, 1): weighted clusters and fractions read it. */
  readonly random: number

  response: ResponseHead | null = null
  /** The workload at the other end: the caller inbound, the upstream outbound. */
  peer: Peer | null = null
  route: CompiledRoute | null = null
  cluster: Cluster | null = null
  endpoint: Endpoint | null = null
  /** Attempts that have started. */
  attempts = 0
  /** Envoy's response flags as bits. */
  flags = 0
  /** Envoy's response code details; null until there is an answer. */
  details: string | null = null
  /** Clock.now() by which the answer must be complete; Infinity for none. */
  deadline: number = Number.POSITIVE_INFINITY
  /** Bytes of the request's body and of the response's body, as they passed. */
  requestBodyBytes = 0
  responseBodyBytes = 0
  /** Clock.now() when the upstream's response head came; 0 before. */
  respondedAt = 0
  /** Clock.now() at completion; 0 before. */
  completedAt = 0
  /** What brought the upstream connection down; null when nothing did. */
  upstreamFailure: string | null = null
  /** Set by a filter that changed what routing reads: the route is chosen again before the next filter. */
  routeCleared = false
  /** Where Slots keep what they are given; null until the first. */
  slots: unknown[] | null = null

  constructor(side: Side, request: RequestHead, connection: Connection | null, startedAt: number, random: number) {
    this.side = side
    this.request = request
    this.connection = connection
    this.startedAt = startedAt
    this.random = random
  }

  /** Asks for the route to be chosen again, after a filter changed what routing reads. */
  clearRoute(): void {
    this.routeCleared = true
  }
}
