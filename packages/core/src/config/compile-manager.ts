// An HTTP connection manager, compiled: its filters in order and its route table. What an update leaves as it was is taken
// over by identity, so that filters keep what they have counted and virtual hosts need not be compiled again.
import type { ClusterLookup } from '../cluster/cluster.ts'
import type { Exchange, Side } from '../exchange/exchange.ts'
import type { HttpFilter } from '../exchange/http-filter.ts'
import { HttpFilterChain, type RouteChooser } from '../exchange/http-filter-chain.ts'
import { createAccessLogFilter } from '../filters/access-log.ts'
import { createPeerMetadataFilter } from '../filters/peer-metadata.ts'
import { builtInsOf, type DecodedFilters, type HttpFilterRegistry } from '../filters/registry.ts'
import { createStatsFilter } from '../filters/stats.ts'
import { createTracingFilter } from '../filters/tracing.ts'
import type { HttpConnectionManager } from '../resources/listener.ts'
import type { RouteConfiguration } from '../resources/route-configuration.ts'
import { compileRouteTable, type RouteContext, type RouteTable } from '../route/route-table.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { Random } from '../runtime/random.ts'
import { compileAccessLogFormat, createAccessLog, type AccessLog } from '../telemetry/access-log.ts'
import type { LogSinks } from '../telemetry/log-sink.ts'
import type { SelfMetadata } from '../telemetry/peer-metadata.ts'
import type { ContextCarrier } from '../telemetry/request-context.ts'
import type { StandardMetrics } from '../telemetry/standard-metrics.ts'
import { filtersKey } from './reuse.ts'

/** What compiled connection managers share: the process's telemetry, its clusters, its own name. */
export interface CompileRuntime {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly clusters: ClusterLookup
  readonly registry: HttpFilterRegistry
  readonly metrics: StandardMetrics
  readonly sinks: LogSinks
  readonly self: SelfMetadata
  readonly carrier: ContextCarrier
  /** Chains that several managers share: those without filters of their own, which alone keep state per manager. */
  readonly chains: Map<string, HttpFilterChain>
  /** Called once for each request, after its filters' completion. */
  onComplete(x: Exchange): void
}

/** A connection manager in force. */
export interface CompiledManager {
  readonly filters: HttpFilterChain
  readonly routes: RouteChooser
  /** What it was compiled from, for the next update. */
  readonly source: {
    readonly manager: HttpConnectionManager
    readonly filtersKey: string
    readonly decoded: DecodedFilters
    readonly routeConfiguration: RouteConfiguration | null
    readonly table: RouteTable | null
  }
}

/** Compiles a manager. `routeConfiguration` null: it could not be had, and no request finds a route. */
export function compileManager(
  side: Side,
  manager: HttpConnectionManager,
  routeConfiguration: RouteConfiguration | null,
  runtime: CompileRuntime,
  previous: CompiledManager | null,
): CompiledManager {
  if (previous?.source.manager === manager && previous.source.routeConfiguration === routeConfiguration) return previous
  const key = filtersKey(manager)
  const same = previous !== null && previous.source.filtersKey === key ? previous : null
  const decoded = same === null ? runtime.registry.decodeAll(manager.httpFilters) : same.source.decoded
  const filters = same === null ? filterChain(side, manager, decoded, key, runtime) : same.filters
  if (same !== null && same.source.routeConfiguration === routeConfiguration) return same
  const table =
    routeConfiguration === null
      ? null
      : compileRouteTable(routeConfiguration, routeContext(decoded, runtime), same === null ? null : same.source.table)
  const source = { manager, filtersKey: key, decoded, routeConfiguration, table }
  return { filters, routes: table ?? noRoutes, source }
}

/** Where a route's overrides go. One that cannot be read is left out: its filter keeps the manager's configuration. */
function routeContext(decoded: DecodedFilters, runtime: CompileRuntime): RouteContext {
  return {
    filterSlots: new Map(decoded.names.map((name, slot) => [name, slot])),
    decodeOverride(slot, config) {
      const override = runtime.registry.decodeOverride(decoded, slot, config)
      if (override.ok) return override.config
      runtime.log.warn(`a route's override of filter "${config.name}" is left out: ${override.errors.join('; ')}`)
      return undefined
    },
  }
}

function filterChain(
  side: Side,
  manager: HttpConnectionManager,
  decoded: DecodedFilters,
  key: string,
  runtime: CompileRuntime,
): HttpFilterChain {
  if (decoded.filters.some((filter) => filter.builtIn === null)) return compileFilters(side, manager, decoded, runtime)
  const shared = `${side} ${key}`
  let chain = runtime.chains.get(shared)
  if (chain === undefined) {
    chain = compileFilters(side, manager, decoded, runtime)
    runtime.chains.set(shared, chain)
  }
  return chain
}

/**
 * Peer metadata, tracing and stats go in front, in this order, unless http_filters has a place of its own for them: where
 * xDS gives an order, that order wins. The access log comes last, so that it sees what every filter has noted.
 */
function compileFilters(
  side: Side,
  manager: HttpConnectionManager,
  decoded: DecodedFilters,
  runtime: CompileRuntime,
): HttpFilterChain {
  const placed = builtInsOf(decoded)
  const peerMetadata = createPeerMetadataFilter(side, runtime.self)
  const stats = createStatsFilter(runtime.metrics, side)
  const filters: HttpFilter[] = []
  if (!placed.has('peerMetadata')) filters.push(peerMetadata)
  filters.push(
    createTracingFilter({
      side,
      random: runtime.random,
      carrier: runtime.carrier,
      randomSampling: manager.tracing === null ? null : manager.tracing.randomSampling,
      generateRequestId: manager.generateRequestId,
    }),
  )
  if (!placed.has('stats')) filters.push(stats)
  filters.push(...runtime.registry.create(decoded.filters, { stats, peerMetadata }, runtime))
  const accessLog = createAccessLogFilter(compileAccessLogs(manager, runtime))
  if (accessLog !== null) filters.push(accessLog)
  return new HttpFilterChain(filters, runtime.log)
}

/** A format with errors was a NACK before it could come here; what is left of it is written all the same. */
function compileAccessLogs(manager: HttpConnectionManager, runtime: CompileRuntime): AccessLog[] {
  return manager.accessLogs.map(({ format, path }) =>
    createAccessLog(compileAccessLogFormat(format, runtime.clock), runtime.sinks.open(path)),
  )
}

/** Stands for a route configuration that could not be had: every request is answered with NR. */
const noRoutes: RouteChooser = { match: () => null }
