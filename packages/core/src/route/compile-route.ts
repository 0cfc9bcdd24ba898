// Compiles one route under its virtual host and route configuration: inherited headers, retry policy, filter overrides.
import type { Exchange } from '../exchange/exchange.ts'
import { compileRetryPolicy } from '../resilience/compile-retry-policy.ts'
import type { HttpFilterConfig } from '../resources/listener.ts'
import type { Origin } from '../resources/origin.ts'
import type {
  FilterOverrides,
  HeaderMutations,
  Route,
  RouteAction,
  RouteConfiguration,
  VirtualHost,
} from '../resources/route-configuration.ts'
import { compileDirectResponse, compileUnsupported } from './direct-response.ts'
import { compileHeaderMutation, type HeaderMutation, type HeaderSide, inOrder } from './header-mutation.ts'
import { compileRedirect } from './redirect.ts'
import { compileRequestMutation } from './request-mutation.ts'
import { compilePathRewrite } from './rewrite.ts'
import type { CompiledAction, CompiledRoute } from './route.ts'
import { compileTarget, weightedIndex } from './weighted-clusters.ts'

/** Where filter overrides go. */
export interface RouteContext {
  /** Slot of each filter of the connection manager, by its name. */
  readonly filterSlots: ReadonlyMap<string, number>
  /** Decodes an override for the filter in a slot; undefined when nothing reads it. */
  decodeOverride(slot: number, config: HttpFilterConfig): unknown
}

/** What routes of one configuration are compiled under. */
export interface RouteCompilation {
  readonly configuration: RouteConfiguration
  readonly context: RouteContext
}

/** A compiled route; where weighted clusters have overrides of their own, one for each cluster. */
export class RouteVariants {
  readonly all: readonly CompiledRoute[]
  readonly #split: Extract<RouteAction['target'], { kind: 'weighted' }> | null

  constructor(all: readonly CompiledRoute[], split: Extract<RouteAction['target'], { kind: 'weighted' }> | null) {
    this.all = all
    this.#split = split
  }

  /** The one for this request. The dice that chooses it chooses the same cluster later. */
  of(x: Exchange): CompiledRoute {
    const split = this.#split
    const at = split === null ? 0 : weightedIndex(split.clusters, split.totalWeight, x.random)
    return this.all[at] as CompiledRoute
  }
}

/** Compiles a route. */
export function compileRoute(route: Route, host: VirtualHost, compilation: RouteCompilation): RouteVariants {
  const { configuration } = compilation
  const levels: readonly FilterOverrides[] = [
    configuration.filterOverrides,
    host.filterOverrides,
    route.filterOverrides,
  ]
  const action = compileAction(route, host, configuration)
  const compile = (overrides: readonly FilterOverrides[]): CompiledRoute => ({
    name: route.name,
    origin: originOf(route, configuration.origin),
    virtualHost: host.name,
    metadata: route.metadata,
    decoratorOperation: route.decoratorOperation,
    action,
    overrides: compileOverrides(overrides, compilation.context),
    includeAttemptCount: host.includeAttemptCountInRequest,
  })
  const target = route.action.kind === 'route' ? route.action.target : null
  if (target?.kind === 'weighted' && target.clusters.some(({ filterOverrides }) => filterOverrides.size > 0))
    return new RouteVariants(
      target.clusters.map(({ filterOverrides }) => compile([...levels, filterOverrides])),
      target,
    )
  return new RouteVariants([compile(levels)], null)
}

function compileAction(route: Route, host: VirtualHost, configuration: RouteConfiguration): CompiledAction {
  const { action } = route
  switch (action.kind) {
    case 'route':
      return compileForward(action, route, host, configuration)
    case 'redirect':
      return compileRedirect(action, route.match.path, headerLevels('response', route, host, configuration))
    case 'direct_response':
      return compileDirectResponse(action, headerLevels('response', route, host, configuration))
    case 'unsupported':
      return compileUnsupported(action)
    case 'non_forwarding':
      return { kind: 'non_forwarding' }
  }
}

function compileForward(
  action: RouteAction,
  route: Route,
  host: VirtualHost,
  configuration: RouteConfiguration,
): CompiledAction {
  const chooser = compileTarget(action.target)
  // Envoy: the route's policy replaces the virtual host's.
  const retryPolicy = action.retryPolicy ?? host.retryPolicy
  return {
    kind: 'forward',
    chooseCluster: (x) => chooser.choose(x),
    timeoutMs: timeoutOf(action),
    retryPolicy: retryPolicy === null ? null : compileRetryPolicy(retryPolicy),
    requestMutation: compileRequestMutation({
      headers: headerLevels('request', route, host, configuration),
      host: action.hostRewriteLiteral,
      appendForwardedHost: action.appendXForwardedHost,
      path: compilePathRewrite(route.match.path, action.prefixRewrite, action.regexRewrite),
    }),
    responseMutation: headerLevels('response', route, host, configuration),
  }
}

/** 15 s when it is not set; a maximal stream duration ends the request as well. */
function timeoutOf({ timeoutMs, maxStreamDurationMs }: RouteAction): number {
  const timeout = timeoutMs ?? DEFAULT_TIMEOUT_MS
  const longest = maxStreamDurationMs ?? 0
  return longest === 0 || (timeout > 0 && timeout < longest) ? timeout : longest
}

/** Envoy: from the most specific level to the least, so that the least specific has the last word, or the other way round. */
function headerLevels(
  side: HeaderSide,
  route: Route,
  host: VirtualHost,
  configuration: RouteConfiguration,
): HeaderMutation | null {
  const levels: readonly HeaderMutations[] = [route.headers, host.headers, configuration.headers]
  const compiled = levels.map((level) => compileHeaderMutation(level, side))
  return inOrder(configuration.mostSpecificHeaderMutationsWins ? compiled.toReversed() : compiled)
}

/** The most specific override of each filter, in the filter's slot. */
function compileOverrides(levels: readonly FilterOverrides[], context: RouteContext): readonly unknown[] {
  const overrides: unknown[] = []
  for (let i = levels.length - 1; i >= 0; i--)
    for (const [name, config] of levels[i] as FilterOverrides) {
      const slot = context.filterSlots.get(name)
      if (slot === undefined || overrides[slot] !== undefined) continue
      while (overrides.length <= slot) overrides.push(undefined)
      overrides[slot] = context.decodeOverride(slot, config)
    }
  return overrides.length === 0 ? NO_OVERRIDES : overrides
}

function originOf(route: Route, origin: Origin): Origin {
  const config = route.metadata['istio']?.['config']
  return typeof config === 'string' ? { ...origin, config } : origin
}

const DEFAULT_TIMEOUT_MS = 15_000
const NO_OVERRIDES: readonly unknown[] = []
