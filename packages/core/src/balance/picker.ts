// A momentary state of a cluster's load balancing: immutable and synchronous, replaced on change (grpc-js picker.ts).
import type { Endpoint } from '../cluster/endpoint.ts'
import type { Exchange } from '../exchange/exchange.ts'

/** Chooses an endpoint for one attempt. */
export interface Picker {
  /** Null: no endpoint is usable (UH). `tried` are endpoints that this request tried already and that should be avoided; may be null. */
  pick(x: Exchange, tried: readonly Endpoint[] | null): Endpoint | null
}
