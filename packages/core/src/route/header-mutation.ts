// Header changes of routes, compiled (config.core.v3 HeaderValueOption): removals first, then additions in order.
import type { Exchange } from '../exchange/exchange.ts'
import type { HeaderMap } from '../exchange/header-map.ts'

/** Changes a header map. `x` is what Envoy's formatters read. */
export interface HeaderMutation {
  apply(headers: HeaderMap, x: Exchange): void
}
