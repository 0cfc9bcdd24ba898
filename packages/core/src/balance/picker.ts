// A momentary state of a cluster's load balancing: synchronous, replaced on change (grpc-js picker.ts).
import type { Endpoint } from '../cluster/endpoint.ts'
import type { Exchange } from '../exchange/exchange.ts'

/** Chooses an endpoint for one attempt. */
export interface Picker {
  /**
   * Null: no endpoint is usable (UH). `tried` are endpoints that this request tried already and that should be avoided;
   * may be null. `reattempts` is how often a tried one is picked again for another before it stands
   * (host_selection_retry_max_attempts; Envoy's default is 1).
   */
  pick(x: Exchange, tried: readonly Endpoint[] | null, reattempts?: number): Endpoint | null
}
