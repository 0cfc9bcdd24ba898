// A step around a request. Phases and not promises: in undici a body's chunks and its end arrive before a microtask that
// was queued at the head, so a response filter that awaits would run too late.
import type { HttpFilterConfig } from '../resources/listener.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { Random } from '../runtime/random.ts'
import type { Exchange } from './exchange.ts'
import type { HeaderMap } from './header-map.ts'
import type { Reply } from './reply.ts'

/** A filter of one HTTP connection manager. It is made once per manager; what belongs to one request lives in a Slot. */
export interface HttpFilter {
  readonly name: string
  /** A fault in onRequest answers 500 instead of letting the request pass: for filters that guard. Default false. */
  readonly failClosed?: boolean
  /** May wait, change the request's head, or answer by a Reply, which then passes through the whole response phase. */
  onRequest?(x: Exchange): Reply | undefined | Promise<Reply | undefined>
  /** Synchronous, in reverse order. Sees `x.response` and may change it. */
  onResponse?(x: Exchange): void
  onTrailers?(x: Exchange, trailers: HeaderMap): void
  /** Exactly once per request, however it ended. */
  onComplete?(x: Exchange): void
}

/** What a factory is given beside its configuration. */
export interface FilterRuntime {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** Decodes a filter's configuration and builds the filter. Decode is apart from building, so that bad input is a NACK. */
export interface HttpFilterFactory<C> {
  /** Type URLs without `type.googleapis.com/`. */
  readonly typeUrls: readonly string[]
  /** Decodes a configuration or a per-route override; all reasons at once when it is wrong. */
  decode(
    config: HttpFilterConfig,
  ):
    | { readonly ok: true; readonly config: C; readonly warnings: readonly string[] }
    | { readonly ok: false; readonly errors: readonly string[] }
  /** Null: this configuration has nothing to do, and costs nothing. */
  create(config: C, runtime: FilterRuntime): HttpFilter | null
}
