// What an outbound call reads of its HTTP connection manager: one per listener, shared by all of its calls.
import type { ClusterLookup } from '../cluster/cluster.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { HttpFilterChain, RouteChooser } from '../exchange/http-filter-chain.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { Random } from '../runtime/random.ts'

/** A compiled outbound listener. */
export interface OutboundManager {
  readonly routes: RouteChooser
  readonly filters: HttpFilterChain
  readonly clusters: ClusterLookup
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Where the caller wanted to go: what an original_dst cluster dials. */
  readonly target: { readonly host: string; readonly port: number }
  /** Called once for each call, after the filters' completion; an error in it is logged. */
  onComplete(x: Exchange): void
}
