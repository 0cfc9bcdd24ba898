// Istio's standard metrics of requests as a filter (istio/proxy's stats filter): counts each exchange at its completion.
import type { Exchange, Side } from '../exchange/exchange.ts'
import type { HeaderMap } from '../exchange/header-map.ts'
import type { HttpFilter } from '../exchange/http-filter.ts'
import { noteTrailers } from '../telemetry/grpc-status.ts'
import type { StandardMetrics } from '../telemetry/standard-metrics.ts'

/** The filter for one side: reporter `source` outbound, `destination` inbound. */
export function createStatsFilter(metrics: StandardMetrics, side: Side): HttpFilter {
  return new StatsFilter(metrics, side)
}

class StatsFilter implements HttpFilter {
  readonly name = 'istio.stats'
  readonly side: Side
  readonly #metrics: StandardMetrics

  constructor(metrics: StandardMetrics, side: Side) {
    this.#metrics = metrics
    this.side = side
  }

  onTrailers(x: Exchange, trailers: HeaderMap): void {
    noteTrailers(x, trailers)
  }

  onComplete(x: Exchange): void {
    this.#metrics.record(x)
  }
}
