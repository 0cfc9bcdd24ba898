// One try at an upstream: which endpoint, which request head.
import type { Cluster } from '../cluster/cluster.ts'
import type { Endpoint } from '../cluster/endpoint.ts'
import type { RequestHead } from '../exchange/head.ts'

/** One try. Made by core, carried out by an adapter. */
export class Attempt {
  /** 1 for the first. */
  readonly number: number
  readonly cluster: Cluster
  readonly endpoint: Endpoint
  /** The request as it leaves: rewritten path and authority, headers in place. */
  readonly head: RequestHead
  /** Clock.now() at its start. */
  readonly startedAt: number
  /** 'open' until a response head or a reset; 'done' when core has forgotten it. */
  state: 'open' | 'responded' | 'done' = 'open'
  /** The adapter's own. */
  handle: unknown = null

  constructor(number: number, cluster: Cluster, endpoint: Endpoint, head: RequestHead, startedAt: number) {
    this.number = number
    this.cluster = cluster
    this.endpoint = endpoint
    this.head = head
    this.startedAt = startedAt
  }
}
