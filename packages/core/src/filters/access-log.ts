// Access logs of a connection manager as a filter: each exchange is written at its completion.
import type { Exchange } from '../exchange/exchange.ts'
import type { HeaderMap } from '../exchange/header-map.ts'
import type { HttpFilter } from '../exchange/http-filter.ts'
import type { AccessLog } from '../telemetry/access-log.ts'
import { noteTrailers } from '../telemetry/grpc-status.ts'

/** The filter for a connection manager's logs; null when it has none, which costs nothing. */
export function createAccessLogFilter(logs: readonly AccessLog[]): HttpFilter | null {
  return logs.length === 0 ? null : new AccessLogFilter(logs)
}

class AccessLogFilter implements HttpFilter {
  readonly name = 'access_log'
  readonly #logs: readonly AccessLog[]

  constructor(logs: readonly AccessLog[]) {
    this.#logs = logs
  }

  onTrailers(x: Exchange, trailers: HeaderMap): void {
    noteTrailers(x, trailers)
  }

  onComplete(x: Exchange): void {
    for (const log of this.#logs) log.write(x)
  }
}
