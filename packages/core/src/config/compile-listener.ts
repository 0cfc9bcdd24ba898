// A listener's snapshot, compiled: the outbound manager behind an API listener, or the filter chains of an inbound one.
import type { Connection } from '../exchange/connection.ts'
import type { Exchange } from '../exchange/exchange.ts'
import type { RequestHead } from '../exchange/head.ts'
import { HttpFilterChain, type RouteChooser } from '../exchange/http-filter-chain.ts'
import type { InboundManager } from '../inbound-http-call.ts'
import { FilterChainMatcher } from '../match/filter-chain-match.ts'
import type { Outbound, OutboundCall } from '../outbound.ts'
import type { FilterChain } from '../resources/listener.ts'
import type { CompiledRoute } from '../route/route.ts'
import type { AttemptSink } from '../router/attempt-sink.ts'
import { OutboundHttpCall } from '../router/outbound-http-call.ts'
import type { OutboundManager } from '../router/outbound-manager.ts'
import type { ClusterLookup } from '../cluster/cluster.ts'
import type { Clock } from '../runtime/clock.ts'
import type { Logger } from '../runtime/log.ts'
import type { Random } from '../runtime/random.ts'
import { type CompiledManager, compileManager, type CompileRuntime } from './compile-manager.ts'
import { admissionKey } from './reuse.ts'
import { routeConfigurationOf, type Snapshot } from './snapshot.ts'

/** Where an outbound listener's calls want to go. */
export interface OutboundTarget {
  readonly host: string
  readonly port: number
}

/** An outbound listener in force: one object for all its calls. */
export class CompiledOutbound implements Outbound, OutboundManager {
  readonly target: OutboundTarget
  readonly manager: CompiledManager
  readonly routes: RouteChooser
  readonly filters: HttpFilterChain
  readonly clusters: ClusterLookup
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly #runtime: CompileRuntime

  constructor(target: OutboundTarget, manager: CompiledManager, runtime: CompileRuntime) {
    this.target = target
    this.manager = manager
    this.routes = manager.routes
    this.filters = manager.filters
    this.clusters = runtime.clusters
    this.clock = runtime.clock
    this.random = runtime.random
    this.log = runtime.log
    this.#runtime = runtime
  }

  call(head: RequestHead, sink: AttemptSink): OutboundCall {
    return new OutboundHttpCall(this, head, sink)
  }

  onComplete(x: Exchange): void {
    this.#runtime.onComplete(x)
  }
}

/** Compiles an outbound listener; null when it has no API listener, which is not HTTP. Gives back `previous` when nothing changed. */
export function compileOutbound(
  snapshot: Snapshot,
  target: OutboundTarget,
  runtime: CompileRuntime,
  previous: CompiledOutbound | null,
): CompiledOutbound | null {
  const http = snapshot.listener.apiListener
  if (http === null) return null
  const before = previous === null ? null : previous.manager
  const manager = compileManager('outbound', http, routeConfigurationOf(snapshot, http), runtime, before)
  return manager === before ? previous : new CompiledOutbound(target, manager, runtime)
}

/** An inbound listener in force. */
export interface CompiledInbound {
  /** Two listeners with the same text let the same connections in. */
  readonly admission: string
  /** The manager for a connection; null when no filter chain matches. */
  match(connection: Connection): InboundManager | null
  /** For requests on a connection that is no longer let in. */
  readonly refusing: InboundManager
  /** By filter chain, for the next update. */
  readonly managers: ReadonlyMap<string, CompiledManager>
}

/** Compiles an inbound listener. */
export function compileInbound(
  snapshot: Snapshot,
  runtime: CompileRuntime,
  previous: CompiledInbound | null,
): CompiledInbound {
  const { listener } = snapshot
  const managers = new Map<string, CompiledManager>()
  const compile = (chain: FilterChain, key: string): InboundManager => {
    if (chain.http === null)
      return { ...shared(runtime), routes: transparent, filters: new HttpFilterChain([], runtime.log) }
    const before = previous?.managers.get(key) ?? null
    const manager = compileManager('inbound', chain.http, routeConfigurationOf(snapshot, chain.http), runtime, before)
    managers.set(key, manager)
    return { ...shared(runtime), routes: manager.routes, filters: manager.filters }
  }
  const chains = listener.filterChains.map((chain, i) => ({
    match: chain.match,
    chain: compile(chain, chain.name === '' ? `#${i}` : chain.name),
  }))
  const last = listener.defaultFilterChain
  const matcher = new FilterChainMatcher(chains, last === null ? null : compile(last, '#default'))
  return {
    admission: admissionKey(listener),
    match: (connection) => matcher.match(matchInput(connection)),
    refusing: { ...shared(runtime), routes: { match: () => null }, filters: new HttpFilterChain([], runtime.log) },
    managers,
  }
}

function shared(runtime: CompileRuntime): Omit<InboundManager, 'routes' | 'filters'> {
  const { clusters, clock, random, log } = runtime
  return { clusters, clock, random, log, onComplete: (x) => runtime.onComplete(x) }
}

function matchInput(connection: Connection): Parameters<FilterChainMatcher<unknown>['match']>[0] {
  const { mtls, serverName, alpn } = connection
  return {
    destinationAddress: withoutMapping(connection.localAddress),
    destinationPort: connection.localPort,
    sourceAddress: withoutMapping(connection.remoteAddress),
    serverName,
    transportProtocol: mtls || serverName !== null || alpn !== null ? 'tls' : 'raw_buffer',
    applicationProtocols: alpn === null ? [] : [alpn],
  }
}

/** A dual-stack socket shows IPv4 peers as IPv4-mapped IPv6 addresses. */
function withoutMapping(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address
}

/** A chain that does not end in HTTP carries bytes: its requests go to the application untouched. */
const toApplication: CompiledRoute = {
  name: '',
  origin: { type: 'Listener', name: '', version: '', config: null },
  virtualHost: '',
  metadata: {},
  decoratorOperation: null,
  action: { kind: 'non_forwarding' },
  overrides: [],
  includeAttemptCount: false,
}
const transparent: RouteChooser = { match: () => toApplication }
