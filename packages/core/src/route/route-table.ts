// A route configuration, compiled: from a request to its route. Virtual hosts whose resource is unchanged are taken over
// from the table before, so that a changed weight compiles one host of a thousand.
import type { Exchange } from '../exchange/exchange.ts'
import { DomainTable } from '../match/domain.ts'
import { pathEnd } from '../match/path.ts'
import type { RouteConfiguration, VirtualHost } from '../resources/route-configuration.ts'
import { isEqual } from './deep-equal.ts'
import type { RouteContext } from './compile-route.ts'
import type { CompiledRoute } from './route.ts'
import { CompiledVirtualHost } from './virtual-host.ts'

export type { RouteContext } from './compile-route.ts'

/** The routes of one route configuration. */
export class RouteTable {
  readonly resource: RouteConfiguration
  /** In the order of the resource. */
  readonly virtualHosts: readonly CompiledVirtualHost[]
  /** What the hosts were compiled under. */
  readonly context: RouteContext
  readonly #domains: DomainTable<CompiledVirtualHost>

  constructor(resource: RouteConfiguration, virtualHosts: readonly CompiledVirtualHost[], context: RouteContext) {
    this.resource = resource
    this.virtualHosts = virtualHosts
    this.context = context
    this.#domains = new DomainTable(
      virtualHosts.flatMap((host) => host.resource.domains.map((domain) => [domain, host] as const)),
      resource.ignorePortInHostMatching,
    )
  }

  /** The request's route; null is Envoy's NR. */
  match(x: Exchange): CompiledRoute | null {
    const host = this.#domains.find(x.request.authority)
    return host === null ? null : host.match(x, pathEnd(x.request.path))
  }

  /** The virtual host of an authority; null when none has a domain for it. */
  virtualHost(authority: string): CompiledVirtualHost | null {
    return this.#domains.find(authority)
  }
}

/** Compiles a route configuration, with the table before it where there was one. */
export function compileRouteTable(
  config: RouteConfiguration,
  context: RouteContext,
  previous: RouteTable | null,
): RouteTable {
  const reusable = previous !== null && compilesAlike(previous, config, context) ? hostsByName(previous) : null
  const hosts = config.virtualHosts.map((host) => {
    const before = reusable?.get(host.name)
    if (before !== undefined && isSameHost(before.resource, host)) return before
    return new CompiledVirtualHost(host, { configuration: config, context })
  })
  return new RouteTable(config, hosts, context)
}

/** Every cluster that a configuration can send a request to; those named by a request header are not known. */
export function clusterNames(config: RouteConfiguration): ReadonlySet<string> {
  const names = new Set<string>()
  for (const host of config.virtualHosts)
    for (const { action } of host.routes) {
      if (action.kind !== 'route') continue
      if (action.target.kind === 'cluster') names.add(action.target.cluster)
      else if (action.target.kind === 'weighted') for (const { cluster } of action.target.clusters) names.add(cluster)
    }
  return names
}

// The decoder hands the same object on while a host's bytes stay the same; other sources may make equal ones.
function isSameHost(a: VirtualHost, b: VirtualHost): boolean {
  return a === b || isEqual(a, b)
}

/** Whether a virtual host would be compiled to the same under both. */
function compilesAlike(previous: RouteTable, config: RouteConfiguration, context: RouteContext): boolean {
  const before = previous.resource
  return (
    before.name === config.name &&
    before.mostSpecificHeaderMutationsWins === config.mostSpecificHeaderMutationsWins &&
    isEqual(before.headers, config.headers) &&
    isEqual(before.filterOverrides, config.filterOverrides) &&
    isEqual(previous.context.filterSlots, context.filterSlots)
  )
}

function hostsByName(table: RouteTable): ReadonlyMap<string, CompiledVirtualHost> {
  return new Map(table.virtualHosts.map((host) => [host.resource.name, host]))
}
